//! Terminations: sectors that end before their expiration, because the provider gives them up or because
//! they have been faulty for too long.
//!
//! A terminated sector's deals end with it. The market learns of it when a deal is settled, which anybody can
//! do at once: nothing has to be carried over to it, however many deals there are.

use frame_support::ensure;
use holdfast_primitives::SectorNumber;
use sp_runtime::DispatchResult;

use crate::{
	pallet::{Agenda, Config, Error, Pallet, Partitions, Sectors},
	positions::Positions,
};

impl<T: Config> Pallet<T> {
	/// Ends sectors now. Their deadlines' challenges must not be known, since a partition's proof speaks of
	/// the same sectors whenever it is made.
	pub(crate) fn do_terminate_sectors(
		provider: T::AccountId,
		sectors: &[SectorNumber],
	) -> DispatchResult {
		ensure!(!sectors.is_empty(), Error::<T>::EmptyBatch);
		let policy = Self::policy();
		let now = Self::now();
		for number in sectors {
			let info = Self::provider_info(&provider)?;
			let sector = Sectors::<T>::get(&provider, number)
				.filter(|sector| sector.ended.is_none())
				.ok_or(Error::<T>::NoSuchSector)?;
			let window = Self::current_window(&policy, &info, sector.deadline, now)?;
			ensure!(window.is_mutable(now), Error::<T>::DeadlineNotMutable);
			let key = (provider.clone(), sector.deadline, sector.partition);
			ensure!(
				!Self::is_unsettled(&key, &window, policy.proving_period),
				Error::<T>::PartitionUnsettled
			);
			let mut position = Positions::default();
			position.insert(sector.position);
			Self::end_sectors(&key, &position, now);
			if !Partitions::<T>::contains_key(&key) {
				Agenda::<T>::remove(window.close, &key);
			}
		}
		Ok(())
	}
}
