//! `holdfast-provider store`: the folders with the files, whether the daemon runs or not.

use std::{
	path::{Path, PathBuf},
	process::ExitCode,
	time::Duration,
};

use anyhow::{bail, Context};
use clap::{Args, Subcommand};
use holdfast_chain_client::AccountId;
use holdfast_primitives::{randomness, SectorNumber};
use holdfast_prover::default_directory;
use holdfast_provider::{
	config::Config,
	daemon::DATABASE_FILE,
	database::{now, Database},
	pipeline::relocate::{self, Target},
	restore::restore_pieces,
	sealer::Sealer,
	store::{
		self, sector_name, DiskStat, Disks, FileType, Garbage, Problem, StoreMeta, StoreRow,
		SystemDisks,
	},
	tasks::Kind,
	worker::Worker,
};
use serde_json::{json, Value};

use super::{or_dash, print_json};

/// How often one looks whether a move is over.
const LOOK: Duration = Duration::from_millis(500);

/// What to do with the stores, and how to report it.
#[derive(Args)]
pub struct Store {
	/// For programs.
	#[arg(long, global = true)]
	json: bool,
	#[command(subcommand)]
	action: Action,
}

#[derive(Subcommand)]
enum Action {
	/// Show the stores: what they are for, what is in them, and what is wrong with them.
	List,
	/// Make a folder a store, or take one that is, and use it.
	Attach {
		/// The folder.
		path: PathBuf,
		#[command(flatten)]
		description: Description,
	},
	/// Use a store no more. Its files stay where they are.
	Detach {
		/// The store's ID.
		id: String,
		/// Even if sectors or pieces that are needed are nowhere else.
		#[arg(long)]
		force: bool,
	},
	/// Look whether everything that is needed is there, with the right lengths. Ends with 1 if not.
	Check {
		/// First put files that are on disk into the index.
		#[arg(long)]
		redeclare: bool,
		/// And take those out of it that are not on disk.
		#[arg(long, requires = "redeclare")]
		drop_missing: bool,
	},
	/// Read everything, and compare it with what it was. Ends with 1 if something changed.
	Scrub,
	/// Move what is kept of a sector to another store, or to a worker. It is proven meanwhile. Where workers are
	/// concerned, the daemon has to run, and the move goes on when the command is stopped.
	Move {
		/// The sector.
		sector: SectorNumber,
		/// The ID of a store of the daemon's; by default the best one.
		#[arg(long, value_name = "ID")]
		to: Option<String>,
		/// The name of the worker that is to have it in its own store.
		#[arg(long, value_name = "NAME", conflicts_with = "to")]
		to_worker: Option<String>,
	},
	/// Read pieces whose files are lost from the sectors that they are in. Unsealing one takes as long as sealing.
	Restore,
	/// Mark files that nothing needs any more; with --sweep remove those that are marked for long.
	Gc {
		/// Remove what was marked long enough ago and is still not needed.
		#[arg(long)]
		sweep: bool,
		/// How long a file must have been marked.
		#[arg(long, value_name = "HOURS", default_value_t = 24)]
		grace_hours: u32,
	},
}

/// What a new store is for. A folder that is a store already keeps its description.
#[derive(Args)]
struct Description {
	/// How much it is preferred; nothing is written to a store of weight 0.
	#[arg(long, default_value_t = 10)]
	weight: u64,
	/// No sector is sealed in it.
	#[arg(long)]
	no_seal: bool,
	/// No sector is kept in it.
	#[arg(long)]
	no_store: bool,
	/// The most bytes that it may hold; 0 for all that the disk has.
	#[arg(long, value_name = "BYTES", default_value_t = 0)]
	max_storage: u64,
	/// A group that it belongs to; may be repeated.
	#[arg(long = "group", value_name = "NAME")]
	groups: Vec<String>,
	/// Its files may be moved only to stores of this group; may be repeated.
	#[arg(long = "allow-to", value_name = "NAME")]
	allow_to: Vec<String>,
	/// It takes only this type: unsealed, sealed, cache or piece; may be repeated.
	#[arg(long = "allow-type", value_name = "TYPE", value_parser = file_type)]
	allow_types: Vec<FileType>,
	/// It does not take this type; may be repeated.
	#[arg(long = "deny-type", value_name = "TYPE", value_parser = file_type)]
	deny_types: Vec<FileType>,
}

