//! A runtime with nothing but this pallet.

use frame_support::{derive_impl, parameter_types, traits::Contains};
use holdfast_primitives::{Digest, KeyId, KeyOrigin, ProofKind, ProofVersion, SectorSize};
use holdfast_verifier::trapdoor::TrapdoorKey;
use sp_runtime::{
	traits::{BlakeTwo256, Hash},
	BuildStorage,
};

use crate as pallet_proofs;

type Block = frame_system::mocking::MockBlock<Test>;

frame_support::construct_runtime!(
	pub enum Test {
		System: frame_system,
		Proofs: pallet_proofs,
	}
);

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
}

parameter_types! {
	pub static AcceptDevnetKeys: bool = true;
	pub static DevnetDigests: Vec<Digest> = Vec::new();
}

pub struct DevnetKeys;

impl Contains<Digest> for DevnetKeys {
	fn contains(digest: &Digest) -> bool {
		DevnetDigests::get().contains(digest)
	}
}

impl pallet_proofs::Config for Test {
	type AcceptDevnetKeys = AcceptDevnetKeys;
	type DevnetKeys = DevnetKeys;
	type WeightInfo = ();
}

pub fn new_test_ext() -> sp_io::TestExternalities {
	let storage = frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.unwrap();
	let mut externalities: sp_io::TestExternalities = storage.into();
	externalities.execute_with(|| {
		AcceptDevnetKeys::set(true);
		DevnetDigests::set(Vec::new());
		System::set_block_number(1);
	});
	externalities
}

/// Runs a test and checks the state's invariants after it.
pub fn execute(test: impl FnOnce()) {
	new_test_ext().execute_with(|| {
		test();
		Proofs::do_try_state().unwrap();
	});
}

pub const fn porep(sector_size: SectorSize) -> KeyId {
	KeyId {
		kind: ProofKind::PoRep,
		sector_size,
	}
}

pub const fn window_post(sector_size: SectorSize) -> KeyId {
	KeyId {
		kind: ProofKind::WindowPoSt,
		sector_size,
	}
}

pub fn digest(key: &[u8]) -> Digest {
	BlakeTwo256::hash(key).0
}

pub const VERSION: ProofVersion = ProofVersion::V1_2_0;

/// A key of the right shape whose proofs the test can make.
pub fn key(id: KeyId) -> TrapdoorKey {
	use codec::Encode;
	TrapdoorKey::new(crate::key::expected_inputs(id).unwrap(), &id.encode())
}

/// Stores that key.
pub fn store(id: KeyId) -> TrapdoorKey {
	let key = key(id);
	let bytes = key.verifying_key();
	Proofs::install(id, VERSION, KeyOrigin::Ceremony, &bytes, digest(&bytes)).unwrap();
	key
}
