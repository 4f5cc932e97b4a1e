//! A chain in memory, and a daemon's parts on top of it. The real chain is tested with the real node, end to end.

#![allow(clippy::unwrap_used, dead_code)]

pub mod chain;
pub mod journal;
pub mod manager;
mod program;
pub mod sealing;

use std::{
	path::{Path, PathBuf},
	sync::{Arc, Mutex},
};

use bytes::Bytes;
#[allow(unused_imports)]
pub use chain::{apply, refusal, unreachable_node, State, TestChain};
use codec::Encode;
use futures::stream;
use holdfast_chain_client::{AccountBalance, Signer};
use holdfast_data::{
	block::raw_cid,
	car::{section_bytes, CarWriter},
	PieceHasher,
};
use holdfast_primitives::{
	BlockNumber, CommP, DealProposal, Digest, PaddedPieceSize, PieceInfo, SectorSize,
};
use holdfast_provider::{
	app::App,
	config::Config,
	daemon::take_up,
	database::Database,
	deal::{
		intake::{take, Offer},
		upload::receive,
	},
	hooks::Hooks,
	monitor::Monitor,
	pipeline::Pipeline,
	sealer::Sealer,
	store::Store,
	tasks::{Budget, Handler, Kind, Outcome, TaskError},
	token::Token,
	worker::{Response, Worker},
};

pub const GENESIS: Digest = [7; 32];
/// The operator's token of every test daemon.
pub const TOKEN: &str = "the operator's token, long enough";
/// The workers' token of every test daemon.
pub const WORKER_TOKEN: &str = "the workers' token, which is long enough";

/// A folder that is removed at the end, unless it is another process's.
pub struct Folder {
	path: PathBuf,
	_temporary: Option<tempfile::TempDir>,
}

impl Folder {
	pub fn path(&self) -> &Path {
		&self.path
	}
}

impl From<tempfile::TempDir> for Folder {
	fn from(folder: tempfile::TempDir) -> Self {
		Self {
			path: folder.path().to_owned(),
			_temporary: Some(folder),
		}
	}
}

/// A daemon's parts in a temporary folder.
pub struct Fixture {
	pub folder: Folder,
	pub chain: Arc<TestChain>,
	pub app: Arc<App>,
	pub client: Signer,
	keys: PathBuf,
	program: PathBuf,
}

pub fn config() -> Config {
	let mut config = Config::default();
	config.storage.sector_size = SectorSize::KiB2;
	config.storage.min_free_bytes = 0;
	config.ask.price_per_gib_block = 1 << 30;
	config.deals.publish_wait_seconds = 0;
	config.sealing.pack_wait_seconds = 0;
	config.sealing.nice = 0;
	config
}

impl Fixture {
	pub async fn new() -> Self {
		Self::with(config(), Path::new("/nonexistent")).await
	}

	/// With proving keys in `keys`.
	pub async fn with(config: Config, keys: &Path) -> Self {
		let _ = tracing_subscriber::fmt().with_test_writer().try_init();
		let folder = Folder::from(tempfile::tempdir().unwrap());
		let program = PathBuf::from(env!("CARGO_BIN_EXE_holdfast-provider"));
		let keys = if keys.exists() {
			keys.to_owned()
		} else {
			folder.path().to_owned()
		};
		Self::in_folder(folder, config, keys, program, false).await
	}

	/// With fake steps, in a folder that an earlier process has left, with the chain that is written there.
	pub async fn reopen(folder: &Path, config: Config) -> Self {
		let _ = tracing_subscriber::fmt().with_test_writer().try_init();
		let folder = Folder {
			path: folder.to_owned(),
			_temporary: None,
		};
		let keys = folder.path().to_owned();
		let program = keys.join("steps");
		Self::in_folder(folder, config, keys, program, true).await
	}

