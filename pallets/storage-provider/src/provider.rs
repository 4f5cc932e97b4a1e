//! Providers: who stores, where they are reached and what they ask.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::{ensure, traits::ConstU32, BoundedVec, Hashable};
use holdfast_primitives::{policy::MAX_DEADLINES, Balance, BlockNumber, Policy, SectorSize};
use scale_info::TypeInfo;
use sp_runtime::DispatchResult;

use crate::{
	keys::Keys,
	pallet::{Config, Error, Event, Pallet, Providers, Workers},
};

/// The most addresses of a provider.
pub const MAX_ADDRESSES: u32 = 4;
/// The most bytes of an address.
pub const MAX_ADDRESS_BYTES: u32 = 128;

/// Where a provider is reached: URLs or multiaddresses of printable ASCII characters.
pub type Addresses =
	BoundedVec<BoundedVec<u8, ConstU32<MAX_ADDRESS_BYTES>>, ConstU32<MAX_ADDRESSES>>;

/// What a provider asks for. It informs clients; a deal is whatever both agree on.
#[derive(
	Clone,
	Copy,
	Debug,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct Ask {
	/// The price of a GiB (padded) in each block.
	pub price_per_gib_block: Balance,
	/// The smallest piece, in padded bytes.
	pub min_piece_bytes: u64,
	/// The largest piece, in padded bytes; at most a sector.
	pub max_piece_bytes: u64,
	/// Whether new deals are welcome.
	pub accepting: bool,
}

/// How much a deadline has to prove.
#[derive(
	Clone,
	Copy,
	Debug,
	Default,
	PartialEq,
	Eq,
	Encode,
	Decode,
	DecodeWithMemTracking,
	MaxEncodedLen,
	TypeInfo,
)]
pub struct DeadlineLoad {
	/// How many partition indices were ever used.
	pub partitions: u32,
	/// How many sectors have not ended.
	pub live_sectors: u32,
}

/// A registered provider. Its size does not depend on how much it stores.
#[derive(
	Clone, Debug, PartialEq, Eq, Encode, Decode, DecodeWithMemTracking, MaxEncodedLen, TypeInfo,
)]
pub struct ProviderInfo<AccountId> {
	/// Who else may act for it. Its owner is who it is named by.
	pub keys: Keys<AccountId>,
	/// The size of its sectors, for good.
	pub sector_size: SectorSize,
	/// Where it is reached.
	pub addresses: Addresses,
	/// What it asks for.
	pub ask: Ask,
	/// How many bytes it says that it has left.
	pub free_space: u64,
	/// Where in the proving period its own period begins.
	pub period_offset: BlockNumber,
	/// How many sectors have not ended.
	pub live_sectors: u32,
	/// How many pre-commits wait for their proof.
	pub pre_commits: u32,
	/// The pledges of all sectors that have not ended. Fees can have taken part of what is held.
	pub pledge: Balance,
	/// What each deadline has to prove.
	pub deadlines: BoundedVec<DeadlineLoad, ConstU32<MAX_DEADLINES>>,
}

/// Where the provider's periods begin: spread evenly, and nobody's choice.
fn period_offset(policy: &Policy, account: &impl Hashable) -> BlockNumber {
	let [a, b, c, d, ..] = account.blake2_256();
	u32::from_le_bytes([a, b, c, d])
		.checked_rem(policy.proving_period)
		.unwrap_or(0)
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_register(
		provider: T::AccountId,
		sector_size: SectorSize,
		addresses: Addresses,
		ask: Ask,
		free_space: u64,
	) -> DispatchResult {
		ensure!(
			!Providers::<T>::contains_key(&provider),
			Error::<T>::AlreadyRegistered
		);
		Self::ensure_acts_for_nobody(&provider)?;
		Self::check_addresses(&addresses)?;
		Self::check_ask(&ask, sector_size)?;
		let policy = Self::policy();
		let deadlines = (0..policy.deadlines)
			.map(|_| DeadlineLoad::default())
			.collect();
		let info = ProviderInfo {
			keys: Keys::default(),
			sector_size,
			addresses,
			ask,
			free_space,
			period_offset: period_offset(&policy, &provider),
			live_sectors: 0,
			pre_commits: 0,
			pledge: 0,
			deadlines: BoundedVec::truncate_from(deadlines),
		};
		Providers::<T>::insert(&provider, info);
		Self::deposit_event(Event::ProviderRegistered {
			provider,
			sector_size,
		});
		Ok(())
	}

	pub(crate) fn do_set_addresses(provider: T::AccountId, addresses: Addresses) -> DispatchResult {
		Self::check_addresses(&addresses)?;
		Self::mutate_provider(&provider, |info| {
			info.addresses = addresses;
			Ok(())
		})?;
		Self::deposit_event(Event::AddressesSet { provider });
		Ok(())
	}

	pub(crate) fn do_set_ask(provider: T::AccountId, ask: Ask) -> DispatchResult {
		Self::mutate_provider(&provider, |info| {
			Self::check_ask(&ask, info.sector_size)?;
			info.ask = ask;
			Ok(())
		})?;
		Self::deposit_event(Event::AskSet { provider, ask });
		Ok(())
	}

	pub(crate) fn do_set_free_space(provider: T::AccountId, bytes: u64) -> DispatchResult {
		Self::mutate_provider(&provider, |info| {
			info.free_space = bytes;
			Ok(())
		})?;
		Self::deposit_event(Event::FreeSpaceSet { provider, bytes });
		Ok(())
	}

	/// Forgets a provider that has promised nothing any more.
	pub(crate) fn do_deregister(provider: T::AccountId) -> DispatchResult {
		let mut info = Self::provider_info(&provider)?;
		ensure!(
			info.live_sectors == 0 && info.pre_commits == 0,
			Error::<T>::StillStoring
		);
		// What could not be released before.
		Self::lower_pledge(&provider, &mut info, 0);
		if let Some(worker) = info.keys.worker.current {
			Workers::<T>::remove(worker);
		}
		Providers::<T>::remove(&provider);
		Self::deposit_event(Event::ProviderDeregistered { provider });
		Ok(())
	}

	/// The size of a provider's sectors, if it is registered.
	pub fn sector_size(provider: &T::AccountId) -> Option<SectorSize> {
		Providers::<T>::get(provider).map(|info| info.sector_size)
	}

	pub(crate) fn provider_info(
		provider: &T::AccountId,
	) -> Result<ProviderInfo<T::AccountId>, Error<T>> {
		Providers::<T>::get(provider).ok_or(Error::<T>::NotRegistered)
	}

	pub(crate) fn mutate_provider(
		provider: &T::AccountId,
		change: impl FnOnce(&mut ProviderInfo<T::AccountId>) -> DispatchResult,
	) -> DispatchResult {
		Providers::<T>::try_mutate(provider, |slot| {
			change(slot.as_mut().ok_or(Error::<T>::NotRegistered)?)
		})
	}

	fn check_addresses(addresses: &Addresses) -> DispatchResult {
		let printable = |address: &BoundedVec<u8, _>| {
			!address.is_empty() && address.iter().all(u8::is_ascii_graphic)
		};
		ensure!(
			!addresses.is_empty() && addresses.iter().all(printable),
			Error::<T>::InvalidAddress
		);
		Ok(())
	}

	fn check_ask(ask: &Ask, sector_size: SectorSize) -> DispatchResult {
		ensure!(
			ask.min_piece_bytes <= ask.max_piece_bytes
				&& ask.max_piece_bytes <= sector_size.bytes(),
			Error::<T>::InvalidAsk
		);
		Ok(())
	}
}
