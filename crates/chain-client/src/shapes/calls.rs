//! Calls as the chain encodes them.

use holdfast_primitives::{
	Balance, BlockNumber, CommR, DeadlineIndex, DealId, DealProposal, PartitionIndex, ProofBytes,
	SectorNumber, SectorSize,
};
use subxt::{
	ext::scale_encode::{EncodeAsFields, EncodeAsType, Error, FieldIter, TypeResolver},
	transactions::DynamicPayload,
	utils::{AccountId32, MultiAddress, MultiSignature, Static},
};

use crate::{call, shapes::storage::pallet, types, AccountId, Call};

/// A call in the library's form, to be encoded with the chain's own metadata.
pub(crate) fn payload(call: &Call) -> DynamicPayload<Arguments<'_>> {
	let (pallet, name) = call.name();
	subxt::dynamic::transaction(pallet, name, Arguments(call))
}

/// The faucet's call, in the library's form.
pub(crate) fn drip(account: &AccountId) -> DynamicPayload<Drip> {
	let drip = Drip {
		account: AccountId32(account.0),
	};
	subxt::dynamic::transaction(pallet::FAUCET, "drip", drip)
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
pub(crate) struct Drip {
	account: AccountId32,
}

/// The arguments of a call.
pub(crate) struct Arguments<'a>(&'a Call);

/// Encodes arguments, which are matched with the chain's by name.
macro_rules! encode {
	($fields:ident, $types:ident, $out:ident, { $($name:ident: $kind:ty = $value:expr),+ $(,)? }) => {{
		#[derive(EncodeAsType)]
		#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
		struct Named {
			$($name: $kind,)+
		}
		Named { $($name: $value,)+ }.encode_as_fields_to($fields, $types, $out)
	}};
}

impl EncodeAsFields for Arguments<'_> {
	fn encode_as_fields_to<R: TypeResolver>(
		&self,
		fields: &mut dyn FieldIter<'_, R::TypeId>,
		types: &R,
		out: &mut Vec<u8>,
	) -> Result<(), Error> {
		match self.0 {
			Call::Register {
				sector_size,
				addresses,
				ask,
				free_space,
			} => encode!(fields, types, out, {
				sector_size: Static<SectorSize> = Static(*sector_size),
				addresses: Vec<Vec<u8>> = as_bytes(addresses),
				ask: Ask = ask.into(),
				free_space: u64 = *free_space,
			}),
			Call::SetAddresses(addresses) => encode!(fields, types, out, {
				addresses: Vec<Vec<u8>> = as_bytes(addresses),
			}),
			Call::SetAsk(ask) => encode!(fields, types, out, { ask: Ask = ask.into() }),
			Call::SetFreeSpace(bytes) => encode!(fields, types, out, { free_space: u64 = *bytes }),
			Call::Deposit(amount) | Call::Withdraw(amount) => {
				encode!(fields, types, out, { amount: Balance = *amount })
			},
			Call::PublishDeals(proposals) => encode!(fields, types, out, {
				proposals: Vec<SignedProposal> = convert(proposals),
			}),
			Call::SettleDeals(deals) => encode!(fields, types, out, {
				deals: Vec<DealId> = deals.clone(),
			}),
			Call::PreCommitSectors(sectors) => encode!(fields, types, out, {
				sectors: Vec<PreCommitSector> = convert(sectors),
			}),
			Call::ProveCommitSectors(sectors) => encode!(fields, types, out, {
				proofs: Vec<ProveCommitSector> = convert(sectors),
			}),
			Call::SubmitWindowPost {
				deadline,
				submissions,
			} => encode!(fields, types, out, {
				deadline: DeadlineIndex = *deadline,
				submissions: Vec<PostSubmission> = convert(submissions),
			}),
			Call::DeclareFaults {
				deadline,
				declarations,
			}
			| Call::DeclareRecoveries {
				deadline,
				declarations,
			} => encode!(fields, types, out, {
				deadline: DeadlineIndex = *deadline,
				declarations: Vec<(PartitionIndex, Vec<SectorNumber>)> = declarations.clone(),
			}),
			Call::Transfer { to, amount } => encode!(fields, types, out, {
				dest: MultiAddress<AccountId32, ()> = MultiAddress::Id(AccountId32(to.0)),
				value: Balance = *amount,
			}),
		}
	}
}

fn as_bytes(texts: &[String]) -> Vec<Vec<u8>> {
	texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

fn convert<'a, From, To>(items: &'a [From]) -> Vec<To>
where
	To: core::convert::From<&'a From>,
{
	items.iter().map(To::from).collect()
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct Ask {
	price_per_gib_block: Balance,
	min_piece_bytes: u64,
	max_piece_bytes: u64,
	accepting: bool,
}

impl From<&types::Ask> for Ask {
	fn from(ask: &types::Ask) -> Self {
		Self {
			price_per_gib_block: ask.price_per_gib_block,
			min_piece_bytes: ask.min_piece_bytes,
			max_piece_bytes: ask.max_piece_bytes,
			accepting: ask.accepting,
		}
	}
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct SignedProposal {
	proposal: Static<DealProposal<AccountId>>,
	signature: MultiSignature,
}

impl From<&call::SignedProposal> for SignedProposal {
	fn from(signed: &call::SignedProposal) -> Self {
		Self {
			proposal: Static(signed.proposal.clone()),
			signature: MultiSignature::Sr25519(signed.signature),
		}
	}
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct PreCommitSector {
	sector: SectorNumber,
	comm_r: Static<CommR>,
	ticket_block: BlockNumber,
	expiration: BlockNumber,
	deals: Vec<DealId>,
}

impl From<&call::PreCommitSector> for PreCommitSector {
	fn from(sector: &call::PreCommitSector) -> Self {
		Self {
			sector: sector.sector,
			comm_r: Static(sector.comm_r),
			ticket_block: sector.ticket_block,
			expiration: sector.expiration,
			deals: sector.deals.clone(),
		}
	}
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct ProveCommitSector {
	sector: SectorNumber,
	proofs: Vec<ProofBytes>,
}

impl From<&call::ProveCommitSector> for ProveCommitSector {
	fn from(sector: &call::ProveCommitSector) -> Self {
		Self {
			sector: sector.sector,
			proofs: sector.proofs.clone(),
		}
	}
}

#[derive(EncodeAsType)]
#[encode_as_type(crate_path = "subxt::ext::scale_encode")]
struct PostSubmission {
	partition: PartitionIndex,
	skipped: Vec<u8>,
	proof: ProofBytes,
}

impl From<&call::PostSubmission> for PostSubmission {
	fn from(submission: &call::PostSubmission) -> Self {
		Self {
			partition: submission.partition,
			skipped: bit_field(&submission.skipped),
			proof: submission.proof,
		}
	}
}

/// Positions as the chain has them: bit `p % 8` of byte `p / 8`, and no empty byte at the end.
fn bit_field(positions: &[u32]) -> Vec<u8> {
	let mut field = Vec::new();
	for position in positions {
		let byte = usize::try_from(position / 8).unwrap_or(usize::MAX);
		if field.len() <= byte {
			field.resize(byte.saturating_add(1), 0);
		}
		if let Some(bits) = field.get_mut(byte) {
			*bits |= 1u8 << (position % 8);
		}
	}
	field
}
