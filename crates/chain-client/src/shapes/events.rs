//! Events as the chain encodes them.

use holdfast_primitives::{Balance, DeadlineIndex, DealId, PartitionIndex, SectorNumber};
use subxt::{
	dynamic::Value, error::EventsError, ext::scale_decode::DecodeAsType, utils::Static, Config,
	Metadata,
};

use crate::{dispatch::Failure, shapes::storage::pallet, AccountId, Event};

type Account = Static<AccountId>;

/// Declares the fields of events that are of interest, and how they become our event.
macro_rules! events {
	($record:ident, $metadata:ident, {
		$($pallet:path, $name:ident { $($field:ident: $kind:ty),* $(,)? } => $event:expr,)*
	}) => {
		match ($record.pallet_name(), $record.event_name()) {
			$(($pallet, stringify!($name)) => {
				#[derive(DecodeAsType)]
				#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
				struct $name {
					$($field: $kind,)*
				}
				let $name { $($field,)* } = $record.decode_fields_unchecked_as()?;
				$event
			})*
			(pallet, variant) => Event::Other {
				pallet: pallet.to_owned(),
				variant: variant.to_owned(),
			},
		}
	};
}

/// Decodes one event.
// The derives import more than each of them uses, which is noticed only inside of a macro.
#[allow(unused_imports)]
// The error is the library's.
#[allow(clippy::result_large_err)]
pub(crate) fn decode<T: Config>(
	record: &subxt::events::Event<'_, T>,
	metadata: &Metadata,
) -> Result<Event, EventsError> {
	Ok(events!(record, metadata, {
		pallet::MARKET, DealPublished {
			deal: DealId, client: Account, provider: Account, index: u32
		} => Event::DealPublished { deal, client: client.0, provider: provider.0, index },
		pallet::MARKET, DealRefused { index: u32, reason: Value } => {
			Event::DealRefused { index, reason: describe(&reason, metadata) }
		},
		pallet::MARKET, DealActivated {
			deal: DealId, provider: Account, sector: SectorNumber
		} => Event::DealActivated { deal, provider: provider.0, sector },
		pallet::MARKET, DealSettled { deal: DealId, blocks: u32, amount: Balance } => {
			Event::DealSettled { deal, blocks, amount }
		},
		pallet::MARKET, SettlementRefused { deal: DealId, reason: Value } => {
			Event::SettlementRefused { deal, reason: describe(&reason, metadata) }
		},
		pallet::MARKET, DealCompleted { deal: DealId, refunded: Balance } => {
			Event::DealCompleted { deal, refunded }
		},
		pallet::MARKET, DealExpired { deal: DealId } => Event::DealExpired { deal },
		pallet::PROVIDER, SectorPreCommitted { provider: Account, sector: SectorNumber } => {
			Event::SectorPreCommitted { provider: provider.0, sector }
		},
		pallet::PROVIDER, SectorProven {
			provider: Account,
			sector: SectorNumber,
			deadline: DeadlineIndex,
			partition: PartitionIndex,
		} => Event::SectorProven { provider: provider.0, sector, deadline, partition },
		pallet::PROVIDER, ProofRefused {
			provider: Account, sector: SectorNumber, error: Value
		} => Event::ProofRefused {
			provider: provider.0,
			sector,
			error: describe(&error, metadata),
		},
		pallet::PROVIDER, WindowPoStAccepted {
			provider: Account,
			deadline: DeadlineIndex,
			partition: PartitionIndex,
			recovered: u32,
			new_faults: u32,
			failed_recoveries: u32,
		} => Event::WindowPoStAccepted {
			provider: provider.0,
			deadline,
			partition,
			recovered,
			new_faults,
			failed_recoveries,
		},
		pallet::PROVIDER, WindowPoStRefused {
			provider: Account, deadline: DeadlineIndex, partition: PartitionIndex, error: Value
		} => Event::WindowPoStRefused {
			provider: provider.0,
			deadline,
			partition,
			error: describe(&error, metadata),
		},
		pallet::PROVIDER, PartitionFaulty {
			provider: Account,
			deadline: DeadlineIndex,
			partition: PartitionIndex,
			new_faults: u32,
			failed_recoveries: u32,
		} => Event::PartitionFaulty {
			provider: provider.0,
			deadline,
			partition,
			new_faults,
			failed_recoveries,
		},
		pallet::PROVIDER, FaultsDeclared {
			provider: Account, deadline: DeadlineIndex, partition: PartitionIndex, sectors: u32
		} => Event::FaultsDeclared { provider: provider.0, deadline, partition, sectors },
		pallet::PROVIDER, RecoveriesDeclared {
			provider: Account, deadline: DeadlineIndex, partition: PartitionIndex, sectors: u32
		} => Event::RecoveriesDeclared { provider: provider.0, deadline, partition, sectors },
		pallet::PROVIDER, FaultFeeCharged {
			provider: Account,
			deadline: DeadlineIndex,
			partition: PartitionIndex,
			fee: Balance,
			burned: Balance,
		} => Event::FaultFeeCharged { provider: provider.0, deadline, partition, fee, burned },
		pallet::PROVIDER, SectorExpired { provider: Account, sector: SectorNumber } => {
			Event::SectorExpired { provider: provider.0, sector }
		},
		pallet::PROVIDER, PreCommitExpired { provider: Account, sector: SectorNumber } => {
			Event::PreCommitExpired { provider: provider.0, sector }
		},
	}))
}

/// An error or refusal inside an event: `Pallet.Error` if it is a pallet's, else the variant's name.
fn describe(value: &Value, metadata: &Metadata) -> String {
	Failure::from_value(value, metadata).name()
}

/// The fields of `System.ExtrinsicFailed`.
#[derive(DecodeAsType)]
#[decode_as_type(crate_path = "subxt::ext::scale_decode")]
struct ExtrinsicFailed {
	dispatch_error: Value,
}

/// Why the extrinsic that caused this event failed, if it did.
// The error is the library's.
#[allow(clippy::result_large_err)]
pub(crate) fn failure<T: Config>(
	record: &subxt::events::Event<'_, T>,
	metadata: &Metadata,
) -> Result<Option<Failure>, EventsError> {
	if (record.pallet_name(), record.event_name()) != ("System", "ExtrinsicFailed") {
		return Ok(None);
	}
	let event: ExtrinsicFailed = record.decode_fields_unchecked_as()?;
	Ok(Some(Failure::from_value(&event.dispatch_error, metadata)))
}
