//! Every call and every hook of the storage pallets once, beside a crowd of others.

use holdfast_primitives::{
	policy::HOLD, BlockNumber, CommP, CommR, DeadlineIndex, DealExtension, DealId, DealProposal,
	KeyId, KeyOrigin, PaddedPieceSize, PartitionIndex, PieceInfo, ProofKind, ProofVersion,
	SectorNumber, SectorSize,
};
use holdfast_runtime::*;
use holdfast_verifier::{parameters::Parameters, trapdoor::TrapdoorKey};
use pallet_market::{SignedExtension, SignedProposal};
use pallet_storage_provider::{
	Agenda, Ask, Expirations, PartitionReplicas, PartitionSectors, PostSubmission, PreCommitAgenda,
	PreCommitSector, ProveCommitSector, Role, SectorExtension, Sectors,
};
use sp_io::hashing::blake2_256;
use sp_keyring::Sr25519Keyring::{self, Alice, Bob, Charlie, Dave, Eve, Ferdie};
use sp_runtime::traits::Dispatchable;

use crate::{
	chain::{begin_block, check, development, events, genesis_hash, policy, window, Keys, SIZE},
	measure::{is_refusal, Row, World},
	state::{add_providers, add_sectors, Crowd},
};

type Provider = pallet_storage_provider::Call<Runtime>;
type Deals = pallet_market::Call<Runtime>;

/// The sector with the deal, and others of the same provider.
const SECTOR: SectorNumber = 7;
const COMM_R: CommR = CommR([9; 32]);
const PRICE: Balance = HOLD / 1_000;
const DURATION: BlockNumber = 150;
const START_DELAY: BlockNumber = 60;

fn others() -> std::ops::Range<SectorNumber> {
	20..31
}

/// The hooks of a block that are measured, by their names.
#[derive(Default)]
struct Measured {
	randomness: Option<&'static str>,
	provider: Option<&'static str>,
	market: Option<&'static str>,
	faucet: Option<&'static str>,
}

/// Measures everything beside this crowd.
pub fn measure(crowd: Crowd) -> Vec<Row> {
	let mut world = World::new(development());
	let keys = world.step(|| {
		let keys = Keys::install();
		run_to(20);
		for who in [Alice, Eve] {
			make(who, register());
		}
		add_providers(&Alice.to_account_id(), crowd.providers);
		for who in [Alice, Eve] {
			add_sectors(&who.to_account_id(), crowd.sectors);
		}
		keys
	});
	measure_registration(&mut world);
	let deals = measure_publication(&mut world);
	measure_sealing(&mut world, &keys, deals.begins);
	measure_extension(&mut world, deals.begins);
	measure_compaction(&mut world);
	measure_proving(&mut world, &keys, deals.begins);
	measure_faults(&mut world);
	measure_ends(&mut world, &keys, deals.starts_unstarted);
	measure_keys(&mut world);
	if crowd.sectors < 10_000 && crowd.providers < 1_000 {
		world.step(check);
	}
	world.rows
}

/// Makes a call that is not measured.
fn make(who: Sr25519Keyring, call: impl Into<RuntimeCall>) {
	let before = events().len();
	call.into().dispatch(signed(who)).unwrap();
	let refused = events()
		.into_iter()
		.skip(before)
		.any(|event| is_refusal(&event));
	assert!(!refused);
}

fn signed(who: Sr25519Keyring) -> RuntimeOrigin {
	RuntimeOrigin::signed(who.to_account_id())
}

fn register() -> Provider {
	let address = b"http://127.0.0.1:7070".to_vec().try_into().unwrap();
	Provider::register {
		sector_size: SIZE,
		addresses: vec![address].try_into().unwrap(),
		ask: ask(),
		free_space: 1 << 30,
	}
}

fn ask() -> Ask {
	Ask {
		price_per_gib_block: HOLD,
		min_piece_bytes: 128,
		max_piece_bytes: SIZE.bytes(),
		accepting: true,
	}
}

fn measure_registration(world: &mut World) {
	let address = b"http://127.0.0.1:7071".to_vec().try_into().unwrap();
	let addresses = vec![address].try_into().unwrap();
	let alice = || signed(Alice);
	world.call("storageProvider.register", signed(Charlie), register());
	world.call(
		"storageProvider.set_addresses",
		alice(),
		Provider::set_addresses { addresses },
	);
	world.call(
		"storageProvider.set_ask",
		alice(),
		Provider::set_ask { ask: ask() },
	);
	world.call(
		"storageProvider.set_free_space",
		alice(),
		Provider::set_free_space { free_space: 5 },
	);
	let role = Role::Worker;
	let propose = Provider::propose_key {
		role,
		account: Some(Dave.to_account_id()),
	};
	world.call("storageProvider.propose_key", alice(), propose);
	let provider = Alice.to_account_id();
	world.call(
		"storageProvider.confirm_key",
		signed(Dave),
		Provider::confirm_key { role, provider },
	);
}

