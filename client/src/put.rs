//! Storing a file: hash it, choose providers, sign proposals, upload, and see the deals published.

use std::{
	io::{self, Read},
	path::PathBuf,
	time::Duration,
};

use codec::Encode;
use holdfast_chain_client::{AccountId, ChainClient, ProviderInfo, QueryError, Signer};
use holdfast_data::{import::ImportError, shard::FileChanged, PackError};
use holdfast_primitives::{
	policy::GIB, Balance, BlockNumber, DealId, DealProposal, PieceInfo, Policy,
};
use serde::Serialize;
use thiserror::Error;
use tokio::time::sleep;

use crate::{
	amount::format_amount,
	api::{genesis_of, Accepted, ApiError, DealStatus, Info, ProviderApi},
	ticket::{Ticket, TicketShard},
};

mod packed;

use packed::{check_source, hash, Packed};

/// How much of a piece travels in one request.
const UPLOAD_PART: usize = 1 << 20;
/// How often an upload is taken up again without any progress in between.
const UPLOAD_ATTEMPTS: u32 = 6;
/// The first pause before an upload is taken up again; it doubles each time.
const UPLOAD_PAUSE: Duration = Duration::from_millis(500);
/// How often a provider is asked how a deal stands.
const POLL: Duration = Duration::from_millis(500);
/// How long a deal may take to be published.
const PUBLISH_LIMIT: Duration = Duration::from_secs(300);
/// Sealing one sector after another: how many blocks later each further piece's deal starts.
const START_DELAY_PER_PIECE: BlockNumber = 180;

/// How a file is to be stored.
#[derive(Clone, Debug)]
pub struct PutOptions {
	/// The file or folder.
	pub file: PathBuf,
	/// The only providers that may have it; empty for any.
	pub providers: Vec<AccountId>,
	/// For how many blocks; `None` for the shortest time that the network allows, and at least a
	/// few proving periods.
	pub duration: Option<BlockNumber>,
	/// In how many blocks the deals start; `None` for what the providers need.
	pub start_in: Option<BlockNumber>,
	/// The most to pay for a GiB in each block; `None` for whatever the cheapest provider asks.
	pub max_price: Option<Balance>,
	/// Whether a folder's entries whose names begin with a dot are stored, too.
	pub hidden: bool,
	/// Changes the bytes on their way, to show that the provider notices. For demonstrations.
	pub corrupt_upload: bool,
}

impl PutOptions {
	/// That file or folder, without hidden entries, with whatever providers, time and price come of themselves.
	pub fn new(file: impl Into<PathBuf>) -> Self {
		Self {
			file: file.into(),
			providers: Vec::new(),
			duration: None,
			start_in: None,
			max_price: None,
			hidden: false,
			corrupt_upload: false,
		}
	}
}

/// What happens while a file is stored.
#[derive(Clone, Debug, Serialize)]
#[serde(
	rename_all = "camelCase",
	rename_all_fields = "camelCase",
	tag = "stage"
)]
pub enum PutEvent {
	/// The file is being read.
	Hashing {
		/// The bytes read so far.
		done: u64,
		/// The file's bytes.
		total: u64,
	},
	/// The file is hashed.
	Hashed {
		/// Its root.
		root: String,
		/// How many pieces it makes.
		pieces: usize,
	},
	/// A provider has agreed to take a piece.
	Offered {
		/// Which piece.
		piece: usize,
		/// The provider's name for the deal.
		id: String,
		/// Who.
		provider: AccountId,
		/// Where.
		url: String,
	},
	/// A piece is on its way.
	Uploading {
		/// Which piece.
		piece: usize,
		/// The bytes that arrived.
		done: u64,
		/// The bytes that it has.
		total: u64,
	},
	/// An upload broke off and is taken up again.
	Retrying {
		/// Which piece.
		piece: usize,
		/// What went wrong.
		reason: String,
	},
	/// A piece arrived whole, and its CommP is right.
	Uploaded {
		/// Which piece.
		piece: usize,
	},
	/// A piece's deal is published; its price is held.
	Published {
		/// Which piece.
		piece: usize,
		/// The deal.
		deal: DealId,
	},
}

