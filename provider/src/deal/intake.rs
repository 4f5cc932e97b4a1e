//! Taking an offer: everything that can be checked before the data comes, and before anything costs
//! money.

use codec::Decode;
use holdfast_chain_client::{verify_signature, AccountId};
use holdfast_primitives::{policy::Policy, BlockNumber, DealProposal};
use serde::Deserialize;

use crate::{
	app::App,
	chain::ChainError,
	database::{now, DatabaseError, Deal, DealState, Inserted},
	store::{sealing_bytes, StoreError},
};

/// The longest encoded proposal; a real one has less than 200 bytes.
const MAX_PROPOSAL_BYTES: usize = 512;
/// The longest CID.
const MAX_CID_LENGTH: usize = 128;
/// Sealing needs at least this many blocks beyond the challenge delay, whatever is configured.
const LEAST_MARGIN: BlockNumber = 5;

/// What a client sends.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offer {
	/// The SCALE-encoded proposal, in hexadecimal.
	pub proposal: String,
	/// The client's sr25519 signature of it, in hexadecimal.
	pub signature: String,
	/// The length of the CAR file.
	pub payload_bytes: u64,
	/// The CAR file's root.
	pub root: String,
}

/// An offer that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
	/// The deal's id.
	pub id: String,
	/// How much of its data is here.
	pub received: u64,
	/// Whether it was not here before.
	pub new: bool,
}

/// Takes an offer, or says why not.
pub async fn take(app: &App, offer: &Offer) -> Result<Taken, IntakeError> {
	let deal = decode(offer)?;
	check_signature(app, &deal)?;
	let proposal = &deal.proposal;
	if proposal.provider != app.chain.account().0 {
		return Err(IntakeError::OtherProvider {
			ours: app.chain.account(),
		});
	}
	if let Some(known) = app.database.deal(&deal.id).await? {
		return known_deal(known);
	}
	check_terms(app, &deal)?;
	let policy = app.chain.policy().await?;
	let best = app.chain.best_block().await?.number;
	check_times(app, proposal, &policy, best)?;
	check_collateral(app, proposal, &policy)?;
	check_room(app, &deal).await?;
	check_chain(app, proposal).await?;
	match app.database.insert_deal(&deal).await? {
		Inserted::New => Ok(Taken {
			id: deal.id,
			received: 0,
			new: true,
		}),
		Inserted::Existing(known) => known_deal(*known),
		Inserted::NonceTaken => Err(IntakeError::NonceUsed {
			nonce: proposal.nonce,
		}),
	}
}

fn known_deal(deal: Deal) -> Result<Taken, IntakeError> {
	match deal.state {
		DealState::Failed | DealState::Expired => Err(IntakeError::Over {
			state: deal.state,
			error: deal.error.unwrap_or_default(),
		}),
		_ => Ok(Taken {
			id: deal.id,
			received: deal.received,
			new: false,
		}),
	}
}

fn decode(offer: &Offer) -> Result<Deal, IntakeError> {
	let malformed = |what: &'static str| IntakeError::Malformed { what };
	if offer.proposal.len() > 2 * MAX_PROPOSAL_BYTES + 2 {
		return Err(malformed("the proposal is too long"));
	}
	let bytes = const_hex::decode(&offer.proposal)
		.map_err(|_| malformed("the proposal is not hexadecimal"))?;
	let mut input = &bytes[..];
	let proposal = DealProposal::<[u8; 32]>::decode(&mut input)
		.map_err(|_| malformed("the proposal is not SCALE-encoded as the protocol says"))?;
	if !input.is_empty() {
		return Err(malformed("there are bytes after the proposal"));
	}
	// Decoding accepts any number as the size.
	let size = proposal.piece.size.bytes();
	if !size.is_power_of_two() || size < holdfast_primitives::piece::MIN_PIECE_BYTES {
		return Err(malformed(
			"the piece size is not a power of two of at least 128",
		));
	}
	let mut signature = [0; 64];
	const_hex::decode_to_slice(&offer.signature, &mut signature)
		.map_err(|_| malformed("the signature is not 64 bytes in hexadecimal"))?;
	if offer.root.len() > MAX_CID_LENGTH {
		return Err(malformed("the root is not a CID"));
	}
	let root: cid::Cid = offer
		.root
		.parse()
		.map_err(|_| malformed("the root is not a CID"))?;
	let at = now();
	Ok(Deal {
		id: super::deal_id(&bytes),
		proposal,
		signature,
		payload_bytes: offer.payload_bytes,
		root: root.to_string(),
		state: DealState::AwaitingData,
		received: 0,
		deal_id: None,
		sector: None,
		error: None,
		created_at: at,
		changed_at: at,
	})
}

