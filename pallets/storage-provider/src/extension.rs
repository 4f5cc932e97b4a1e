//! Extension: a healthy sector is promised for longer.

use codec::{Decode, DecodeWithMemTracking, Encode, MaxEncodedLen};
use frame_support::ensure;
use holdfast_primitives::{BlockNumber, SectorNumber};
use scale_info::TypeInfo;
use sp_runtime::{DispatchError, DispatchResult};

use crate::{
	deadline,
	pallet::{Config, Error, Event, Expirations, Pallet, Partitions, Sectors},
};

/// A sector and until when it shall be promised.
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
pub struct SectorExtension {
	/// The sector's number.
	pub sector: SectorNumber,
	/// The new expiration, later than the old one.
	pub expiration: BlockNumber,
}

impl<T: Config> Pallet<T> {
	pub(crate) fn do_extend_sectors(
		provider: T::AccountId,
		extensions: &[SectorExtension],
	) -> DispatchResult {
		ensure!(!extensions.is_empty(), Error::<T>::EmptyBatch);
		let info = Self::provider_info(&provider)?;
		let policy = Self::policy();
		let now = Self::now();
		for SectorExtension {
			sector: number,
			expiration,
		} in extensions
		{
			let mut sector = Sectors::<T>::get(&provider, number)
				.filter(|sector| sector.ended.is_none())
				.ok_or(Error::<T>::NoSuchSector)?;
			ensure!(now < sector.expiration, Error::<T>::SectorLifetimeOver);
			ensure!(
				*expiration > sector.expiration,
				Error::<T>::ExpirationTooSoon
			);
			ensure!(
				expiration.saturating_sub(now) <= policy.max_sector_lifetime,
				Error::<T>::ExpirationTooLate
			);
			let key = (provider.clone(), sector.deadline, sector.partition);
			let partition = Partitions::<T>::get(&key).ok_or(DispatchError::Corruption)?;
			ensure!(
				partition.fault_since(sector.position).is_none(),
				Error::<T>::SectorIsFaulty
			);
			let close = |expiration| {
				deadline::last_close(&policy, &info, sector.deadline, expiration)
					.ok_or(DispatchError::Corruption)
			};
			Self::forget_expiration(close(sector.expiration)?, &key, sector.position);
			Expirations::<T>::mutate(close(*expiration)?, &key, |positions| {
				positions.insert(sector.position)
			});
			sector.expiration = *expiration;
			Sectors::<T>::insert(&provider, number, sector);
			Self::deposit_event(Event::SectorExtended {
				provider: provider.clone(),
				sector: *number,
				expiration: *expiration,
			});
		}
		Ok(())
	}
}
