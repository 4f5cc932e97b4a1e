//! The commands.

use std::{
	io::IsTerminal,
	net::SocketAddr,
	path::{Path, PathBuf},
	process::ExitCode,
};

use anyhow::{bail, Context};
use clap::{Parser, Subcommand};
use holdfast_chain_client::Signer;
use holdfast_primitives::{KeyId, ProofKind, SectorSize};
use holdfast_prover::{default_directory, key_name, KeyProgress, KeyStage, KeyStore};
use holdfast_provider::{
	api::status::{collect, Status},
	bench,
	config::{Config, Template, FILE_NAME, KEY_FILE_NAME},
	daemon::{self, Lock, DATABASE_FILE},
	database::Database,
	token::Token,
	work,
};

use crate::commands::{
	wizard::{self, Asked},
	Deals, Doctor, RunWorker, Sectors, Store, Tasks, Workers,
};

/// The storage provider's daemon: takes deals, seals and proves their data, and serves it.
#[derive(Parser)]
#[command(name = "holdfast-provider", version)]
pub struct Cli {
	#[command(subcommand)]
	command: Command,
}

#[derive(clap::Args)]
struct Base {
	/// The folder with the configuration, the key, the database and the data.
	#[arg(
		long,
		env = "HOLDFAST_PROVIDER_BASE",
		value_name = "DIR",
		global = true
	)]
	base: Option<PathBuf>,
}

impl Base {
	fn path(&self) -> anyhow::Result<PathBuf> {
		match &self.base {
			Some(base) => Ok(base.clone()),
			None => std::env::var_os("HOME")
				.map(|home| PathBuf::from(home).join(".holdfast/provider"))
				.context("there is no HOME: say --base DIR"),
		}
	}
}

#[derive(Subcommand)]
enum Command {
	/// Write a commented configuration, and a new key and a token if there are none. At a terminal it asks for
	/// what is not said here.
	Init {
		#[command(flatten)]
		base: Base,
		/// The node's WebSocket address.
		#[arg(long, value_name = "URL")]
		node: Option<String>,
		/// Where the HTTP API is to listen.
		#[arg(long, value_name = "ADDRESS")]
		listen: Option<SocketAddr>,
		/// The URL to announce on the chain.
		#[arg(long, value_name = "URL")]
		public_url: Option<String>,
		/// 2KiB, 8MiB, 512MiB, 32GiB or 64GiB.
		#[arg(long, value_name = "SIZE")]
		sector_size: Option<SectorSize>,
		/// Ask the test network's faucet for money.
		#[arg(long)]
		use_faucet: bool,
		/// Ask nothing.
		#[arg(long)]
		yes: bool,
	},
	/// Run the daemon.
	Run {
		#[command(flatten)]
		base: Base,
	},
	/// Show deals, sectors, proofs and tasks, whether the daemon runs or not.
	Status {
		#[command(flatten)]
		base: Base,
		/// For programs.
		#[arg(long)]
		json: bool,
	},
	/// List the sectors.
	Sectors {
		#[command(flatten)]
		base: Base,
		#[command(flatten)]
		sectors: Sectors,
	},
	/// List the deals.
	Deals {
		#[command(flatten)]
		base: Base,
		#[command(flatten)]
		deals: Deals,
	},
	/// List what is to be done, and what was given up.
	Tasks {
		#[command(flatten)]
		base: Base,
		#[command(flatten)]
		tasks: Tasks,
	},
	/// Look at clock, disk, memory, chain, money, deadlines and keys, and say what is wrong. The exit code is 0 if
	/// all is well, 3 for warnings and 1 for failures.
	Doctor {
		#[command(flatten)]
		base: Base,
		#[command(flatten)]
		doctor: Doctor,
	},
	/// The folders with the files: list, attach and detach them, check what is in them, move sectors, and remove
	/// what nothing needs.
	Store {
		#[command(flatten)]
		base: Base,
		#[command(flatten)]
		store: Store,
	},
	/// Make the development networks' proving keys, once. Their trapdoor is public.
	Keys {
		/// The sectors' size.
		#[arg(long, value_name = "SIZE", default_value = "8MiB")]
		sector_size: SectorSize,
		/// Make one of the two keys only: porep or window-post.
		#[arg(long, value_name = "KIND", value_parser = kind)]
		only: Option<ProofKind>,
		/// The folder; by default HOLDFAST_KEYS or ~/.cache/holdfast/keys.
		#[arg(long, value_name = "DIR")]
		directory: Option<PathBuf>,
	},
	/// Measure what things cost on this machine.
	Bench {
		#[command(subcommand)]
		what: Bench,
	},
	/// Do computing tasks for a daemon, maybe on another machine: with a store of its own, or in stores that both
	/// reach.
	Worker {
		#[command(flatten)]
		base: Base,
		#[command(flatten)]
		worker: RunWorker,
	},
	/// The machines that do computing tasks: list them, and say which get no new ones.
	Workers {
		#[command(flatten)]
		base: Base,
		#[command(flatten)]
		workers: Workers,
	},
	/// One computing step, for the daemon.
	#[command(hide = true)]
	Work,
}