fn file_type(text: &str) -> Result<FileType, String> {
	FileType::from_name(text).ok_or_else(|| {
		let names = FileType::ALL.map(FileType::name).join(", ");
		format!("it is one of {names}")
	})
}

impl Description {
	fn meta(self) -> StoreMeta {
		StoreMeta {
			weight: self.weight,
			can_seal: !self.no_seal,
			can_store: !self.no_store,
			max_storage: self.max_storage,
			groups: self.groups,
			allow_to: self.allow_to,
			allow_types: self.allow_types,
			deny_types: self.deny_types,
			..StoreMeta::default()
		}
	}
}

impl Store {
	/// Does what the command says.
	pub fn run(self, base: &Path) -> anyhow::Result<ExitCode> {
		let config = Config::load(base)?;
		let path = base.join(DATABASE_FILE);
		if !path.exists() {
			bail!(
				"there is no {}: has the daemon run with --base {} before?",
				path.display(),
				base.display()
			);
		}
		let runtime = tokio::runtime::Runtime::new().context("cannot start the runtime")?;
		let output = runtime.block_on(async {
			let database = Database::open(&path).await?;
			let storage = &config.storage;
			let store =
				store::Store::open_beside(database.clone(), &storage.path, storage.min_free_bytes)
					.await?;
			let output = perform(&store, &database, &config, self.action).await;
			database.close().await;
			output
		})?;
		if self.json {
			print_json(&output.value)?;
		} else {
			for line in &output.lines {
				println!("{line}");
			}
		}
		Ok(if output.ok {
			ExitCode::SUCCESS
		} else {
			ExitCode::FAILURE
		})
	}
}

/// What a command says, to people and to programs.
struct Output {
	lines: Vec<String>,
	value: Value,
	ok: bool,
}

impl Output {
	fn new(lines: Vec<String>, value: Value) -> Self {
		Self {
			lines,
			value,
			ok: true,
		}
	}
}

async fn perform(
	store: &store::Store,
	database: &Database,
	config: &Config,
	action: Action,
) -> anyhow::Result<Output> {
	Ok(match action {
		Action::List => list(store, database).await?,
		Action::Attach { path, description } => {
			let folder = store.attach(&path, description.meta()).await?;
			let line = format!("the store {} is {}", folder.meta.id, folder.root.display());
			Output::new(
				vec![line],
				json!({ "path": folder.root, "description": folder.meta }),
			)
		},
		Action::Detach { id, force } => {
			store.detach(&id, force).await?;
			Output::new(
				vec![format!("the store {id} is not used any more")],
				json!({ "id": id, "attached": false }),
			)
		},
		Action::Check {
			redeclare,
			drop_missing,
		} => {
			if redeclare {
				let changed = store.redeclare(None, drop_missing).await?;
				eprintln!(
					"{} files added to the index, {} missing on disk",
					changed.added, changed.missing
				);
			}
			let problems = store.check(config.storage.sector_size).await?;
			report(&problems, json!(problems), "everything is there")
		},
		Action::Scrub => {
			let scrubbed = store.scrub().await?;
			let good = format!(
				"{} files are what they were, {} of them were read for the first time; {} were being \
				 worked on",
				scrubbed.intact, scrubbed.recorded, scrubbed.busy
			);
			report(&scrubbed.problems, json!(scrubbed), &good)
		},
		Action::Move {
			sector,
			to,
			to_worker,
		} => {
			let target = to_worker.map_or(Target::Store(to), Target::Worker);
			move_sector(store, database, sector, &target).await?
		},
		Action::Restore => restore(store, database, config).await?,
		Action::Gc { sweep, grace_hours } => collect(store, sweep, grace_hours).await?,
	})
}

