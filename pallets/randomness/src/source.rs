//! What a value is made of.

use codec::{Decode, Encode, MaxEncodedLen};
use cumulus_pallet_parachain_system::RelayChainStateProof;
use cumulus_primitives_core::relay_chain::well_known_keys::{
	CURRENT_BLOCK_RANDOMNESS, ONE_EPOCH_AGO_RANDOMNESS,
};
use holdfast_primitives::Digest;
use scale_info::TypeInfo;
use sp_runtime::traits::{BlakeTwo256, Hash};

/// Separates these hashes from all others.
const DOMAIN: &[u8] = b"holdfast/randomness/1";

/// The best that a block's value was drawn from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, MaxEncodedLen, TypeInfo)]
pub enum Source {
	/// The VRF output of the relay block's author.
	RelayVrf,
	/// The randomness of the relay chain's last epoch and the parent block's hash.
	RelayEpoch,
	/// The parent block's hash alone: as on a chain without a relay chain.
	ParentHash,
}

/// What the relay chain's state has to offer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RelayValues {
	/// The VRF output of the relay block's author.
	pub vrf: Option<Digest>,
	/// The randomness that the relay chain drew in its last epoch.
	pub epoch: Option<Digest>,
}

impl RelayValues {
	/// Reads both values. What the proof does not contain, or contains in another form, is absent: a
	/// development chain's mocked proof has no VRF output, and no proof may stop the chain.
	pub fn read(proof: &RelayChainStateProof) -> Self {
		Self {
			vrf: proof
				.read_optional_entry::<Option<Digest>>(CURRENT_BLOCK_RANDOMNESS)
				.ok()
				.flatten()
				.flatten(),
			epoch: proof
				.read_optional_entry(ONE_EPOCH_AGO_RANDOMNESS)
				.ok()
				.flatten(),
		}
	}

	/// The best of the values.
	pub const fn source(&self) -> Source {
		match (self.vrf, self.epoch) {
			(Some(_), _) => Source::RelayVrf,
			(None, Some(_)) => Source::RelayEpoch,
			(None, None) => Source::ParentHash,
		}
	}

	/// The block's value: `BLAKE2b-256(SCALE(domain, previous, vrf?, epoch?, parent hash?))`. The parent
	/// hash is there only if the VRF output is not, since its author can choose it.
	pub fn mix(&self, previous: &Digest, parent_hash: &[u8]) -> Digest {
		let parent_hash = self.vrf.is_none().then_some(parent_hash);
		BlakeTwo256::hash_of(&(DOMAIN, previous, self.vrf, self.epoch, parent_hash)).0
	}
}