	async fn in_folder(
		folder: Folder,
		mut config: Config,
		keys: PathBuf,
		program: PathBuf,
		lasting: bool,
	) -> Self {
		config.storage.path = folder.path().to_owned();
		let chain = TestChain::new(config.storage.sector_size);
		chain.register();
		let client = Signer::development("//Client").unwrap();
		chain.with(|state| {
			let rich = AccountBalance {
				escrow: 1 << 60,
				..AccountBalance::default()
			};
			state.balances.insert(client.account(), rich);
		});
		if lasting {
			let journal = journal::Journal::open(&folder.path().join("chain"), &chain);
			*chain.journal.lock().unwrap() = Some(journal);
		}
		let chain = Arc::new(chain);
		let app = app(folder.path(), &config, &chain, &keys, &program).await;
		// That the daemon would heal it must hide nothing.
		let without = app.database.sectors_without_task().await.unwrap();
		assert!(without.is_empty(), "{without:?}");
		take_up(&app.database).await.unwrap();
		Self {
			folder,
			chain,
			app,
			client,
			keys,
			program,
		}
	}

	/// With steps that compute nothing: each answers what [`Fixture::answer`] says.
	pub async fn without_sealing(config: Config) -> Self {
		let mut fixture = Self::with(config, Path::new("/nonexistent")).await;
		let script = fixture.folder.path().join("worker");
		// The request is the only line of input; its step names the answer, or a script that makes it.
		let text =
			"#!/bin/sh\nread -r line\nstep=${line#*\\\"step\\\":\\\"}\nstep=${step%%\\\"*}\n\
			script=$HOLDFAST_KEYS/$step.sh\n[ -e \"$script\" ] && exec sh \"$script\" \"$line\"\n\
			exec cat \"$HOLDFAST_KEYS/$step.json\"\n";
		program::write_program(&script, text);
		fixture.program = script;
		fixture.restart_app().await;
		for step in ["add-pieces", "pre-commit-1", "commit-1", "finalize"] {
			fixture.answer(step, &Response::Done);
		}
		let proofs = vec!["ab".repeat(192)];
		fixture.answer("commit-2", &Response::Proofs { proofs });
		fixture
	}

	/// The folder of the keys, and of the answers of fake steps.
	pub fn keys(&self) -> &Path {
		&self.keys
	}

	/// With steps that compute nothing but leave the files that real ones leave.
	pub async fn with_fake_steps(config: Config) -> Self {
		let mut fixture = Self::with(config, Path::new("/nonexistent")).await;
		fixture.program = manager::fake_steps(&fixture);
		fixture.restart_app().await;
		fixture
	}

	/// Sets the answer of a step.
	pub fn answer(&self, step: &str, response: &Response) {
		let path = self.keys.join(format!("{step}.json"));
		std::fs::write(path, serde_json::to_vec(response).unwrap()).unwrap();
	}

	/// Sets the shell script that answers a step, given the request.
	pub fn answer_by(&self, step: &str, script: &str) {
		std::fs::write(self.keys.join(format!("{step}.sh")), script).unwrap();
	}

	async fn restart_app(&mut self) {
		let config = self.app.config.clone();
		self.app.database.close().await;
		self.app = app(
			self.folder.path(),
			&config,
			&self.chain,
			&self.keys,
			&self.program,
		)
		.await;
		let without = self.app.database.sectors_without_task().await.unwrap();
		assert!(without.is_empty(), "{without:?}");
		take_up(&self.app.database).await.unwrap();
	}

	/// The daemon crashes and starts again: everything that is only in memory is lost.
	pub async fn restart(&mut self) {
		self.restart_app().await;
	}

	/// The daemon starts again with another configuration.
	pub async fn reconfigure(&mut self, mut config: Config) {
		config.storage.path = self.folder.path().to_owned();
		self.app.database.close().await;
		self.app = app(
			self.folder.path(),
			&config,
			&self.chain,
			&self.keys,
			&self.program,
		)
		.await;
		take_up(&self.app.database).await.unwrap();
	}

	/// A proposal for these data that the provider takes.
	pub fn proposal(&self, data: &TestData, nonce: u64) -> DealProposal<[u8; 32]> {
		self.proposal_for(data, nonce, 100)
	}

	/// One that starts in so many blocks.
	pub fn proposal_for(
		&self,
		data: &TestData,
		nonce: u64,
		start_in: BlockNumber,
	) -> DealProposal<[u8; 32]> {
		let block = self.chain.with(|state| state.block);
		let size = data.piece.size.bytes();
		let mut proposal = DealProposal {
			piece: data.piece,
			client: self.client.account().0,
			provider: self.chain.signer.account().0,
			start: block + start_in,
			end: block + start_in + 200,
			price_per_block: size.into(),
			provider_collateral: 0,
			nonce,
			expires: block + start_in - 10,
		};
		proposal.provider_collateral = proposal.total_price().unwrap() / 10;
		proposal
	}