/// Moves a sector; what workers have to do, the daemon has them do.
async fn move_sector(
	store: &store::Store,
	database: &Database,
	sector: SectorNumber,
	target: &Target,
) -> anyhow::Result<Output> {
	let id = match (database.home(sector).await?, target) {
		(None, Target::Store(to)) => store.move_sector(sector, to.as_deref()).await?,
		_ => {
			relocate::order(database, sector, target).await?;
			await_move(database, sector).await?;
			let kept = database
				.find_file(FileType::Sealed, &sector_name(sector))
				.await?;
			kept.first()
				.map(|row| row.store.clone())
				.unwrap_or_default()
		},
	};
	Ok(match database.home(sector).await? {
		Some(worker) => Output::new(
			vec![format!("the worker {worker} has sector {sector}")],
			json!({ "sector": sector, "worker": worker }),
		),
		None => Output::new(
			vec![format!("sector {sector} is in the store {id}")],
			json!({ "sector": sector, "store": id }),
		),
	})
}

/// Waits until a move is over, and says what it waits for.
async fn await_move(database: &Database, sector: SectorNumber) -> anyhow::Result<()> {
	let subject = sector.to_string();
	let mut told = None;
	while database.ordered_move(sector).await?.is_some() {
		let tasks = database.tasks().await?;
		let task = tasks
			.into_iter()
			.find(|task| task.kind == Kind::Move.name() && task.subject == subject);
		let error = task.as_ref().and_then(|task| task.error.clone());
		if task.is_some_and(|task| task.state == "failed") {
			bail!("{}", error.unwrap_or_default());
		}
		if error != told {
			if let Some(error) = &error {
				eprintln!("{error}; it is tried again");
			}
			told = error;
		}
		tokio::time::sleep(LOOK).await;
	}
	Ok(())
}

async fn restore(
	store: &store::Store,
	database: &Database,
	config: &Config,
) -> anyhow::Result<Output> {
	let missing = "the daemon has not run yet";
	let genesis = database.meta("genesis").await?.context(missing)?;
	let account = database.meta("account").await?.context(missing)?;
	let mut hash = [0; 32];
	const_hex::decode_to_slice(genesis, &mut hash).context("the database's genesis hash")?;
	let prover = randomness::prover_id(&hash, account.parse::<AccountId>()?.as_bytes());
	let keys = match &config.storage.keys {
		Some(directory) => directory.clone(),
		None => default_directory()?,
	};
	let executable = std::env::current_exe().context("cannot find this program's own file")?;
	let worker = Worker::new(executable, keys);
	let sealer = Sealer::new(store.clone(), worker, config.sealing.nice);
	let size = config.storage.sector_size;
	let pieces = restore_pieces(database, store, &sealer, size, prover).await?;
	let lines = pieces.iter().map(|piece| match &piece.error {
		None => format!(
			"{} is restored from sector {}",
			piece.piece,
			or_dash(piece.sector)
		),
		Some(error) => format!("{} is still lost: {error}", piece.piece),
	});
	let mut lines: Vec<_> = lines.collect();
	if lines.is_empty() {
		lines.push("no piece is lost".into());
	}
	Ok(Output {
		lines,
		value: json!(pieces),
		ok: pieces.iter().all(|piece| piece.error.is_none()),
	})
}