fn check_signature(app: &App, deal: &Deal) -> Result<(), IntakeError> {
	let message = deal.proposal.signing_bytes(&app.chain.genesis_hash());
	let client = AccountId(deal.proposal.client);
	// Browser wallets wrap what they sign; the chain accepts that too.
	let wrapped = [&b"<Bytes>"[..], &message, &b"</Bytes>"[..]].concat();
	if verify_signature(&client, &message, &deal.signature)
		|| verify_signature(&client, &wrapped, &deal.signature)
	{
		Ok(())
	} else {
		Err(IntakeError::BadSignature)
	}
}

fn check_terms(app: &App, deal: &Deal) -> Result<(), IntakeError> {
	let ask = &app.config.ask;
	let proposal = &deal.proposal;
	if !ask.accepting {
		return Err(IntakeError::NotAccepting);
	}
	let size = proposal.piece.size;
	let (least, most) = (ask.min_piece_bytes, app.config.max_piece_bytes());
	if !(least..=most).contains(&size.bytes()) {
		return Err(IntakeError::PieceSize {
			size: size.bytes(),
			least,
			most,
		});
	}
	if deal.payload_bytes == 0 || deal.payload_bytes > size.unpadded_bytes() {
		return Err(IntakeError::PayloadSize {
			payload: deal.payload_bytes,
			room: size.unpadded_bytes(),
		});
	}
	let wanted = ask.price_per_block(size);
	if proposal.price_per_block < wanted {
		return Err(IntakeError::PriceTooLow {
			offered: proposal.price_per_block,
			wanted,
		});
	}
	Ok(())
}

/// How many blocks before a deal's start its data has to be here at least.
pub fn lead(app: &App, policy: &Policy) -> BlockNumber {
	app.config.deals.min_lead_blocks.max(
		policy
			.pre_commit_challenge_delay
			.saturating_add(LEAST_MARGIN),
	)
}

fn check_times(
	app: &App,
	proposal: &DealProposal<[u8; 32]>,
	policy: &Policy,
	best: BlockNumber,
) -> Result<(), IntakeError> {
	let earliest = best.saturating_add(lead(app, policy));
	if proposal.start < earliest {
		return Err(IntakeError::StartsTooSoon {
			start: proposal.start,
			earliest,
		});
	}
	let latest = best.saturating_add(policy.max_deal_start_delay);
	if proposal.start > latest {
		return Err(IntakeError::StartsTooLate {
			start: proposal.start,
			latest,
		});
	}
	if proposal.expires <= best || proposal.expires > proposal.start {
		return Err(IntakeError::Expiry {
			expires: proposal.expires,
			best,
			start: proposal.start,
		});
	}
	let (least, most) = (policy.min_deal_duration, policy.max_deal_duration);
	let longest_end = best.saturating_add(policy.max_sector_lifetime);
	if proposal.end <= proposal.start
		|| !(least..=most).contains(&proposal.duration())
		|| proposal.end > longest_end
	{
		return Err(IntakeError::Duration {
			duration: proposal.duration(),
			least,
			most,
			longest_end,
		});
	}
	Ok(())
}