	pub fn offer(&self, proposal: &DealProposal<[u8; 32]>, data: &TestData) -> Offer {
		Offer {
			proposal: const_hex::encode_prefixed(proposal.encode()),
			signature: const_hex::encode_prefixed(
				self.client.sign(&proposal.signing_bytes(&GENESIS)),
			),
			payload_bytes: data.car.len() as u64,
			root: data.root.clone(),
		}
	}
}

async fn app(
	folder: &Path,
	config: &Config,
	chain: &Arc<TestChain>,
	keys: &Path,
	program: &Path,
) -> Arc<App> {
	let database = Database::open(&folder.join("test.sqlite")).await.unwrap();
	let root = folder.join("store");
	let store = Store::open(database.clone(), &root, config.storage.min_free_bytes);
	let store = store.await.unwrap();
	let worker = Worker::new(program.to_owned(), keys.to_owned());
	Arc::new(App {
		config: config.clone(),
		sealer: Sealer::new(store.clone(), worker.clone(), config.sealing.nice),
		store,
		database,
		chain: chain.clone(),
		worker,
		hooks: Hooks::from_environment().unwrap(),
		wake: Arc::default(),
		uploads: Mutex::default(),
		proofs: Default::default(),
		monitor: Monitor::with_tokens(Token::new(TOKEN), Token::new(WORKER_TOKEN)),
		lending: Default::default(),
		budget: Budget::new(config.sealing.resources(1 << 40)),
	})
}

/// A client for plain connections.
pub fn http() -> reqwest::Client {
	drop(tokio_rustls::rustls::crypto::ring::default_provider().install_default());
	let builder = reqwest::Client::builder().tls_certs_only([]);
	builder.build().unwrap()
}

/// A CAR file with one block, and its piece.
#[derive(Clone)]
pub struct TestData {
	pub car: Vec<u8>,
	pub root: String,
	pub piece: PieceInfo,
	pub block: Vec<u8>,
}

/// A CAR of `length` bytes with bytes that depend on `seed`.
pub fn test_data(length: usize, seed: u8) -> TestData {
	let cid = raw_cid(b"");
	let header = CarWriter::new(Vec::new(), vec![cid]).unwrap().written();
	let frame = section_bytes(&cid, 200) - 200;
	let room = length - usize::try_from(header + frame).unwrap();
	let block: Vec<u8> = (0..room)
		.map(|index| seed ^ index.to_le_bytes()[0])
		.collect();
	let cid = raw_cid(&block);
	let mut writer = CarWriter::new(Vec::new(), vec![cid]).unwrap();
	writer.write_block(&cid, &block).unwrap();
	let car = writer.finish().unwrap();
	let mut hasher = PieceHasher::new();
	hasher.write(&car);
	let piece = hasher.finish().unwrap();
	TestData {
		car,
		root: cid.to_string(),
		piece: PieceInfo {
			commitment: CommP(piece.commitment),
			size: PaddedPieceSize::new(piece.padded_bytes).unwrap(),
		},
		block,
	}
}

/// Offers data and sends it: the deal is accepted.
pub async fn accepted(fixture: &Fixture, data: &TestData, nonce: u64) -> String {
	accepted_for(fixture, data, nonce, 100).await
}

/// The same, with a deal that starts in so many blocks.
pub async fn accepted_for(
	fixture: &Fixture,
	data: &TestData,
	nonce: u64,
	start_in: BlockNumber,
) -> String {
	let offer = fixture.offer(&fixture.proposal_for(data, nonce, start_in), data);
	let id = take(&fixture.app, &offer).await.unwrap().id;
	let body: Vec<Result<Bytes, std::io::Error>> = vec![Ok(data.car.clone().into())];
	receive(&fixture.app, &id, 0, stream::iter(body))
		.await
		.unwrap();
	id
}

/// Does a task's work once.
pub async fn run(fixture: &Fixture, kind: Kind, subject: &str) -> Result<Outcome, TaskError> {
	Pipeline::new(fixture.app.clone())
		.run(kind, subject, None)
		.await
}