/// The deals that are published.
struct Published {
	/// This one is sealed in time.
	begins: DealId,
	/// And another one never, which should start in this block.
	starts_unstarted: BlockNumber,
}

fn proposal(nonce: u64, delay: BlockNumber) -> SignedProposal<AccountId, Signature> {
	let start = System::block_number() + delay;
	let proposal = DealProposal {
		piece: PieceInfo {
			commitment: CommP([2; 32]),
			size: PaddedPieceSize::new(1 << 20).unwrap(),
		},
		client: Bob.to_account_id(),
		provider: Alice.to_account_id(),
		start,
		end: start + DURATION,
		price_per_block: PRICE,
		provider_collateral: HOLD,
		nonce,
		expires: start,
	};
	SignedProposal {
		signature: Bob.sign(&proposal.signing_bytes(&genesis_hash())).into(),
		proposal,
	}
}

fn measure_publication(world: &mut World) -> Published {
	let amount = 20 * HOLD;
	world.call("market.deposit", signed(Bob), Deals::deposit { amount });
	world.step(|| make(Alice, Deals::deposit { amount }));
	let publish = |proposal| Deals::publish_deals {
		proposals: vec![proposal].try_into().unwrap(),
	};
	let first = world.step(|| proposal(1, START_DELAY));
	world.call("market.publish_deals", signed(Alice), publish(first));
	let (cancelled, starts_unstarted) = world.step(|| {
		let next = pallet_market::NextDealId::<Runtime>::get();
		make(Alice, publish(proposal(2, START_DELAY)));
		let late = proposal(3, 1_500);
		let start = late.proposal.start;
		make(Alice, publish(late));
		(next, start)
	});
	world.call(
		"market.cancel_deal",
		signed(Bob),
		Deals::cancel_deal { deal: cancelled },
	);
	Published {
		begins: cancelled - 1,
		starts_unstarted,
	}
}

fn pre_commit(numbers: &[SectorNumber], lifetime: BlockNumber, deals: Vec<DealId>) -> Provider {
	let now = System::block_number();
	let seal = |sector: &SectorNumber| PreCommitSector {
		sector: *sector,
		comm_r: COMM_R,
		ticket_block: now - 1,
		expiration: now + lifetime,
		deals: deals.clone().try_into().unwrap(),
	};
	let sectors: Vec<_> = numbers.iter().map(seal).collect();
	Provider::pre_commit_sectors {
		sectors: sectors.try_into().unwrap(),
	}
}

fn prove(keys: &Keys, who: Sr25519Keyring, numbers: &[SectorNumber]) -> Provider {
	let prove = |sector: &SectorNumber| ProveCommitSector {
		sector: *sector,
		proofs: vec![keys.prove_replica(&who.to_account_id(), *sector)]
			.try_into()
			.unwrap(),
	};
	let proofs: Vec<_> = numbers.iter().map(prove).collect();
	Provider::prove_commit_sectors {
		proofs: proofs.try_into().unwrap(),
	}
}

fn await_seed(world: &mut World) {
	world.step(|| run_to(System::block_number() + policy().pre_commit_challenge_delay + 1));
}

fn measure_sealing(world: &mut World, keys: &Keys, deal: DealId) {
	let call = world.step(|| pre_commit(&[SECTOR], 300, vec![deal]));
	world.call("storageProvider.pre_commit_sectors", signed(Alice), call);
	let others: Vec<_> = others().collect();
	world.step(|| make(Alice, pre_commit(&others, 5_000, Vec::new())));
	make_block(
		world,
		Measured {
			randomness: Some("hook of randomness: a value is removed"),
			provider: Some("hook of storageProvider: nothing is due"),
			market: Some("hook of market: nothing is due"),
			faucet: Some("hook of faucet: nothing is due"),
		},
	);
	await_seed(world);
	let call = world.step(|| prove(keys, Alice, &[SECTOR]));
	world.call("storageProvider.prove_commit_sectors", signed(Alice), call);
	world.step(|| make(Alice, prove(keys, Alice, &others)));
}