fn check_collateral(
	app: &App,
	proposal: &DealProposal<[u8; 32]>,
	policy: &Policy,
) -> Result<(), IntakeError> {
	let total = proposal.total_price().ok_or(IntakeError::PriceOverflow)?;
	let share = |basis_points: u32| {
		total
			.checked_mul(basis_points.into())
			.map(|scaled| scaled.div_ceil(10_000))
			.ok_or(IntakeError::PriceOverflow)
	};
	let least = share(policy.min_collateral_basis_points)?;
	let most = share(app.config.deals.max_collateral_basis_points)?;
	if (least..=most).contains(&proposal.provider_collateral) {
		Ok(())
	} else {
		Err(IntakeError::Collateral {
			wanted: proposal.provider_collateral,
			least,
			most,
		})
	}
}

async fn check_room(app: &App, deal: &Deal) -> Result<(), IntakeError> {
	let waiting = app.database.waiting(&deal.proposal.client).await?;
	if waiting.all >= app.config.deals.max_waiting.into()
		|| waiting.of_client >= app.config.deals.max_waiting_per_client.into()
	{
		return Err(IntakeError::TooManyWaiting);
	}
	let size = app.config.storage.sector_size;
	let sectors = waiting
		.unsealed_bytes
		.saturating_add(deal.proposal.piece.size.bytes())
		.div_ceil(size.bytes());
	let needed = waiting
		.missing_bytes
		.saturating_add(deal.payload_bytes)
		.saturating_add(sectors.saturating_mul(sealing_bytes(size)));
	let free = app.store.free_bytes()?;
	if needed > free {
		return Err(IntakeError::NoSpace { needed, free });
	}
	Ok(())
}

async fn check_chain(app: &App, proposal: &DealProposal<[u8; 32]>) -> Result<(), IntakeError> {
	match app.chain.provider().await? {
		Some(info) if info.sector_size == app.config.storage.sector_size => {},
		_ => return Err(IntakeError::NotReady),
	}
	let client = AccountId(proposal.client);
	if app
		.chain
		.deal_of_nonce(client, proposal.nonce)
		.await?
		.is_some()
	{
		return Err(IntakeError::NonceUsed {
			nonce: proposal.nonce,
		});
	}
	let mut needed = proposal.total_price().ok_or(IntakeError::PriceOverflow)?;
	for other in app.database.unpublished_deals(&proposal.client).await? {
		needed = other
			.proposal
			.total_price()
			.and_then(|total| needed.checked_add(total))
			.ok_or(IntakeError::PriceOverflow)?;
	}
	let escrow = app.chain.balance(client).await?.escrow;
	if escrow < needed {
		return Err(IntakeError::ClientEscrow { escrow, needed });
	}
	let ours = app.chain.balance(app.chain.account()).await?;
	let spendable = if app.config.chain.auto_deposit {
		ours.escrow.saturating_add(ours.free)
	} else {
		ours.escrow
	};
	if spendable < proposal.provider_collateral {
		return Err(IntakeError::ProviderFunds);
	}
	Ok(())
}

