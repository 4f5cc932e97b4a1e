//! What the provider says of itself, and how far its work is.

use std::sync::Arc;

use axum::{extract::State, Json};
use serde::Serialize;
use serde_json::{json, Map, Value};

use super::ApiError;
use crate::{
	app::App,
	database::{Database, DatabaseError, Post, Refusal, Sector, Settlement, Stage},
	deal::intake,
	tasks::TaskRow,
};

/// How many entries of each history are shown.
const HISTORY: u32 = 200;

/// `GET /v1/info`
pub async fn info(State(app): State<Arc<App>>) -> Json<Value> {
	// The configured lead holds as long as the chain does not answer.
	let lead = match app.chain.policy().await {
		Ok(policy) => intake::lead(&app, &policy),
		Err(_) => app.config.deals.min_lead_blocks,
	};
	let ask = &app.config.ask;
	Json(json!({
		"account": app.chain.account().to_string(),
		"sectorSize": app.config.storage.sector_size.name(),
		"genesisHash": format!("0x{}", const_hex::encode(app.chain.genesis_hash())),
		"ask": {
			"pricePerGibBlock": ask.price_per_gib_block.to_string(),
			"minPieceBytes": ask.min_piece_bytes,
			"maxPieceBytes": app.config.max_piece_bytes(),
			"accepting": ask.accepting,
		},
		"minLeadBlocks": lead,
		"maxCollateralBasisPoints": app.config.deals.max_collateral_basis_points,
		"version": env!("CARGO_PKG_VERSION"),
	}))
}

/// `GET /v1/status`
pub async fn status(State(app): State<Arc<App>>) -> Result<Json<Value>, ApiError> {
	let status = collect(&app.database).await?;
	let mut value = serde_json::to_value(status).unwrap_or(Value::Null);
	if let Value::Object(fields) = &mut value {
		fields.insert("account".into(), app.chain.account().to_string().into());
		fields.insert(
			"sectorSize".into(),
			app.config.storage.sector_size.name().into(),
		);
		match app.chain.best_block().await {
			Ok(best) => fields.insert("block".into(), best.number.into()),
			Err(error) => fields.insert("chainError".into(), error.to_string().into()),
		};
		if let Ok(free) = app.store.free_bytes() {
			fields.insert("freeBytes".into(), free.into());
		}
	}
	Ok(Json(value))
}

/// What the database says of the daemon's work.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
	/// How many deals are in each state.
	pub deals: Map<String, Value>,
	/// The sectors, the newest first.
	pub sectors: Vec<SectorStatus>,
	/// What is to be done.
	pub tasks: Vec<TaskRow>,
	/// The accepted window PoSts, the newest first.
	pub posts: Vec<Post>,
	/// The proofs that the chain refused, the newest first.
	pub refusals: Vec<Refusal>,
	/// The payments, the newest first.
	pub settlements: Vec<Settlement>,
}

/// A sector with how long its stages took and what proved it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SectorStatus {
	/// The sector.
	#[serde(flatten)]
	pub sector: Sector,
	/// The deals in it.
	pub deals: Vec<u64>,
	/// Its stages.
	pub stages: Vec<Stage>,
	/// The window PoSts that proved it, the newest first.
	pub posts: Vec<Post>,
}

/// Reads the status from the database.
pub async fn collect(database: &Database) -> Result<Status, DatabaseError> {
	let posts = database.posts(HISTORY).await?;
	let mut sectors = Vec::new();
	for sector in database.sectors().await? {
		let number = sector.number;
		let deals = database.sector_deals(number).await?;
		sectors.push(SectorStatus {
			deals: deals.iter().filter_map(|deal| deal.deal_id).collect(),
			stages: database.stages(number).await?,
			posts: posts
				.iter()
				.filter(|post| post.sectors.contains(&number))
				.cloned()
				.collect(),
			sector,
		});
	}
	Ok(Status {
		deals: database
			.deal_counts()
			.await?
			.into_iter()
			.map(|(state, count)| (state, count.into()))
			.collect(),
		sectors,
		tasks: database.tasks().await?,
		posts,
		refusals: database.refusals(HISTORY).await?,
		settlements: database.settlements(HISTORY).await?,
	})
}