/// A stored file.
#[derive(Clone, Debug)]
pub struct Stored {
	/// What fetches it back.
	pub ticket: Ticket,
	/// The provider's names for the deals, in the order of the pieces.
	pub ids: Vec<String>,
}

/// Why a file was not stored.
#[derive(Debug, Error)]
pub enum PutError {
	/// The file cannot be read.
	#[error("cannot read {path}: {source}")]
	File {
		/// The file.
		path: PathBuf,
		/// What the operating system said.
		source: std::io::Error,
	},
	/// A device or the like.
	#[error("{0} is no file and no folder: only those can be stored")]
	NotAFile(PathBuf),
	/// There is nothing to store.
	#[error("{0} is empty: there is nothing to store")]
	Empty(PathBuf),
	/// Hashing failed.
	#[error(transparent)]
	Pack(#[from] PackError),
	/// Hashing a folder failed.
	#[error(transparent)]
	Import(#[from] ImportError),
	/// The file changed between hashing and uploading.
	#[error("{0} changed while it was being stored: store it again")]
	Changed(PathBuf),
	/// Nobody takes the deal.
	#[error("no provider on this chain takes the file: {0}")]
	NoProvider(String),
	/// The deal lasts too long or not long enough.
	#[error("a deal must last {min} to {max} blocks on this chain, not {asked}")]
	Duration {
		/// What was asked.
		asked: BlockNumber,
		/// The least.
		min: BlockNumber,
		/// The most.
		max: BlockNumber,
	},
	/// There is not enough in escrow.
	#[error(
		"the deals cost {} but only {} is in escrow: run `holdfast wallet deposit {}`",
		format_amount(*needed), format_amount(*escrow), deposit_needed(*needed, *escrow)
	)]
	Escrow {
		/// What all deals cost.
		needed: Balance,
		/// What is there.
		escrow: Balance,
	},
	/// A sum is too large.
	#[error("the price of the deals is too large a number: lower the price or the duration")]
	Overflow,
	/// The provider said no, or cannot be reached.
	#[error(transparent)]
	Api(#[from] ApiError),
	/// The deal was lost after the upload.
	#[error("the deal for piece {piece} was lost: {reason}")]
	Lost {
		/// Which piece.
		piece: usize,
		/// What the provider says.
		reason: String,
	},
	/// The provider is slow to publish.
	#[error("the provider has not published the deal for piece {piece} within {} s: see `holdfast status {id}`", PUBLISH_LIMIT.as_secs())]
	NotPublished {
		/// Which piece.
		piece: usize,
		/// The provider's name for the deal.
		id: String,
	},
	/// The chain does not answer.
	#[error(transparent)]
	Chain(#[from] QueryError),
}

/// What has to be deposited, as `holdfast wallet deposit` takes it.
fn deposit_needed(needed: Balance, escrow: Balance) -> String {
	let missing = format_amount(needed.saturating_sub(escrow));
	missing.trim_end_matches(" HOLD").to_owned()
}

/// A provider that takes deals, and what it asks.
struct Candidate {
	account: AccountId,
	info: ProviderInfo,
	api: ProviderApi,
	lead: BlockNumber,
}

/// Stores a file. Returns when all its deals are published; sealing and proving go on without us.
pub async fn put(
	chain: &ChainClient,
	signer: &Signer,
	options: &PutOptions,
	report: &(dyn Fn(PutEvent) + Send + Sync),
) -> Result<Stored, PutError> {
	let source = check_source(&options.file)?;
	let policy = chain.policy().await?;
	let duration = choose_duration(&policy, options.duration)?;
	let candidates = candidates(chain, options).await?;
	let capacity = candidates
		.iter()
		.map(|candidate| largest_piece(&candidate.info))
		.max()
		.unwrap_or_default();

	let package = hash(options, source, capacity, report).await?;
	let pieces = (0..package.shards())
		.map(|index| package.piece(index))
		.collect::<Result<Vec<_>, _>>()?;
	report(PutEvent::Hashed {
		root: package.root().to_string(),
		pieces: pieces.len(),
	});

	let offers = draw_up(chain, signer, options, &candidates, &pieces, duration).await?;
	let mut ids = Vec::with_capacity(offers.len());
	for (index, (proposal, candidate)) in offers.iter().enumerate() {
		let signature = signer.sign(&proposal.signing_bytes(&chain.genesis_hash()));
		let taken = candidate
			.api
			.offer(
				&proposal.encode(),
				&signature,
				package.car_bytes(index),
				&package.root(),
			)
			.await?;
		report(PutEvent::Offered {
			piece: index,
			id: taken.id.clone(),
			provider: candidate.account,
			url: candidate.api.url().to_owned(),
		});
		upload(&candidate.api, &taken, index, &package, options, report).await?;
		report(PutEvent::Uploaded { piece: index });
		ids.push(taken.id);
	}

	let mut shards = Vec::with_capacity(ids.len());
	for (index, (id, (_, candidate))) in ids.iter().zip(&offers).enumerate() {
		let deal = await_published(&candidate.api, id, index).await?;
		report(PutEvent::Published { piece: index, deal });
		shards.push(TicketShard {
			piece: pieces[index],
			car_bytes: package.car_bytes(index),
			provider: candidate.account.0,
			url: candidate.api.url().to_owned(),
			deal,
		});
	}
	let name = holdfast_data::import::own_name(&options.file)?;
	Ok(Stored {
		ticket: Ticket {
			root: package.root(),
			name,
			size: package.file_bytes(),
			shards,
			folder: package.folder_nodes(),
		},
		ids,
	})
}

fn choose_duration(policy: &Policy, asked: Option<BlockNumber>) -> Result<BlockNumber, PutError> {
	let (min, max) = (policy.min_deal_duration, policy.max_deal_duration);
	let default = policy.proving_period.saturating_mul(10).clamp(min, max);
	let duration = asked.unwrap_or(default);
	if duration < min || duration > max {
		return Err(PutError::Duration {
			asked: duration,
			min,
			max,
		});
	}
	Ok(duration)
}

/// The unpadded bytes of the largest piece that a provider takes.
fn largest_piece(info: &ProviderInfo) -> u64 {
	info.ask.max_piece_bytes.min(info.sector_size.bytes()) / 128 * 127
}

/// The providers that take deals and answer, the cheapest first.
async fn candidates(chain: &ChainClient, options: &PutOptions) -> Result<Vec<Candidate>, PutError> {
	let mut found = Vec::new();
	let mut reasons = Vec::new();
	for (account, info) in chain.providers().await? {
		if !options.providers.is_empty() && !options.providers.contains(&account) {
			continue;
		}
		match probe(chain, options, account, info).await {
			Ok(candidate) => found.push(candidate),
			Err(reason) => reasons.push(format!("{account}: {reason}")),
		}
	}
	if found.is_empty() {
		let none = if options.providers.is_empty() {
			"there is none"
		} else {
			"those that were named are not registered"
		};
		let reasons = if reasons.is_empty() {
			none.into()
		} else {
			reasons.join("; ")
		};
		return Err(PutError::NoProvider(reasons));
	}
	found.sort_by_key(|candidate| candidate.info.ask.price_per_gib_block);
	Ok(found)
}

async fn probe(
	chain: &ChainClient,
	options: &PutOptions,
	account: AccountId,
	info: ProviderInfo,
) -> Result<Candidate, String> {
	if !info.ask.accepting {
		return Err("takes no deals at present".into());
	}
	let price = info.ask.price_per_gib_block;
	if options.max_price.is_some_and(|max| price > max) {
		return Err(format!("asks {price} for a GiB and block"));
	}
	let mut last = "has announced no address".to_owned();
	for address in &info.addresses {
		match answer(chain, account, address).await {
			Ok((api, answer)) => {
				return Ok(Candidate {
					account,
					info,
					api,
					lead: answer.min_lead_blocks,
				});
			},
			Err(reason) => last = reason,
		}
	}
	Err(last)
}

async fn answer(
	chain: &ChainClient,
	account: AccountId,
	address: &str,
) -> Result<(ProviderApi, Info), String> {
	let api = ProviderApi::new(address).map_err(|error| error.to_string())?;
	let info = api.info().await.map_err(|error| error.to_string())?;
	if info.account != account {
		return Err(format!("{address} is another provider's"));
	}
	if genesis_of(&info) != Some(chain.genesis_hash()) {
		return Err(format!("{address} is on another chain"));
	}
	Ok((api, info))
}

/// A proposal for each piece, with who gets it. Fails unless the escrow covers them all.
async fn draw_up<'a>(
	chain: &ChainClient,
	signer: &Signer,
	options: &PutOptions,
	candidates: &'a [Candidate],
	pieces: &[PieceInfo],
	duration: BlockNumber,
) -> Result<Vec<(DealProposal<AccountId>, &'a Candidate)>, PutError> {
	let policy = chain.policy().await?;
	let now = chain.best_block().await?.number;
	let mut free: Vec<u64> = candidates
		.iter()
		.map(|candidate| candidate.info.free_space)
		.collect();
	let mut needed: Balance = 0;
	let mut offers = Vec::with_capacity(pieces.len());
	for (index, piece) in pieces.iter().enumerate() {
		let (place, candidate) = candidates
			.iter()
			.enumerate()
			.find(|(place, candidate)| {
				let bytes = piece.size.bytes();
				(candidate.info.ask.min_piece_bytes..=candidate.info.ask.max_piece_bytes)
					.contains(&bytes)
					&& free[*place] >= bytes
			})
			.ok_or_else(|| {
				let bytes = piece.size.bytes();
				PutError::NoProvider(format!("none has room for a piece of {bytes} bytes"))
			})?;
		free[place] = free[place].saturating_sub(piece.size.bytes());
		let wait = options.start_in.unwrap_or_else(|| {
			let turn = BlockNumber::try_from(index).unwrap_or(BlockNumber::MAX);
			let delay = START_DELAY_PER_PIECE.saturating_mul(turn.saturating_add(1));
			candidate
				.lead
				.saturating_add(delay)
				.min(policy.max_deal_start_delay)
		});
		let start = now.saturating_add(wait);
		let proposal = propose(signer, candidate, &policy, *piece, start, duration)?;
		let total = proposal.total_price().ok_or(PutError::Overflow)?;
		needed = needed.checked_add(total).ok_or(PutError::Overflow)?;
		offers.push((proposal, candidate));
	}
	let escrow = chain.balance(&signer.account()).await?.escrow;
	if escrow < needed {
		return Err(PutError::Escrow { needed, escrow });
	}
	Ok(offers)
}

fn propose(
	signer: &Signer,
	candidate: &Candidate,
	policy: &Policy,
	piece: PieceInfo,
	start: BlockNumber,
	duration: BlockNumber,
) -> Result<DealProposal<AccountId>, PutError> {
	let price_per_block = candidate
		.info
		.ask
		.price_per_gib_block
		.checked_mul(piece.size.bytes().into())
		.ok_or(PutError::Overflow)?
		.div_ceil(GIB.into());
	let mut proposal = DealProposal {
		piece,
		client: signer.account(),
		provider: candidate.account,
		start,
		end: start.checked_add(duration).ok_or(PutError::Overflow)?,
		price_per_block,
		provider_collateral: 0,
		nonce: rand::random(),
		expires: start,
	};
	let total = proposal.total_price().ok_or(PutError::Overflow)?;
	proposal.provider_collateral = total
		.checked_mul(policy.min_collateral_basis_points.into())
		.ok_or(PutError::Overflow)?
		.div_ceil(10_000);
	Ok(proposal)
}

async fn upload(
	api: &ProviderApi,
	deal: &Accepted,
	piece: usize,
	package: &Packed,
	options: &PutOptions,
	report: &(dyn Fn(PutEvent) + Send + Sync),
) -> Result<(), PutError> {
	let total = package.car_bytes(piece);
	let mut received = deal.received;
	let mut failures = 0;
	while received < total {
		report(PutEvent::Uploading {
			piece,
			done: received,
			total,
		});
		let bytes = read_part(package, piece, received, options).await?;
		match api.upload(deal, received, bytes).await {
			Ok(now) => {
				received = now;
				failures = 0;
			},
			Err(ApiError::Offset { received: there }) => received = there,
			Err(error) if error.is_transient() && failures < UPLOAD_ATTEMPTS => {
				report(PutEvent::Retrying {
					piece,
					reason: error.to_string(),
				});
				sleep(UPLOAD_PAUSE.saturating_mul(1 << failures)).await;
				failures = failures.saturating_add(1);
				// What the provider kept decides where to go on.
				if let Ok(status) = api.deal(&deal.id).await {
					received = status.received;
				}
			},
			Err(error) => return Err(error.into()),
		}
	}
	report(PutEvent::Uploading {
		piece,
		done: total,
		total,
	});
	Ok(())
}

async fn read_part(
	package: &Packed,
	piece: usize,
	offset: u64,
	options: &PutOptions,
) -> Result<Vec<u8>, PutError> {
	let (package, path) = (package.clone(), options.file.clone());
	let part = tokio::task::spawn_blocking(move || {
		let failed = |source: io::Error| {
			let path = path.clone();
			if source
				.get_ref()
				.is_some_and(|inner| inner.is::<FileChanged>())
			{
				PutError::Changed(path)
			} else {
				PutError::File { path, source }
			}
		};
		let mut bytes = Vec::with_capacity(UPLOAD_PART);
		package
			.open_at(piece, &path, offset)
			.map_err(failed)?
			.take(u64::try_from(UPLOAD_PART).unwrap_or(u64::MAX))
			.read_to_end(&mut bytes)
			.map_err(failed)?;
		Ok::<_, PutError>(bytes)
	});
	let mut bytes = part
		.await
		.map_err(|_| PutError::Changed(options.file.clone()))??;
	if bytes.is_empty() {
		return Err(PutError::Changed(options.file.clone()));
	}
	if options.corrupt_upload && offset == 0 {
		if let Some(last) = bytes.last_mut() {
			*last ^= 1;
		}
	}
	Ok(bytes)
}

async fn await_published(api: &ProviderApi, id: &str, piece: usize) -> Result<DealId, PutError> {
	let deadline = tokio::time::Instant::now() + PUBLISH_LIMIT;
	loop {
		match api.deal(id).await {
			Ok(DealStatus {
				deal_id: Some(deal),
				..
			}) => return Ok(deal),
			Ok(status) if status.is_lost() => {
				let reason = status.error.unwrap_or(status.state);
				return Err(PutError::Lost { piece, reason });
			},
			Ok(_) => {},
			Err(error) if error.is_transient() => {},
			Err(error) => return Err(error.into()),
		}
		if tokio::time::Instant::now() > deadline {
			return Err(PutError::NotPublished {
				piece,
				id: id.into(),
			});
		}
		sleep(POLL).await;
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn a_short_escrow_says_what_to_run() {
		let error = PutError::Escrow {
			needed: 1_500_000_000_000,
			escrow: 250_000_000_000,
		};
		assert_eq!(
			error.to_string(),
			"the deals cost 1.5 HOLD but only 0.25 HOLD is in escrow: run `holdfast wallet deposit 1.25`"
		);
	}
}