#[derive(Subcommand)]
enum Bench {
	/// Keys, sealing and proving, beside filecoin-proofs as it comes.
	Proofs {
		/// The sectors' size; may be repeated. By default 2KiB, 8MiB and 512MiB.
		#[arg(long = "size", value_name = "SIZE")]
		sizes: Vec<SectorSize>,
		/// Measure filecoin-proofs, too.
		#[arg(long)]
		reference: bool,
		/// Make the keys even if they are there.
		#[arg(long)]
		setup: bool,
		/// Have bellperson make the keys, too: about 20 minutes for each.
		#[arg(long)]
		reference_setup: bool,
		/// Where sectors are while they are measured; by default the system's temporary folder.
		#[arg(long, value_name = "DIR")]
		folder: Option<PathBuf>,
		/// For programs, instead of the table.
		#[arg(long)]
		json: bool,
		/// Where to write what programs get, besides.
		#[arg(long, value_name = "FILE")]
		output: Option<PathBuf>,
	},
	/// One step.
	#[command(hide = true)]
	Step {
		/// What to do.
		order: String,
	},
}

impl Cli {
	/// Does what the command says.
	pub fn run(self) -> anyhow::Result<ExitCode> {
		match self.command {
			Command::Init {
				base,
				node,
				listen,
				public_url,
				sector_size,
				use_faucet,
				yes,
			} => {
				let base = base.path()?;
				let asked = Asked {
					node: node.is_none(),
					listen: listen.is_none(),
					public_url: public_url.is_none(),
					sector_size: sector_size.is_none(),
					use_faucet: !use_faucet,
				};
				let default = Template::default();
				let mut template = Template {
					node: node.unwrap_or(default.node),
					listen: listen.unwrap_or(default.listen),
					public_url,
					sector_size: sector_size.unwrap_or(default.sector_size),
					use_faucet,
				};
				let has_answers = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
				if has_answers && !yes && !base.join(FILE_NAME).exists() {
					let (input, output) = (std::io::stdin(), std::io::stdout());
					wizard::ask(&mut template, &asked, &mut input.lock(), &mut output.lock())?;
				}
				init(&base, &template)?;
			},
			Command::Run { base } => run(&base.path()?)?,
			Command::Status { base, json } => status(&base.path()?, json)?,
			Command::Sectors { base, sectors } => sectors.run(&base.path()?)?,
			Command::Deals { base, deals } => deals.run(&base.path()?)?,
			Command::Tasks { base, tasks } => tasks.run(&base.path()?)?,
			Command::Store { base, store } => return store.run(&base.path()?),
			Command::Doctor { base, doctor } => {
				let base = base.path()?;
				let config = Config::load(&base)?;
				return doctor.run(&base, &config, check_keys(&config));
			},
			Command::Keys {
				sector_size,
				only,
				directory,
			} => keys(sector_size, only, directory)?,
			Command::Bench { what } => bench(what)?,
			Command::Worker { base, worker } => worker.run(&base.path()?)?,
			Command::Workers { base, workers } => workers.run(&base.path()?)?,
			Command::Work => return Ok(work::main()),
		}
		Ok(ExitCode::SUCCESS)
	}
}