fn measure_extension(world: &mut World, deal: DealId) {
	let expiration = world.step(|| sector(SECTOR).expiration) + 100;
	let extension = SectorExtension {
		sector: SECTOR,
		expiration,
	};
	world.call(
		"storageProvider.extend_sectors",
		signed(Alice),
		Provider::extend_sectors {
			extensions: vec![extension].try_into().unwrap(),
		},
	);
	let extension = world.step(|| {
		let end = pallet_market::Deals::<Runtime>::get(deal).unwrap().end;
		let extension = DealExtension {
			deal,
			end,
			new_end: end + 20,
			expires: end,
		};
		SignedExtension {
			signature: Bob.sign(&extension.signing_bytes(&genesis_hash())).into(),
			extension,
		}
	});
	world.call(
		"market.extend_deal",
		signed(Alice),
		Deals::extend_deal { extension },
	);
}

fn sector(number: SectorNumber) -> pallet_storage_provider::Sector {
	Sectors::<Runtime>::get(Alice.to_account_id(), number).unwrap()
}

/// Ends a sector of a full partition, and moves one of another partition of the deadline into its place.
fn measure_compaction(world: &mut World) {
	let (number, home, from) = world.step(|| {
		let home = |number| {
			let sector = sector(number);
			(sector.deadline, sector.partition)
		};
		let apart = |number: &SectorNumber| home(*number) != home(SECTOR);
		let in_one_deadline = |into: SectorNumber| {
			let there = home(into);
			others().find(|other| *other != into && home(*other) == there)?;
			let sibling = |from: &SectorNumber| home(*from).0 == there.0 && home(*from) != there;
			let from = others().filter(apart).find(sibling)?;
			Some((into, there, home(from).1))
		};
		others().filter(apart).find_map(in_one_deadline).unwrap()
	});
	world.call(
		"storageProvider.terminate_sectors",
		signed(Alice),
		Provider::terminate_sectors {
			sectors: vec![number].try_into().unwrap(),
		},
	);
	let compact = Provider::compact_partitions {
		deadline: home.0,
		from,
		into: home.1,
	};
	world.call("storageProvider.compact_partitions", signed(Alice), compact);
}

fn post(keys: &Keys, deadline: DeadlineIndex, partition: PartitionIndex) -> Provider {
	let alice = Alice.to_account_id();
	let key = (alice.clone(), deadline, partition);
	let numbers = PartitionSectors::<Runtime>::get(&key);
	let replicas = PartitionReplicas::<Runtime>::get(&key);
	let sectors: Vec<_> = numbers.into_iter().zip(replicas).collect();
	let submission = PostSubmission {
		partition,
		skipped: Default::default(),
		proof: keys.prove_partition(&alice, &window(&alice, deadline), &sectors),
	};
	Provider::submit_window_post {
		deadline,
		submissions: vec![submission].try_into().unwrap(),
	}
}

fn measure_proving(world: &mut World, keys: &Keys, deal: DealId) {
	let (home, start) = world.step(|| {
		let start = pallet_market::Deals::<Runtime>::get(deal).unwrap().start;
		(sector(SECTOR), start)
	});
	let (deadline, partition) = (home.deadline, home.partition);
	let open = move || window(&Alice.to_account_id(), deadline).open;
	world.step(|| run_to(open()));
	let call = world.step(|| post(keys, deadline, partition));
	world.call("storageProvider.submit_window_post", signed(Alice), call);
	world.step(|| {
		while System::block_number() <= start {
			run_to(window(&Alice.to_account_id(), deadline).close);
			run_to(open());
			make(Alice, post(keys, deadline, partition));
		}
	});
	let deals = vec![deal].try_into().unwrap();
	world.call(
		"market.settle_deals",
		signed(Charlie),
		Deals::settle_deals { deals },
	);
	let amount = HOLD;
	world.call("market.withdraw", signed(Bob), Deals::withdraw { amount });
}

fn measure_faults(world: &mut World) {
	let home = world.step(|| sector(SECTOR));
	world.step(|| run_to(window(&Alice.to_account_id(), home.deadline).close));
	let declarations = || {
		let sectors = vec![SECTOR].try_into().unwrap();
		vec![(home.partition, sectors)].try_into().unwrap()
	};
	let faults = Provider::declare_faults {
		deadline: home.deadline,
		declarations: declarations(),
	};
	world.call("storageProvider.declare_faults", signed(Alice), faults);
	let recoveries = Provider::declare_recoveries {
		deadline: home.deadline,
		declarations: declarations(),
	};
	world.call(
		"storageProvider.declare_recoveries",
		signed(Alice),
		recoveries,
	);
}

