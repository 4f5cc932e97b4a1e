//! A provider whose daemon seals nothing: two workers in processes of their own, each with a store of its own, seal
//! real sectors and prove them to a real node. Sectors that move between their stores are proven all the same.

#![allow(clippy::unwrap_used)]

mod common;

use std::{
	fs,
	path::{Path, PathBuf},
	process::Command,
	time::Duration,
};

use common::{bytes, options, Folder};
use holdfast_chain_client::{DealState, Event, Signer};
use holdfast_client::{
	devnet::{Devnet, DevnetOptions, Process},
	get, put, GetOptions, PutOptions, Ticket,
};
use holdfast_primitives::{BlockNumber, DeadlineIndex, PartitionIndex, SectorNumber, SectorSize};
use serde_json::Value;
use tokio::time::sleep;

/// How many files are stored. Each fills a sector.
const FILES: u8 = 3;
/// What of the provider's settings is not as it is by itself: its daemon seals nothing.
const SETTINGS: &str = "[deals]\npublish_wait_seconds = 1\n\
	[sealing]\nparallel = 0\npack_wait_seconds = 0\n";
/// How often one looks whether something has come.
const POLL: Duration = Duration::from_millis(500);
/// So many times one looks before it counts as never coming.
const MOST_POLLS: u32 = 1200;

/// The network, its workers, and what the chain said so far.
struct Network {
	devnet: Devnet,
	options: DevnetOptions,
	workers: Vec<Process>,
	next_block: BlockNumber,
	events: Vec<(BlockNumber, Event)>,
}

impl Network {
	async fn start(base: &Path) -> Self {
		let mut options = options(base);
		options.sector_size = SectorSize::KiB2;
		let provider = base.join("provider");
		fs::create_dir_all(&provider).unwrap();
		fs::write(provider.join("holdfast-provider.toml"), SETTINGS).unwrap();
		let keys = Command::new(&options.programs.provider)
			.args(["keys", "--sector-size", "2KiB"])
			.status();
		assert!(keys.unwrap().success());
		let devnet = Devnet::start(options.clone(), &mut |_| ()).await.unwrap();
		let next_block = devnet.chain.best_block().await.unwrap().number;
		let mut network = Self {
			devnet,
			options,
			workers: Vec::new(),
			next_block,
			events: Vec::new(),
		};
		for name in ["one", "two"] {
			let worker = network.start_worker(name);
			network.workers.push(worker);
		}
		until("both workers are known", async || {
			network.sectors_by_worker().len() == 2
		})
		.await;
		network
	}

	fn start_worker(&self, name: &str) -> Process {
		let base = self.devnet.base();
		let folder = base.join(name);
		let token = self.devnet.provider_folder().join("worker.token");
		let arguments = [
			"worker",
			"--manager",
			&self.devnet.provider_url,
			"--token-file",
			token.to_str().unwrap(),
			"--base",
			folder.to_str().unwrap(),
			"--name",
			name,
			"--min-free-bytes",
			"0",
			// Deals have a deadline, however busy the machine is.
			"--nice",
			"0",
			"--sector-size",
			"2KiB",
		];
		let programs = &self.options.programs;
		Process::start(
			&programs.client,
			&programs.provider,
			&arguments.map(str::to_owned),
			&[],
			&base.join(format!("{name}.log")),
		)
		.unwrap()
	}

	/// What a command of the provider's program answers.
	fn provider(&self, arguments: &[&str]) -> Value {
		let output = Command::new(&self.options.programs.provider)
			.args(arguments)
			.arg("--json")
			.arg("--base")
			.arg(self.devnet.provider_folder())
			.output()
			.unwrap();
		assert!(
			output.status.success(),
			"{arguments:?}: {}",
			String::from_utf8_lossy(&output.stderr)
		);
		serde_json::from_slice(&output.stdout).unwrap()
	}

	/// How many sectors each worker has.
	fn sectors_by_worker(&self) -> Vec<u64> {
		let workers = self.provider(&["workers", "list"]);
		let workers = workers.as_array().unwrap().iter();
		workers
			.map(|worker| worker["sectors"].as_u64().unwrap())
			.collect()
	}

	async fn store(&self, file: PathBuf) -> Ticket {
		let signer = Signer::from_file(&self.devnet.client_key).unwrap();
		let options = PutOptions {
			start_in: Some(600),
			..PutOptions::new(file)
		};
		let stored = put(&self.devnet.chain, &signer, &options, &|_| ()).await;
		stored.unwrap().ticket
	}

	async fn is_active(&self, ticket: &Ticket) -> bool {
		let deal = self.devnet.chain.deal(ticket.shards[0].deal).await.unwrap();
		let state = deal.unwrap().state;
		assert!(
			matches!(
				state,
				DealState::Published | DealState::PreCommitted { .. } | DealState::Active { .. }
			),
			"{state:?}"
		);
		matches!(state, DealState::Active { .. })
	}

	/// Takes note of the blocks that came since the last time. Nothing in them may be a fault.
	async fn read_blocks(&mut self) {
		let chain = &self.devnet.chain;
		let best = chain.best_block().await.unwrap().number;
		for block in self.next_block..=best {
			let hash = chain.block_hash(block).await.unwrap().unwrap();
			for (_, event) in chain.events_at(hash).await.unwrap() {
				match &event {
					Event::WindowPoStAccepted { new_faults: 0, .. } => {},
					Event::WindowPoStAccepted { .. }
					| Event::WindowPoStRefused { .. }
					| Event::ProofRefused { .. }
					| Event::PartitionFaulty { .. }
					| Event::FaultsDeclared { .. } => panic!("block {block}: {event:?}"),
					_ => {},
				}
				self.events.push((block, event));
			}
		}
		self.next_block = best + 1;
	}

