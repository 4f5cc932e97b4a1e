//! Keeping the provider's record on the chain what the configuration says.

use std::time::Duration;

use holdfast_chain_client::{Ask, Call};
use tracing::info;

use crate::{
	app::App,
	tasks::{Outcome, TaskError},
};

/// How often one looks.
const POLL: Duration = Duration::from_secs(60);
/// The announced free space is changed when it is off by more than one part in so many.
const SPACE_TOLERANCE: u64 = 4;

/// Registers the provider, or brings its record up to date.
pub async fn run(app: &App) -> Result<Outcome, TaskError> {
	let config = &app.config;
	let addresses = vec![config.api.announced_url()];
	let ask = Ask {
		price_per_gib_block: config.ask.price_per_gib_block.into(),
		min_piece_bytes: config.ask.min_piece_bytes,
		max_piece_bytes: config.max_piece_bytes(),
		accepting: config.ask.accepting,
	};
	let free_space = app.store.free_bytes()?;
	let Some(found) = app.chain.provider().await? else {
		check_funds(app).await?;
		info!(account = %app.chain.account(), address = addresses[0], "registering");
		app.chain
			.submit(Call::Register {
				sector_size: config.storage.sector_size,
				addresses,
				ask,
				free_space,
			})
			.await?;
		return Ok(Outcome::Again(POLL));
	};
	if found.sector_size != config.storage.sector_size {
		return Err(TaskError::later(format!(
			"the provider is registered with sectors of {}, the configuration says {}: that cannot be \
			 changed; use another account, or set sector_size back",
			found.sector_size, config.storage.sector_size
		)));
	}
	if found.addresses != addresses {
		info!(address = addresses[0], "announcing another address");
		app.chain.submit(Call::SetAddresses(addresses)).await?;
	}
	if found.ask != ask {
		info!("announcing another ask");
		app.chain.submit(Call::SetAsk(ask)).await?;
	}
	if found.free_space.abs_diff(free_space) > found.free_space / SPACE_TOLERANCE {
		app.chain.submit(Call::SetFreeSpace(free_space)).await?;
	}
	Ok(Outcome::Again(POLL))
}

async fn check_funds(app: &App) -> Result<(), TaskError> {
	let account = app.chain.account();
	if app.chain.balance(account).await?.free > 0 {
		return Ok(());
	}
	if app.config.chain.use_faucet {
		info!(%account, "asking the faucet for money");
		app.chain.drip().await?;
		return Ok(());
	}
	Err(TaskError::later(format!(
		"the account {account} has no money: send it some, or set use_faucet on a test network"
	)))
}
