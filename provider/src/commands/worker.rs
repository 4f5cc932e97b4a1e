//! `holdfast-provider worker`

use std::path::{Path, PathBuf};

use anyhow::Context;
use holdfast_primitives::{KeyId, ProofKind, SectorSize};
use holdfast_prover::{default_directory, KeyStore};
use holdfast_provider::{
	config::SealingConfig,
	daemon::{stop_on_signal, Lock},
	hooks::Hooks,
	remote::{
		agent::{self, Options},
		client::Client,
		protocol::is_name,
	},
	tasks::{memory_of_machine, Kind},
	token::read_token,
	worker::Worker,
};
use tokio_util::sync::CancellationToken;

/// How to work.
#[derive(clap::Args)]
pub struct RunWorker {
	/// The daemon's address.
	#[arg(long, value_name = "URL")]
	manager: String,
	/// A copy of the daemon's worker.token, readable by its owner only.
	#[arg(long, value_name = "FILE")]
	token_file: PathBuf,
	/// The certificates, in PEM, that the daemon's must come from if its address is https; by default the system's.
	#[arg(long, value_name = "FILE")]
	ca: Option<PathBuf>,
	/// The worker's name, another one for each; by default it follows from its store.
	#[arg(long, value_name = "NAME", value_parser = name)]
	name: Option<String>,
	/// How many steps run at a time.
	#[arg(long, default_value_t = 1)]
	parallel: u32,
	/// How much memory steps take at most, in bytes; by default three quarters of the machine's.
	#[arg(long, value_name = "BYTES")]
	memory_bytes: Option<u64>,
	/// How many processors steps keep busy; by default all.
	#[arg(long)]
	cpus: Option<u32>,
	/// How many graphics processors there are.
	#[arg(long, default_value_t = 0)]
	gpus: u32,
	/// The niceness of steps.
	#[arg(long, default_value_t = 10)]
	nice: u8,
	/// How much to leave free on its disk, in bytes.
	#[arg(long, value_name = "BYTES", default_value_t = 1 << 30)]
	min_free_bytes: u64,
	/// A store of the daemon's that is reached here, too; may be repeated.
	#[arg(long = "shared", value_name = "DIR")]
	shared: Vec<PathBuf>,
	/// Do only this task, such as commit-2; may be repeated. Who does all but commit-2 keeps sectors; others fetch
	/// what a step reads and give back what it makes.
	#[arg(long = "task", value_name = "KIND", value_parser = kind)]
	kinds: Vec<Kind>,
	/// The folder with the proving keys.
	#[arg(long, value_name = "DIR")]
	keys: Option<PathBuf>,
	/// The sectors' size, to look for the proving key at the start.
	#[arg(long, value_name = "SIZE")]
	sector_size: Option<SectorSize>,
	/// Another program that does the steps.
	#[arg(long, value_name = "FILE", hide = true)]
	program: Option<PathBuf>,
}

fn name(text: &str) -> Result<String, String> {
	if is_name(text) {
		Ok(text.to_owned())
	} else {
		Err("it has at most 40 lower-case letters, digits and dashes".into())
	}
}

fn kind(text: &str) -> Result<Kind, String> {
	Kind::from_name(text)
		.filter(|kind| Kind::COMPUTING.contains(kind))
		.ok_or_else(|| {
			let names = Kind::COMPUTING.map(Kind::name).join(", ");
			format!("it is one of {names}")
		})
}

impl RunWorker {
	/// Works until it is told to stop.
	pub fn run(self, base: &Path) -> anyhow::Result<()> {
		std::fs::create_dir_all(base).with_context(|| format!("cannot make {}", base.display()))?;
		let _lock = Lock::take(base)?;
		let token = read_token(&self.token_file)?;
		let client = Client::trusting(&self.manager, &token, self.ca.as_deref())?;
		let directory = match self.keys {
			Some(directory) => directory,
			None => default_directory()?,
		};
		// It sets environment variables, so it comes before there are threads.
		let store = KeyStore::open(&directory)?;
		if let Some(sector_size) = self.sector_size {
			store.check(KeyId {
				kind: ProofKind::PoRep,
				sector_size,
			})?;
		}
		let executable = match self.program {
			Some(program) => program,
			None => std::env::current_exe().context("cannot find this program's own file")?,
		};
		let worker = Worker::new(executable, store.directory().to_owned());
		let options = Options {
			name: self.name,
			base: base.to_owned(),
			shared: self.shared,
			kinds: if self.kinds.is_empty() {
				Kind::COMPUTING.into()
			} else {
				self.kinds
			},
			sealing: SealingConfig {
				parallel: self.parallel,
				cpus: self.cpus,
				gpus: self.gpus,
				nice: self.nice,
				..SealingConfig::default()
			},
			memory: self
				.memory_bytes
				.unwrap_or_else(|| (memory_of_machine() / 4).saturating_mul(3)),
			min_free_bytes: self.min_free_bytes,
		};
		let hooks = Hooks::from_environment()?;
		let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
		runtime.block_on(async {
			let stop = CancellationToken::new();
			tokio::spawn(stop_on_signal(stop.clone()));
			agent::run(options, client, worker, hooks, stop).await
		})?;
		Ok(())
	}
}