/// Makes the blocks up to this one. Large states take too long to be checked in each.
fn run_to(block: BlockNumber) {
	while System::block_number() < block {
		begin_block();
	}
}

/// Begins the next block without its hooks.
fn initialize_block() -> BlockNumber {
	let number = System::block_number() + 1;
	let parent = blake2_256(&number.to_le_bytes());
	System::reset_events();
	System::initialize(&number, &parent.into(), &Default::default());
	number
}

fn record_randomness() {
	let vrf = blake2_256(&System::block_number().to_le_bytes());
	Randomness::record(&pallet_randomness::RelayValues {
		vrf: Some(vrf),
		epoch: Some([1; 32]),
	});
}

/// Makes the next block, and measures those of its hooks that have a name.
fn make_block(world: &mut World, measured: Measured) {
	let number = world.step(initialize_block);
	world.hook::<Randomness>(measured.randomness, number);
	world.hook::<StorageProvider>(measured.provider, number);
	world.hook::<Market>(measured.market, number);
	world.hook::<Faucet>(measured.faucet, number);
	world.step(record_randomness);
}

/// Makes the blocks up to this one, and measures what its hook does for one window, sector or pre-commit.
fn measure_due(world: &mut World, name: &'static str, block: BlockNumber, due: [usize; 3]) {
	let there = world.step(|| {
		run_to(block - 1);
		[
			Agenda::<Runtime>::iter_key_prefix(block).count(),
			Expirations::<Runtime>::iter_key_prefix(block).count(),
			PreCommitAgenda::<Runtime>::iter_key_prefix(block).count(),
		]
	});
	assert_eq!(there, due, "{name}");
	let provider = Some(name);
	make_block(
		world,
		Measured {
			provider,
			..Default::default()
		},
	);
}

fn measure_ends(world: &mut World, keys: &Keys, unstarted: BlockNumber) {
	let eve = Eve.to_account_id();
	let lost = world.step(|| {
		make(Eve, pre_commit(&[1], 150, Vec::new()));
		make(Eve, pre_commit(&[2], 1_000, Vec::new()));
		System::block_number() + policy().pre_commit_lifetime + 1
	});
	await_seed(world);
	let (closes, ends) = world.step(|| {
		make(Eve, prove(keys, Eve, &[1]));
		let home = Sectors::<Runtime>::get(&eve, 1).unwrap();
		let close = window(&eve, home.deadline).close;
		let after = home.expiration.saturating_sub(close);
		let periods = after.div_ceil(policy().proving_period);
		(close, close + periods * policy().proving_period)
	});
	let window = "hook of storageProvider: a window closes unproven";
	measure_due(world, window, closes, [1, 0, 0]);
	let end = "hook of storageProvider: a window closes, and its sector ends";
	measure_due(world, end, ends, [1, 1, 0]);
	let expiry = "hook of storageProvider: a pre-commit expires";
	measure_due(world, expiry, lost, [0, 0, 1]);
	world.step(|| run_to(unstarted - 1));
	let market = Some("hook of market: a deal did not begin");
	make_block(
		world,
		Measured {
			market,
			..Default::default()
		},
	);
	let deregister = Provider::deregister {};
	world.call("storageProvider.deregister", signed(Charlie), deregister);
}

fn measure_keys(world: &mut World) {
	let account = Ferdie.to_account_id();
	let drip = pallet_faucet::Call::<Runtime>::drip { account };
	world.call("faucet.drip", RuntimeOrigin::none(), drip);
	let id = KeyId {
		kind: ProofKind::PoRep,
		sector_size: SectorSize::MiB512,
	};
	let version = ProofVersion::V1_2_0;
	let inputs = Parameters::of(id.sector_size.bytes())
		.unwrap()
		.porep_inputs();
	let key = TrapdoorKey::new(inputs, b"costs").verifying_key();
	let set = pallet_proofs::Call::<Runtime>::set_verifying_key {
		id,
		version,
		key_origin: KeyOrigin::Devnet,
		digest: blake2_256(&key),
		key: key.try_into().unwrap(),
	};
	world.call("proofs.set_verifying_key", RuntimeOrigin::root(), set);
	let remove = pallet_proofs::Call::<Runtime>::remove_verifying_key { id, version };
	world.call("proofs.remove_verifying_key", RuntimeOrigin::root(), remove);
}
