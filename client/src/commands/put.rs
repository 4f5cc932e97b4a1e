//! `holdfast put`.

use std::{path::PathBuf, sync::Mutex};

use clap::{Args, ValueEnum};
use holdfast_chain_client::AccountId;
use holdfast_client::{api::ProviderApi, put, PutEvent, PutOptions, Stored};
use holdfast_primitives::{Balance, BlockNumber};
use indicatif::ProgressBar;
use serde_json::json;

use crate::{output::Output, Global};

/// Store a file or folder and print the ticket that fetches it back.
#[derive(Debug, Args)]
pub struct Put {
	/// The file, or a folder with all that is in it.
	file: PathBuf,
	/// Only this provider may have it (an account; can be given more than once). Without it: the cheapest.
	#[arg(long, value_name = "ACCOUNT")]
	provider: Vec<AccountId>,
	/// For how many blocks it is stored.
	#[arg(long, value_name = "BLOCKS")]
	duration: Option<BlockNumber>,
	/// In how many blocks the deals start; the provider needs the time to seal.
	#[arg(long, value_name = "BLOCKS")]
	start_in: Option<BlockNumber>,
	/// The most to pay for a GiB in each block, in the smallest unit.
	#[arg(long, value_name = "AMOUNT")]
	max_price: Option<Balance>,
	/// Store a folder's entries whose names begin with a dot, too.
	#[arg(short = 'H', long)]
	hidden: bool,
	/// When to return.
	#[arg(long, value_enum, default_value_t = Wait::Published)]
	wait: Wait,
}

/// When `put` returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Wait {
	/// When the deals are published and their price is held.
	Published,
	/// When the sectors with the file are proven.
	Active,
}

impl Put {
	/// Stores the file or folder.
	pub async fn run(self, global: &Global, output: Output) -> anyhow::Result<()> {
		let signer = global.signer()?;
		let chain = global.chain().await?;
		let options = PutOptions {
			providers: self.provider,
			duration: self.duration,
			start_in: self.start_in,
			max_price: self.max_price,
			hidden: self.hidden,
			..PutOptions::new(self.file)
		};
		let shown = Shown {
			output,
			bar: Mutex::new(None),
		};
		let stored = put(&chain, &signer, &options, &|event| shown.show(event)).await?;
		if self.wait == Wait::Active {
			await_active(&stored, output).await?;
		}
		let deals: Vec<_> = stored
			.ticket
			.shards
			.iter()
			.map(|shard| shard.deal)
			.collect();
		let result = json!({
			"ticket": stored.ticket.to_string(),
			"root": stored.ticket.root.to_string(),
			"size": stored.ticket.size,
			"deals": deals,
			"ids": stored.ids,
		});
		output.result(&result, || stored.ticket.to_string());
		Ok(())
	}
}

async fn await_active(stored: &Stored, output: Output) -> anyhow::Result<()> {
	for (shard, id) in stored.ticket.shards.iter().zip(&stored.ids) {
		let api = ProviderApi::new(&shard.url)?;
		let mut last = String::new();
		loop {
			let status = match api.deal(id).await {
				Ok(status) => status,
				// The deal is published: the provider's absence is no reason to give up.
				Err(error) if error.is_transient() => {
					output.note(format!("deal {}: {error}", shard.deal));
					tokio::time::sleep(std::time::Duration::from_secs(5)).await;
					continue;
				},
				Err(error) => return Err(error.into()),
			};
			if status.state != last {
				output.note(format!("deal {}: {}", shard.deal, status.state));
				last.clone_from(&status.state);
			}
			if status.state == "active" {
				break;
			}
			if status.is_lost() {
				let reason = status.error.unwrap_or(status.state);
				anyhow::bail!("deal {} was lost: {reason}", shard.deal);
			}
			tokio::time::sleep(std::time::Duration::from_secs(1)).await;
		}
	}
	Ok(())
}

/// Shows what happens while a file is stored.
struct Shown {
	output: Output,
	bar: Mutex<Option<ProgressBar>>,
}

impl Shown {
	fn show(&self, event: PutEvent) {
		match event {
			PutEvent::Hashing { done, total } => self.advance("hash", done, total),
			PutEvent::Hashed { root, pieces } => {
				self.finish();
				self.output.note(format!("{root} in {pieces} piece(s)"));
			},
			PutEvent::Offered {
				piece,
				provider,
				url,
				..
			} => {
				self.output
					.note(format!("piece {piece}: {provider} at {url} takes it"));
			},
			PutEvent::Uploading { done, total, .. } => self.advance("upload", done, total),
			PutEvent::Retrying { piece, reason } => {
				self.output
					.note(format!("piece {piece}: trying again: {reason}"));
			},
			PutEvent::Uploaded { .. } => self.finish(),
			PutEvent::Published { piece, deal } => {
				self.output
					.note(format!("piece {piece}: deal {deal} is published"));
			},
		}
	}

	fn advance(&self, what: &str, done: u64, total: u64) {
		if let Ok(mut bar) = self.bar.lock() {
			bar.get_or_insert_with(|| self.output.bytes(what, total))
				.set_position(done);
		}
	}

	fn finish(&self) {
		if let Ok(Some(bar)) = self.bar.lock().map(|mut bar| bar.take()) {
			bar.finish();
		}
	}
}