async fn list(store: &store::Store, database: &Database) -> anyhow::Result<Output> {
	let reserved = database.reservations(now()).await?;
	let mut lines = Vec::new();
	let mut values = Vec::new();
	for row in store.refresh().await? {
		let files = database.store_files(Some(&row.id)).await?;
		let bytes = files
			.iter()
			.fold(0i64, |sum, file| sum.saturating_add(file.bytes));
		let promised = reserved
			.iter()
			.filter(|reservation| reservation.store == row.id)
			.fold(0i64, |sum, reservation| {
				sum.saturating_add(reservation.bytes)
			});
		let meta = StoreMeta::read(&row.root()).ok().flatten();
		let disk = SystemDisks.stat(&row.root()).ok();
		lines.extend(describe(&row, meta.as_ref(), disk, store.id()));
		lines.push(format!(
			"  {} files with {bytes} bytes, {promised} bytes promised",
			files.len()
		));
		values.push(json!({
			"store": row,
			"configured": row.id == store.id(),
			"description": meta,
			"freeBytes": disk.map(|disk| disk.free),
			"totalBytes": disk.map(|disk| disk.total),
			"files": files.len(),
			"fileBytes": bytes,
			"reservedBytes": promised,
		}));
	}
	Ok(Output::new(lines, Value::Array(values)))
}

fn describe(
	row: &StoreRow,
	meta: Option<&StoreMeta>,
	disk: Option<DiskStat>,
	configured: &str,
) -> Vec<String> {
	let mut notes = Vec::new();
	if row.id == configured {
		notes.push("configured".to_owned());
	}
	if !row.attached {
		notes.push("detached".to_owned());
	}
	if let Some(meta) = meta {
		notes.push(format!("weight {}", meta.weight));
		if !meta.can_seal {
			notes.push("no sealing".into());
		}
		if !meta.can_store {
			notes.push("no storing".into());
		}
		if meta.max_storage > 0 {
			notes.push(format!("at most {} bytes", meta.max_storage));
		}
		for (what, names) in [("groups", &meta.groups), ("moves only to", &meta.allow_to)] {
			if !names.is_empty() {
				notes.push(format!("{what} {}", names.join(", ")));
			}
		}
		for (what, kinds) in [("only", &meta.allow_types), ("no", &meta.deny_types)] {
			for kind in kinds {
				notes.push(format!("{what} {}", kind.name()));
			}
		}
	}
	let mut lines = vec![format!("{}  {}", row.id, row.path)];
	if !notes.is_empty() {
		lines.push(format!("  {}", notes.join("; ")));
	}
	if let Some(disk) = disk {
		lines.push(format!("  {} of {} bytes free", disk.free, disk.total));
	}
	if let (true, Some(error)) = (row.attached, &row.error) {
		lines.push(format!("  cannot be used: {error}"));
	}
	lines
}

fn report(problems: &[Problem], value: Value, good: &str) -> Output {
	let mut lines: Vec<_> = problems
		.iter()
		.map(|problem| {
			format!(
				"{} {}: {} {}",
				problem.kind,
				problem.name,
				problem.path.display(),
				problem.problem
			)
		})
		.collect();
	lines.push(match problems.len() {
		0 => good.to_owned(),
		count => format!("{count} problems; otherwise {good}"),
	});
	Output {
		lines,
		value,
		ok: problems.is_empty(),
	}
}

async fn collect(store: &store::Store, sweep: bool, grace_hours: u32) -> anyhow::Result<Output> {
	let grace = Duration::from_secs(u64::from(grace_hours).saturating_mul(3600));
	let removed = if sweep {
		store.sweep_garbage(grace, now()).await?
	} else {
		Vec::new()
	};
	let marked = store.mark_garbage(now()).await?;
	let line = |what: &str, garbage: &Garbage| {
		format!(
			"{what} {} {} in {}, {} bytes: {}",
			garbage.kind, garbage.name, garbage.store, garbage.bytes, garbage.reason
		)
	};
	let mut lines: Vec<_> = removed.iter().map(|one| line("removed", one)).collect();
	lines.extend(marked.iter().map(|one| line("marked", one)));
	if lines.is_empty() {
		lines.push("there is no garbage".into());
	} else if !marked.is_empty() {
		lines.push(
			"`store gc --sweep` removes what is marked, once it has been for long enough".into(),
		);
	}
	Ok(Output::new(
		lines,
		json!({ "removed": removed, "marked": marked }),
	))
}