fn init(base: &Path, template: &Template) -> anyhow::Result<()> {
	std::fs::create_dir_all(base).with_context(|| format!("cannot make {}", base.display()))?;
	let text = template.render();
	Config::parse(&text)?;
	let config = base.join(FILE_NAME);
	if config.exists() {
		println!("{} is there already and stays as it is", config.display());
	} else {
		std::fs::write(&config, text)
			.with_context(|| format!("cannot write {}", config.display()))?;
		println!("wrote {}", config.display());
	}
	let key = base.join(KEY_FILE_NAME);
	let signer = if key.exists() {
		Signer::from_file(&key)?
	} else {
		let signer = Signer::create_file(&key)?;
		println!("wrote a new key to {}: keep a copy of it", key.display());
		signer
	};
	let config = Config::load(base)?;
	Token::read_or_create(&config.api.token_file)?;
	println!("the provider's account is {}", signer.account());
	println!(
		"the status page is at {}/ and asks for the token in {}",
		config.api.local_url(),
		config.api.token_file.display()
	);
	println!(
		"next: send it some money, then run `holdfast-provider run --base {}`",
		base.display()
	);
	Ok(())
}

fn run(base: &Path) -> anyhow::Result<()> {
	let config = Config::load(base)?;
	daemon::check_secrets(&config)?;
	let directory = keys_directory(config.storage.keys.clone())?;
	// It sets environment variables, so it comes before there are threads.
	let store = KeyStore::open(&directory)?;
	for key in key_ids(config.storage.sector_size) {
		store.check(key)?;
	}
	let executable = std::env::current_exe().context("cannot find this program's own file")?;
	let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
	runtime.block_on(daemon::run(
		base,
		config,
		store.directory().to_owned(),
		executable,
	))?;
	Ok(())
}

/// Whether the proving keys are there.
fn check_keys(config: &Config) -> anyhow::Result<String> {
	let store = KeyStore::open(&keys_directory(config.storage.keys.clone())?)?;
	for key in key_ids(config.storage.sector_size) {
		store.check(key)?;
	}
	Ok(format!("both are in {}", store.directory().display()))
}

fn keys_directory(configured: Option<PathBuf>) -> anyhow::Result<PathBuf> {
	Ok(match configured {
		Some(directory) => directory,
		None => default_directory()?,
	})
}

fn key_ids(sector_size: SectorSize) -> [KeyId; 2] {
	[ProofKind::WindowPoSt, ProofKind::PoRep].map(|kind| KeyId { kind, sector_size })
}

fn kind(text: &str) -> Result<ProofKind, String> {
	match text {
		"porep" => Ok(ProofKind::PoRep),
		"window-post" => Ok(ProofKind::WindowPoSt),
		_ => Err("it is porep or window-post".into()),
	}
}

fn bench(what: Bench) -> anyhow::Result<()> {
	match what {
		Bench::Proofs {
			sizes,
			reference,
			setup,
			reference_setup,
			folder,
			json,
			output,
		} => {
			let options = bench::Options {
				sizes: if sizes.is_empty() {
					vec![SectorSize::KiB2, SectorSize::MiB8, SectorSize::MiB512]
				} else {
					sizes
				},
				reference,
				setup,
				reference_setup,
				folder,
			};
			KeyStore::open(default_directory()?)?;
			let executable =
				std::env::current_exe().context("cannot find this program's own file")?;
			let mut rows = Vec::new();
			let outcome = bench::run(
				&options,
				&executable,
				&mut |line| eprintln!("{line}"),
				&mut rows,
			);
			let list = serde_json::to_string_pretty(&bench::json(&rows))?;
			if let Some(path) = output {
				std::fs::write(&path, &list)
					.with_context(|| format!("cannot write {}", path.display()))?;
			}
			if json {
				println!("{list}");
			} else {
				println!("{}", bench::table(&rows));
			}
			outcome?;
		},
		Bench::Step { order } => {
			println!("{}", serde_json::to_string(&bench::step(&order)?)?);
		},
	}
	Ok(())
}