/// Why an offer is not taken.
#[derive(Debug, thiserror::Error)]
pub enum IntakeError {
	/// It cannot be read.
	#[error("the offer cannot be read: {what}")]
	Malformed {
		/// What is wrong with it.
		what: &'static str,
	},
	/// The client did not sign it, or not for this chain.
	#[error(
		"the signature is not the client's over this proposal on this chain: sign the bytes \
		 `holdfast/deal/1`, the genesis hash and the encoded proposal with the client's sr25519 key"
	)]
	BadSignature,
	/// It is for somebody else.
	#[error("the proposal is for another provider: this one is {ours}")]
	OtherProvider {
		/// Our account.
		ours: AccountId,
	},
	/// No new deals are taken.
	#[error("this provider takes no new deals at the moment")]
	NotAccepting,
	/// The piece is too small or too large.
	#[error("a piece of {size} padded bytes is not taken here: {least} to {most} are")]
	PieceSize {
		/// What was offered.
		size: u64,
		/// The smallest.
		least: u64,
		/// The largest.
		most: u64,
	},
	/// There is no data, or more than the piece holds.
	#[error("{payload} bytes of data do not make this piece: it holds 1 to {room}")]
	PayloadSize {
		/// What was offered.
		payload: u64,
		/// What fits.
		room: u64,
	},
	/// It pays less than what is asked.
	#[error("the price of {offered} per block is too low: {wanted} is asked for this piece")]
	PriceTooLow {
		/// What was offered.
		offered: u128,
		/// What is asked.
		wanted: u128,
	},
	/// The price does not fit a number.
	#[error("the total price is too large a number")]
	PriceOverflow,
	/// There is not enough time to seal.
	#[error(
		"the deal starts at block {start}, too soon to be sealed: block {earliest} is the earliest"
	)]
	StartsTooSoon {
		/// What was offered.
		start: BlockNumber,
		/// The earliest.
		earliest: BlockNumber,
	},
	/// The chain does not accept starts so far ahead.
	#[error("the deal starts at block {start}, too far ahead: block {latest} is the latest")]
	StartsTooLate {
		/// What was offered.
		start: BlockNumber,
		/// The latest.
		latest: BlockNumber,
	},
	/// The proposal cannot be published any more, or still after its start.
	#[error("the proposal expires at block {expires}: that must be after block {best} and not after its start, {start}")]
	Expiry {
		/// What was offered.
		expires: BlockNumber,
		/// The best block.
		best: BlockNumber,
		/// The deal's start.
		start: BlockNumber,
	},
	/// It is too short or too long.
	#[error("a deal of {duration} blocks is not possible: it takes {least} to {most} and ends by block {longest_end}")]
	Duration {
		/// What was offered.
		duration: BlockNumber,
		/// The shortest.
		least: BlockNumber,
		/// The longest.
		most: BlockNumber,
		/// The latest end.
		longest_end: BlockNumber,
	},
	/// It wants too much or too little collateral.
	#[error("a collateral of {wanted} is not possible for this deal: {least} to {most} is")]
	Collateral {
		/// What was offered.
		wanted: u128,
		/// The least that the chain accepts.
		least: u128,
		/// The most that this provider locks.
		most: u128,
	},
	/// Too much data is awaited already.
	#[error(
		"too many deals wait for their data: upload the earlier ones first, or try again later"
	)]
	TooManyWaiting,
	/// The disk is too full.
	#[error("there is not enough space: {needed} bytes are needed, {free} are free")]
	NoSpace {
		/// What is needed.
		needed: u64,
		/// What is free.
		free: u64,
	},
	/// The client has used the nonce.
	#[error("the nonce {nonce} is used for another proposal of this client: choose another one")]
	NonceUsed {
		/// The nonce.
		nonce: u64,
	},
	/// The client cannot pay.
	#[error("the client's escrow holds {escrow}, but {needed} is needed for its deals here: deposit more")]
	ClientEscrow {
		/// What is there.
		escrow: u128,
		/// What is needed.
		needed: u128,
	},
	/// We cannot lock the collateral.
	#[error("this provider cannot lock the collateral at the moment: try again later")]
	ProviderFunds,
	/// The provider is not registered yet.
	#[error("this provider is not registered on the chain yet: try again in a minute")]
	NotReady,
	/// The deal was here and is over.
	#[error("this proposal is {} already: {error}", state.name())]
	Over {
		/// How it ended.
		state: DealState,
		/// Why.
		error: String,
	},
	/// The chain does not answer.
	#[error("the chain cannot be asked at the moment: {0}")]
	Chain(#[from] ChainError),
	/// The database failed.
	#[error(transparent)]
	Database(#[from] DatabaseError),
	/// The files failed.
	#[error(transparent)]
	Store(#[from] StoreError),
}
