//! A chain with nothing but this pallet.

use crate as pallet_randomness;
use crate::*;
use frame_support::{derive_impl, parameter_types, traits::Hooks};
use sp_runtime::BuildStorage;

type Block = frame_system::mocking::MockBlockU32<Test>;

#[frame_support::runtime]
mod runtime {
	#[runtime::runtime]
	#[runtime::derive(
		RuntimeCall,
		RuntimeEvent,
		RuntimeError,
		RuntimeOrigin,
		RuntimeFreezeReason,
		RuntimeHoldReason,
		RuntimeSlashReason,
		RuntimeLockId,
		RuntimeTask,
		RuntimeViewFunction
	)]
	pub struct Test;

	#[runtime::pallet_index(0)]
	pub type System = frame_system;
	#[runtime::pallet_index(1)]
	pub type Randomness = pallet_randomness;
}

#[derive_impl(frame_system::config_preludes::TestDefaultConfig)]
impl frame_system::Config for Test {
	type Block = Block;
}

parameter_types! {
	pub static KeepBlocks: u32 = 10;
}

impl Config for Test {
	type KeepBlocks = KeepBlocks;
	type WeightInfo = ();
}

pub fn new_test_ext() -> sp_io::TestExternalities {
	frame_system::GenesisConfig::<Test>::default()
		.build_storage()
		.unwrap()
		.into()
}

/// Begins a block whose parent has the given hash, and records its value.
pub fn block(number: u32, parent_hash: [u8; 32], relay: &RelayValues) {
	System::reset_events();
	System::initialize(&number, &parent_hash.into(), &Default::default());
	Randomness::on_initialize(number);
	Randomness::record(relay);
	Randomness::do_try_state(number).unwrap();
}