	/// Where on the chain each sector is, and in which block it was proven first.
	fn sectors(&self) -> Vec<(SectorNumber, BlockNumber, DeadlineIndex, PartitionIndex)> {
		let proven = self.events.iter().filter_map(|(block, event)| match event {
			Event::SectorProven {
				sector,
				deadline,
				partition,
				..
			} => Some((*sector, *block, *deadline, *partition)),
			_ => None,
		});
		proven.collect()
	}

	/// Waits until each of the sectors was in a window PoSt after that block, or after it was proven.
	async fn await_posts(&mut self, sectors: &[SectorNumber], after: BlockNumber) {
		for _ in 0..MOST_POLLS {
			self.read_blocks().await;
			let places = self.sectors();
			let is_proven = |sector: &SectorNumber| {
				let place = places.iter().find(|(number, ..)| number == sector);
				place.is_some_and(|(_, since, at, part)| {
					self.events.iter().any(|(block, event)| {
						*block > after.max(*since)
							&& matches!(event, Event::WindowPoStAccepted { deadline, partition, .. }
								if (deadline, partition) == (at, part))
					})
				})
			};
			if sectors.iter().all(is_proven) {
				return;
			}
			sleep(POLL).await;
		}
		panic!("no window PoSt of {sectors:?} after block {after}");
	}

	/// The sectors whose replicas are in a store.
	fn sectors_in(&self, store: &str) -> Vec<SectorNumber> {
		let sealed = self.devnet.base().join(store).join("store/sealed");
		let names = fs::read_dir(sealed).unwrap().map(|entry| {
			let name = entry.unwrap().file_name().into_string().unwrap();
			name.strip_prefix("s-").unwrap().parse().unwrap()
		});
		names.collect()
	}

	/// Moves a sector of each worker: the first one's to the daemon, the second one's to the first one. Returns the
	/// sectors.
	async fn move_sectors(&self) -> [SectorNumber; 2] {
		let [from_one, from_two] = ["one", "two"].map(|name| self.sectors_in(name)[0]);
		let moved = self.provider(&["store", "move", &from_one.to_string()]);
		assert!(moved["store"].is_string(), "{moved}");
		let target = ["store", "move", &from_two.to_string(), "--to-worker", "one"];
		assert_eq!(self.provider(&target)["worker"], "one");
		assert_eq!(self.sectors_in("provider"), [from_one]);
		until("the old copies are removed", async || {
			!self.sectors_in("one").contains(&from_one)
				&& !self.sectors_in("two").contains(&from_two)
		})
		.await;
		assert!(self.sectors_in("one").contains(&from_two));
		[from_one, from_two]
	}

	async fn stop(mut self) {
		for worker in &mut self.workers {
			worker.stop().await;
		}
		self.devnet.stop().await;
	}
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
	for _ in 0..MOST_POLLS {
		if holds().await {
			return;
		}
		sleep(POLL).await;
	}
	panic!("never came: {what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_seal_and_prove_sectors_that_also_move() {
	let folder = Folder::new();
	let mut network = Network::start(folder.path()).await;
	let mut stored = Vec::new();
	for seed in 0..FILES {
		let file = folder.path().join(format!("file-{seed}"));
		fs::write(&file, bytes(1500, seed.into())).unwrap();
		// By turns, so that each gets a sector.
		let (index, other) = [(0, "two"), (1, "one")][usize::from(seed % 2)];
		network.provider(&["workers", "cordon", other]);
		let before = network.sectors_by_worker()[index];
		let ticket = network.store(file.clone()).await;
		until("the worker has the sector", async || {
			network.sectors_by_worker()[index] > before
		})
		.await;
		network.provider(&["workers", "uncordon", other]);
		stored.push((file, ticket));
	}
	for (_, ticket) in &stored {
		until("the deal is in a proven sector", async || {
			network.is_active(ticket).await
		})
		.await;
	}
	network.read_blocks().await;
	let sectors: Vec<_> = network.sectors().iter().map(|place| place.0).collect();
	assert_eq!(sectors.len(), usize::from(FILES));
	let by_worker = network.sectors_by_worker();
	assert!(
		by_worker.iter().all(|count| *count > 0),
		"each seals at least one: {by_worker:?}"
	);
	assert_eq!(by_worker.iter().sum::<u64>(), u64::from(FILES));
	assert!(network.sectors_in("provider").is_empty());
	network.await_posts(&sectors, 0).await;

	for (file, ticket) in &stored {
		let back = file.with_extension("back");
		let options = GetOptions {
			path: String::new(),
			output: Some(back.clone()),
			overwrite: false,
		};
		get(ticket, &options, &|_| ()).await.unwrap();
		assert_eq!(fs::read(back).unwrap(), fs::read(file).unwrap());
	}
	let moved = network.move_sectors().await;
	// What is accepted later than this was challenged after the move.
	let policy = network.devnet.chain.policy().await.unwrap();
	let best = network.devnet.chain.best_block().await.unwrap().number;
	let window = policy.challenge_lookback + policy.challenge_window();
	network.await_posts(&moved, best + window).await;
	network.stop().await;
}