fn keys(
	sector_size: SectorSize,
	only: Option<ProofKind>,
	directory: Option<PathBuf>,
) -> anyhow::Result<()> {
	let store = KeyStore::open(keys_directory(directory)?)?;
	let wanted = key_ids(sector_size)
		.into_iter()
		.filter(|key| only.is_none_or(|kind| key.kind == kind));
	for key in wanted {
		store.ensure(key, &report)?;
		if std::io::stderr().is_terminal() {
			eprint!("\r\x1b[K");
		}
		println!("{} is in {}", key_name(key), store.directory().display());
	}
	println!("these are development keys: their trapdoor is public and anybody can forge proofs");
	Ok(())
}

fn report(progress: KeyProgress) {
	let name = key_name(progress.key);
	let text = match progress.stage {
		KeyStage::Waiting => format!("{name}: another process is making keys; waiting"),
		KeyStage::Generating => {
			let left = progress.remaining.map_or(String::new(), |left| {
				format!(", about {} s left", left.as_secs())
			});
			format!(
				"{name}: {:.0} % after {} s{left}",
				progress.fraction * 100.0,
				progress.elapsed.as_secs()
			)
		},
		KeyStage::Done => return,
	};
	if std::io::stderr().is_terminal() {
		eprint!("\r\x1b[K{text}");
	} else {
		eprintln!("{text}");
	}
}

fn status(base: &Path, json: bool) -> anyhow::Result<()> {
	let path = base.join(DATABASE_FILE);
	if !path.exists() {
		bail!(
			"there is no {}: has the daemon run with --base {} before?",
			path.display(),
			base.display()
		);
	}
	let running = matches!(Lock::take(base), Err(daemon::DaemonError::Running { .. }));
	let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
	let status = runtime.block_on(async {
		let database = Database::open_read_only(&path).await?;
		collect(&database).await
	})?;
	if json {
		let mut value = serde_json::to_value(&status)?;
		if let serde_json::Value::Object(fields) = &mut value {
			fields.insert("running".into(), running.into());
		}
		println!("{}", serde_json::to_string_pretty(&value)?);
	} else {
		print_status(&status, running);
	}
	Ok(())
}

fn print_status(status: &Status, running: bool) {
	println!(
		"daemon: {}",
		if running { "running" } else { "not running" }
	);
	println!("deals:");
	for (state, count) in &status.deals {
		println!("  {state}: {count}");
	}
	println!("sectors:");
	for sector in &status.sectors {
		let proven = sector.posts.len();
		println!(
			"  {}: {}, deals {:?}, window PoSts {proven}{}",
			sector.sector.number,
			sector.sector.state.name(),
			sector.deals,
			sector
				.sector
				.error
				.as_ref()
				.map_or(String::new(), |error| format!(", {error}")),
		);
		for stage in &sector.stages {
			let time = stage.finished_at.map_or("not finished".into(), |end| {
				format!("{} ms", end.saturating_sub(stage.started_at))
			});
			println!("     {}: {time}", stage.stage);
		}
	}
	for task in &status.tasks {
		if let Some(error) = &task.error {
			println!(
				"task {} {}: {}: {error}",
				task.kind, task.subject, task.state
			);
		}
	}
	for refusal in &status.refusals {
		println!(
			"refused at block {}: {} of {}: {}",
			refusal.block, refusal.kind, refusal.subject, refusal.error
		);
	}
	for settlement in status.settlements.iter().take(5) {
		println!(
			"paid at block {}: {} for {} blocks of deal {}",
			settlement.block, settlement.amount, settlement.blocks, settlement.deal_id
		);
	}
}
