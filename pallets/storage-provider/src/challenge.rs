//! Tickets, seeds and challenges: the chain's randomness, drawn for one provider and one purpose.

use codec::Encode;
use holdfast_primitives::{
	randomness::{self, Domain},
	BlockNumber, Digest,
};
use sp_runtime::traits::Zero;

use crate::{
	pallet::{Config, Error, Pallet},
	traits::Randomness,
};

impl<T: Config> Pallet<T> {
	/// What the randomness of `block` yields for this provider and purpose.
	pub(crate) fn draw(
		domain: Domain,
		block: BlockNumber,
		provider: &T::AccountId,
	) -> Result<Digest, Error<T>> {
		let value = T::Randomness::value_at(block).ok_or(Error::<T>::RandomnessUnavailable)?;
		Ok(randomness::draw(domain, &value, block, &provider.encode()))
	}

	/// The identity that the provider's replicas on this chain are bound to.
	pub fn prover_id(provider: &T::AccountId) -> Digest {
		// The genesis block's hash is never pruned.
		let genesis = frame_system::Pallet::<T>::block_hash(
			frame_system::pallet_prelude::BlockNumberFor::<T>::zero(),
		);
		randomness::prover_id(&genesis.into(), &provider.clone().into())
	}
}
