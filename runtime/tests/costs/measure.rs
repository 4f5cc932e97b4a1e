//! What a call costs: by its weight, and by what it really touches.

use std::collections::BTreeSet;

use codec::Encode;
use frame_support::{
	dispatch::GetDispatchInfo,
	traits::{Hooks, WhitelistedStorageKeys},
	weights::Weight,
};
use holdfast_primitives::BlockNumber;
use holdfast_runtime::*;
use sp_core::Blake2Hasher;
use sp_runtime::{traits::Dispatchable, StateVersion};
use sp_trie::recorder::Recorder;

/// A call or a hook, measured once.
#[derive(Clone, Debug)]
pub struct Row {
	pub name: &'static str,
	pub weight: Weight,
	pub reads: usize,
	pub writes: usize,
	/// The bytes of the storage proof that a validator gets, after compaction.
	pub proof_bytes: usize,
}

/// A chain whose state is all in its trie, so that whatever is read leaves a trace.
pub struct World {
	externalities: sp_io::TestExternalities,
	pub rows: Vec<Row>,
}

impl World {
	pub fn new(externalities: sp_io::TestExternalities) -> Self {
		Self {
			externalities,
			rows: Vec::new(),
		}
	}

	/// Does something that is not measured.
	pub fn step<R>(&mut self, step: impl FnOnce() -> R) -> R {
		let result = self.externalities.execute_with(step);
		self.externalities.commit_all().unwrap();
		result
	}

	/// Measures a call that must succeed.
	pub fn call(
		&mut self,
		name: &'static str,
		origin: RuntimeOrigin,
		call: impl Into<RuntimeCall>,
	) {
		let call = call.into();
		let weight = call.get_dispatch_info().call_weight;
		self.step(System::reset_events);
		self.measure(name, || {
			let result = call.dispatch(origin);
			assert!(result.is_ok(), "{name}: {result:?}");
			weight
		});
		let refused = self
			.step(|| System::read_events_no_consensus().any(|record| is_refusal(&record.event)));
		assert!(!refused, "{name}");
	}

	/// Runs a pallet's hook of the block that has begun; measures it if it is named.
	pub fn hook<Pallet: Hooks<BlockNumber>>(
		&mut self,
		name: Option<&'static str>,
		block: BlockNumber,
	) {
		let run = || Pallet::on_initialize(block);
		match name {
			Some(name) => self.measure(name, run),
			None => {
				self.step(run);
			},
		}
	}

	/// Measures what `run` touches; it says which weight it is charged.
	fn measure(&mut self, name: &'static str, run: impl FnOnce() -> Weight) {
		// As when benchmarks are weighed: what every block touches anyway counts nothing.
		let everybody: BTreeSet<Vec<u8>> = AllPalletsWithSystem::whitelisted_storage_keys()
			.into_iter()
			.map(|tracked| tracked.key)
			.collect();
		let recorder = Recorder::<Blake2Hasher>::default();
		let run_and_hash = || {
			let weight = run();
			let read = recorder
				.recorded_keys()
				.into_values()
				.flat_map(|trie| trie.into_keys())
				.filter(|key| !everybody.contains(&key[..]))
				.count();
			// As at the end of a block: what its new root needs of the trie is in the proof, too.
			sp_io::storage::root(StateVersion::V1);
			(weight, read)
		};
		let (weight, reads) = self
			.externalities
			.execute_with_recorder(recorder.clone(), run_and_hash);
		let writes = self
			.externalities
			.overlayed_changes()
			.changes()
			.filter(|(key, _)| !everybody.contains(*key))
			.count();
		let root = *self.externalities.backend.root();
		let proof = recorder.to_storage_proof();
		let compact = proof.into_compact_proof::<Blake2Hasher>(root).unwrap();
		self.rows.push(Row {
			name,
			weight,
			reads,
			writes,
			proof_bytes: compact.encoded_size(),
		});
		self.externalities.commit_all().unwrap();
	}
}

/// Whether an event says that a sector, partition or deal was refused.
pub fn is_refusal(event: &RuntimeEvent) -> bool {
	use pallet_market::Event as MarketEvent;
	use pallet_storage_provider::Event as ProviderEvent;
	matches!(
		event,
		RuntimeEvent::StorageProvider(
			ProviderEvent::ProofRefused { .. } | ProviderEvent::WindowPoStRefused { .. }
		) | RuntimeEvent::Market(
			MarketEvent::DealRefused { .. } | MarketEvent::SettlementRefused { .. }
		)
	)
}
