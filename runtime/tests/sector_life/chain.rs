//! A development chain in memory: the runtime's pallets as they are, with proving keys whose trapdoor the
//! test knows in place of the preset's.

use std::cell::Cell;

use codec::Encode;
use frame_support::{dispatch::DispatchResultWithPostInfo, traits::Hooks};
use holdfast_primitives::{
	deadline::{window_at, Window},
	randomness::{self, Domain},
	BlockNumber, CommD, CommR, DeadlineIndex, Digest, KeyId, KeyOrigin, PartitionIndex, Policy,
	ProofBytes, ProofKind, ProofVersion, SectorNumber, SectorSize,
};
use holdfast_runtime::*;
use holdfast_verifier::{parameters::Parameters, porep, trapdoor::TrapdoorKey, window_post};
use sp_io::hashing::blake2_256;

pub const SIZE: SectorSize = SectorSize::MiB8;

/// The chain's genesis.
pub fn development() -> sp_io::TestExternalities {
	genesis::preset_state(&"development".into()).unwrap().into()
}

/// The keys that verify sectors of [`SIZE`] on this chain.
pub struct Keys {
	porep: TrapdoorKey,
	window_post: TrapdoorKey,
}

impl Keys {
	/// Makes keys of the right shape and sets them, as Root.
	pub fn install() -> Self {
		Self {
			porep: Self::set(ProofKind::PoRep),
			window_post: Self::set(ProofKind::WindowPoSt),
		}
	}

	fn set(kind: ProofKind) -> TrapdoorKey {
		let id = KeyId {
			kind,
			sector_size: SIZE,
		};
		let parameters = Parameters::of(SIZE.bytes()).unwrap();
		let inputs = match kind {
			ProofKind::PoRep => parameters.porep_inputs(),
			ProofKind::WindowPoSt => parameters.window_post_inputs(),
		};
		let origin = if policy().accept_devnet_keys {
			KeyOrigin::Devnet
		} else {
			KeyOrigin::Ceremony
		};
		let key = TrapdoorKey::new(inputs, &kind.encode());
		let bytes = key.verifying_key();
		let digest = blake2_256(&bytes);
		Proofs::set_verifying_key(
			RuntimeOrigin::root(),
			id,
			ProofVersion::V1_2_0,
			origin,
			bytes.try_into().unwrap(),
			digest,
		)
		.unwrap();
		key
	}

	/// What a provider's prover returns for a pre-committed sector.
	pub fn prove_replica(&self, provider: &AccountId, sector: SectorNumber) -> ProofBytes {
		let pre_commit =
			pallet_storage_provider::PreCommits::<Runtime>::get(provider, sector).unwrap();
		let seed_block = pre_commit.pre_commit_block + policy().pre_commit_challenge_delay;
		let statement = porep::Statement {
			sector_bytes: SIZE.bytes(),
			porep_id: SIZE.porep_id(),
			prover_id: randomness::prover_id(&genesis_hash(), provider.as_ref()),
			sector_number: sector,
			comm_d: pre_commit.comm_d.0,
			comm_r: pre_commit.comm_r.0,
			ticket: draw(Domain::SealTicket, pre_commit.ticket_block, provider),
			seed: draw(Domain::PoRepSeed, seed_block, provider),
		};
		self.porep
			.forge(&statement.public_inputs().unwrap()[0], b"porep")
	}

	/// What a provider's prover returns for the partition in the window.
	pub fn prove_partition(
		&self,
		provider: &AccountId,
		window: &Window,
		sectors: &[(SectorNumber, CommR)],
	) -> ProofBytes {
		let sectors: Vec<_> = sectors
			.iter()
			.map(|(number, comm_r)| (*number, comm_r.0))
			.collect();
		let statement = window_post::Statement {
			sector_bytes: SIZE.bytes(),
			randomness: draw(Domain::WindowPoSt, window.challenge, provider),
			sectors: &sectors,
		};
		self.window_post
			.forge(&statement.public_inputs().unwrap()[0], b"window post")
	}
}

pub fn policy() -> Policy {
	pallet_storage_provider::PolicyValue::<Runtime>::get()
}

pub fn genesis_hash() -> Digest {
	System::block_hash(0).0
}

fn draw(domain: Domain, block: BlockNumber, provider: &AccountId) -> Digest {
	randomness::draw(
		domain,
		&Randomness::value_at(block).unwrap(),
		block,
		&provider.encode(),
	)
}

/// Every rule that the storage pallets keep, of their own storage and of each other's.
pub fn check() {
	StorageProvider::check_state().unwrap();
	Market::check_state().unwrap();
	Faucet::check_state().unwrap();
	storage::check::across_pallets::<Runtime>().unwrap();
}

thread_local! {
	static CHECKED: Cell<bool> = const { Cell::new(true) };
}

/// From now on blocks of this test are not checked: its state is made up.
pub fn leave_unchecked() {
	CHECKED.set(false);
}

/// Begins the next block, and checks what must hold in it.
pub fn next_block() {
	begin_block();
	if CHECKED.get() {
		check();
	}
}

/// Begins the next block: what its hooks and its inherent do for the storage pallets.
pub fn begin_block() {
	let number = System::block_number() + 1;
	let parent = blake2_256(&number.encode());
	System::reset_events();
	System::initialize(&number, &parent.into(), &Default::default());
	Randomness::on_initialize(number);
	StorageProvider::on_initialize(number);
	Market::on_initialize(number);
	Faucet::on_initialize(number);
	Randomness::record(&pallet_randomness::RelayValues {
		vrf: Some(blake2_256(&(b"relay", number).encode())),
		epoch: Some([1; 32]),
	});
}

pub fn run_to(block: BlockNumber) {
	while System::block_number() < block {
		next_block();
	}
}

/// The window of the deadline that is open or opens next.
pub fn window(provider: &AccountId, deadline: DeadlineIndex) -> Window {
	let info = pallet_storage_provider::Providers::<Runtime>::get(provider).unwrap();
	window_at(
		&policy(),
		info.period_offset,
		deadline,
		System::block_number(),
	)
	.unwrap()
}

/// The data commitment of a pre-commit.
pub fn comm_d(provider: &AccountId, sector: SectorNumber) -> CommD {
	pallet_storage_provider::PreCommits::<Runtime>::get(provider, sector)
		.unwrap()
		.comm_d
}

/// Where the events of this block say that the sector is proven from now on.
pub fn proven_at(sector: SectorNumber) -> Option<(DeadlineIndex, PartitionIndex)> {
	events().into_iter().find_map(|event| match event {
		RuntimeEvent::StorageProvider(pallet_storage_provider::Event::SectorProven {
			sector: proven,
			deadline,
			partition,
			..
		}) if proven == sector => Some((deadline, partition)),
		_ => None,
	})
}

/// Makes a call about one sector or partition; fails also if the chain only reports its refusal.
pub fn outcome(call: impl FnOnce() -> DispatchResultWithPostInfo) -> DispatchResultWithPostInfo {
	let before = events().len();
	let info = call()?;
	let refusal = events()
		.into_iter()
		.skip(before)
		.find_map(|event| match event {
			RuntimeEvent::StorageProvider(
				pallet_storage_provider::Event::ProofRefused { error, .. }
				| pallet_storage_provider::Event::WindowPoStRefused { error, .. },
			) => Some(error),
			_ => None,
		});
	refusal.map_or(Ok(info), |error| Err(error.into()))
}

pub fn events() -> Vec<RuntimeEvent> {
	System::read_events_no_consensus()
		.map(|record| record.event)
		.collect()
}
