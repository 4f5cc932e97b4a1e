//! A worker's life: it tells the daemon that it lives, takes tasks, does them in its own store or in one that both
//! reach, keeps the results until the daemon has them, and opens its sectors for window PoSt.

mod pair;
mod place;
mod questions;

use std::{
	collections::{BTreeMap, BTreeSet},
	fs, io,
	path::{Path, PathBuf},
	sync::{
		atomic::{AtomicBool, Ordering},
		Arc, Mutex, MutexGuard, PoisonError,
	},
	time::Duration,
};

use holdfast_primitives::SectorNumber;
use tokio::{sync::Notify, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{
	client::{Client, ClientError},
	protocol::{Answer, Claim, Hello, Lent, Returned},
};
use crate::{
	config::SealingConfig,
	database::{Database, DatabaseError},
	hooks::Hooks,
	sealer::Sealer,
	store::{
		remove_any, remove_file, sector_of, write_whole, Folder, LockMode, Store, StoreError,
		StoreMeta,
	},
	tasks::{About, Budget, Companion, Kind, Resources, TaskError},
	worker::{Response, Worker, WorkerError},
};

/// The database's name within the base folder.
const DATABASE_FILE: &str = "worker.sqlite";
/// How often the worker shows that it lives.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How long it waits before it asks again after the daemon had nothing or did not answer.
const PAUSE: Duration = Duration::from_millis(500);

/// What a worker is told when it starts.
#[derive(Clone, Debug)]
pub struct Options {
	/// Its name; by default one that follows from its store.
	pub name: Option<String>,
	/// The folder with its database, its store and its results.
	pub base: PathBuf,
	/// The daemon's stores that it reaches, too.
	pub shared: Vec<PathBuf>,
	/// The tasks that it does.
	pub kinds: Vec<Kind>,
	/// How many at a time, and what they may take.
	pub sealing: SealingConfig,
	/// All of its memory that steps may take, in bytes.
	pub memory: u64,
	/// What is to be left free on its disk, in bytes.
	pub min_free_bytes: u64,
}

/// Why a worker does not run.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
	/// The database failed.
	#[error(transparent)]
	Database(#[from] DatabaseError),
	/// The files failed.
	#[error(transparent)]
	Store(#[from] StoreError),
	/// The daemon does not want it.
	#[error(transparent)]
	Client(#[from] ClientError),
	/// A folder cannot be used.
	#[error("cannot use {}: {source}", path.display())]
	Files {
		/// Which.
		path: PathBuf,
		/// What went wrong.
		source: io::Error,
	},
	/// A shared folder is no store.
	#[error("{} is no store: it has no sectorstore.json", path.display())]
	NoStore {
		/// The folder.
		path: PathBuf,
	},
}

/// A task that this worker has.
struct Task {
	lent: Lent,
	/// Told when it is not the worker's any more.
	stop: CancellationToken,
}

struct Agent {
	client: Client,
	name: String,
	session: String,
	base: PathBuf,
	kinds: Vec<String>,
	shared: Vec<Folder>,
	sealing: SealingConfig,
	database: Database,
	store: Store,
	sealer: Sealer,
	worker: Worker,
	budget: Arc<Budget>,
	hooks: Hooks,
	/// The tasks that it works on: their sectors, and how to stop them.
	running: Mutex<BTreeMap<i64, (SectorNumber, CancellationToken)>>,
	/// The questions that it works on, and the answers that the daemon does not have yet.
	asked: Mutex<(BTreeSet<u64>, Vec<Answer>)>,
	cordoned: AtomicBool,
	/// Whether the daemon did what it was asked last.
	heard: AtomicBool,
	/// Told when a result is there.
	results: Notify,
	/// Told when there is room for another task.
	room: Notify,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
	// Every change is whole, so a panic leaves nothing half done.
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs a worker until it is told to stop. What it works on then is dropped, which is as good as a crash.
pub async fn run(
	options: Options,
	client: Client,
	worker: Worker,
	hooks: Hooks,
	stop: CancellationToken,
) -> Result<(), AgentError> {
	let agent = Arc::new(Agent::open(options, client, worker, hooks).await?);
	info!(worker = agent.name, "running");
	let mut loops = JoinSet::new();
	let mut known = false;
	// Whoever has no good token is told at once; a daemon that is away is waited for.
	while !known && !stop.is_cancelled() {
		match agent.show().await {
			Ok(()) => known = true,
			Err(error @ ClientError::Token) => return Err(error.into()),
			Err(error) => {
				agent.miss(&error);
				tokio::select! {
					() = tokio::time::sleep(PAUSE) => {},
					() = stop.cancelled() => {},
				}
			},
		}
	}
	loops.spawn(agent.clone().heartbeats());
	loops.spawn(agent.clone().claims());
	loops.spawn(agent.clone().reports());
	loops.spawn(agent.clone().questions());
	stop.cancelled().await;
	info!("stopping");
	loops.shutdown().await;
	agent.database.close().await;
	Ok(())
}

impl Agent {
	async fn open(
		options: Options,
		client: Client,
		worker: Worker,
		hooks: Hooks,
	) -> Result<Self, AgentError> {
		let base = options.base;
		let make = |name: &str| {
			let path = base.join(name);
			fs::create_dir_all(&path).map_err(|source| AgentError::Files {
				path: path.clone(),
				source,
			})
		};
		make("results")?;
		// What tasks need only for a while is fetched again if need be.
		for name in ["pieces", "visits"] {
			remove_any(&base.join(name))?;
		}
		make("pieces")?;
		let database = Database::open(&base.join(DATABASE_FILE)).await?;
		let root = base.join("store");
		let store = Store::open(database.clone(), &root, options.min_free_bytes).await?;
		let mut shared = Vec::new();
		for path in options.shared {
			let meta = StoreMeta::read(&path)?;
			let meta = meta.ok_or(AgentError::NoStore { path: path.clone() })?;
			shared.push(Folder { root: path, meta });
		}
		let named = || {
			let id = store.id().chars().filter(char::is_ascii_alphanumeric);
			format!("w-{}", id.take(8).collect::<String>().to_lowercase())
		};
		Ok(Self {
			client,
			name: options.name.unwrap_or_else(named),
			session: const_hex::encode(rand::random::<[u8; 8]>()),
			sealer: Sealer::new(store.clone(), worker.clone(), options.sealing.nice),
			budget: Budget::new(options.sealing.resources(options.memory)),
			kinds: options
				.kinds
				.iter()
				.map(|kind| kind.name().to_owned())
				.collect(),
			sealing: options.sealing,
			base,
			shared,
			database,
			store,
			worker,
			hooks,
			running: Mutex::default(),
			asked: Mutex::default(),
			cordoned: AtomicBool::new(true),
			heard: AtomicBool::new(true),
			results: Notify::new(),
			room: Notify::new(),
		})
	}

	fn about(&self) -> About {
		About {
			kinds: self.kinds.clone(),
			shared: self
				.shared
				.iter()
				.map(|folder| folder.meta.id.clone())
				.collect(),
			resources: self.budget.all(),
			free: self.budget.free(),
		}
	}

	/// Tells the daemon what it has, and does what it hears.
	async fn show(&self) -> Result<(), ClientError> {
		// A result is on disk before its task is not running any more.
		let mut tasks: Vec<i64> = lock(&self.running).keys().copied().collect();
		tasks.extend(self.kept_results().iter().map(|(id, _)| *id));
		tasks.sort_unstable();
		tasks.dedup();
		let hello = Hello {
			name: self.name.clone(),
			session: self.session.clone(),
			about: self.about(),
			tasks,
			sectors: self.sectors().await,
		};
		let heard = self.client.hello(&hello).await?;
		if !self.heard.swap(true, Ordering::Relaxed) {
			info!("the daemon is heard again");
		}
		self.cordoned.store(heard.cordoned, Ordering::Relaxed);
		for id in heard.lost {
			warn!(task = id, "is not this worker's any more");
			if let Some((_, stop)) = lock(&self.running).get(&id) {
				stop.cancel();
			}
			drop(remove_file(&self.result_file(id)));
		}
		for sector in heard.remove {
			if let Err(error) = self.remove(sector).await {
				warn!(sector, "cannot be removed: {error}");
			}
		}
		Ok(())
	}

	/// The daemon did not do what it was asked: that is said once, until it is heard again.
	fn miss(&self, error: &ClientError) {
		if self.heard.swap(false, Ordering::Relaxed) {
			warn!("{error}; results are kept until it is back");
		}
	}

	/// The sectors that it has files of.
	async fn sectors(&self) -> Vec<SectorNumber> {
		let files = self.database.store_files(None).await.unwrap_or_default();
		let promised = self.database.reservations(0).await.unwrap_or_default();
		let names = files.into_iter().map(|file| file.name);
		let names = names.chain(promised.into_iter().map(|promised| promised.name));
		let numbers: BTreeSet<_> = names.filter_map(|name| sector_of(&name)).collect();
		numbers.into_iter().collect()
	}

	async fn remove(&self, sector: SectorNumber) -> Result<(), TaskError> {
		if lock(&self.running)
			.values()
			.any(|(busy, _)| *busy == sector)
		{
			return Ok(());
		}
		// A proof that was asked for before the sector went elsewhere.
		if self.store.is_read(sector).await? {
			return Ok(());
		}
		let Some(lock) = self.store.lock(sector, LockMode::Write).await? else {
			return Ok(());
		};
		self.sealer.remove(sector, &lock).await?;
		lock.release().await?;
		remove_any(&self.pieces(sector))?;
		info!(sector, "is not needed any more; its files are removed");
		Ok(())
	}

	async fn heartbeats(self: Arc<Self>) {
		loop {
			tokio::time::sleep(HEARTBEAT).await;
			if let Err(error) = self.show().await {
				self.miss(&error);
			}
		}
	}

	async fn claims(self: Arc<Self>) {
		let slots = usize::try_from(self.sealing.parallel).unwrap_or(usize::MAX);
		let mut tasks = JoinSet::new();
		loop {
			while tasks.try_join_next().is_some() {}
			if tasks.len() < slots && !self.cordoned.load(Ordering::Relaxed) {
				if let Some(lent) = self.claim(None, Resources::default()).await {
					tasks.spawn(self.clone().start(lent));
					continue;
				}
			}
			tokio::select! {
				() = tokio::time::sleep(PAUSE) => {},
				() = self.room.notified() => {},
			}
		}
	}

	/// Asks for a task, of one kind if that is said, and notes that this worker has it. `held` is kept for it.
	async fn claim(&self, kind: Option<Kind>, held: Resources) -> Option<Task> {
		let mut about = self.about();
		about.free = about.free.plus(&held);
		let claim = Claim {
			name: self.name.clone(),
			about,
			kind: kind.map(|kind| kind.name().to_owned()),
		};
		match self.client.claim(&claim).await {
			Ok(claimed) => {
				let lent = claimed.task?;
				let stop = CancellationToken::new();
				let sector = lent.order.subject.sector;
				lock(&self.running).insert(lent.id, (sector, stop.clone()));
				Some(Task { lent, stop })
			},
			Err(error) => {
				self.miss(&error);
				None
			},
		}
	}

	/// Does a task and keeps its result.
	async fn work_on(&self, task: Task, companion: Option<Companion>, has_share: bool) {
		let Task { lent, stop } = task;
		let id = lent.id;
		let done = tokio::select! {
			done = self.perform(&lent, companion, has_share) => Some(done),
			() = stop.cancelled() => None,
		};
		if let Some(done) = done {
			self.hooks.reached(&format!("worker-{}", lent.kind));
			if let Err(error) = &done {
				warn!(
					task = lent.kind,
					sector = lent.order.subject.sector,
					"failed: {error}"
				);
			}
			if let Err(error) = self.keep(id, returned(&self.name, lent, done)) {
				// The lease runs out, and the task is done again.
				error!("cannot keep a result: {error}");
			}
		}
		lock(&self.running).remove(&id);
		self.results.notify_one();
		self.room.notify_one();
	}

	fn result_file(&self, id: i64) -> PathBuf {
		self.base.join("results").join(format!("{id}.json"))
	}

	fn keep(&self, id: i64, returned: Returned) -> io::Result<()> {
		let bytes = serde_json::to_vec(&returned)?;
		write_whole(&self.result_file(id), &bytes)
	}

	/// The results that the daemon does not have yet.
	fn kept_results(&self) -> Vec<(i64, PathBuf)> {
		let entries = fs::read_dir(self.base.join("results"));
		let paths = entries
			.into_iter()
			.flatten()
			.flatten()
			.map(|entry| entry.path());
		paths
			.filter_map(|path| {
				let name = path.file_name()?.to_str()?.strip_suffix(".json")?;
				Some((name.parse().ok()?, path.clone()))
			})
			.collect()
	}

	async fn reports(self: Arc<Self>) {
		loop {
			for (id, path) in self.kept_results() {
				if let Err(error) = self.report(id, &path).await {
					self.miss(&error);
				}
			}
			tokio::select! {
				() = tokio::time::sleep(PAUSE) => {},
				() = self.results.notified() => {},
			}
		}
	}

	async fn report(&self, id: i64, path: &Path) -> Result<(), ClientError> {
		let Some(returned) = fs::read(path)
			.ok()
			.and_then(|bytes| serde_json::from_slice::<Returned>(&bytes).ok())
		else {
			warn!(
				task = id,
				"the result is unreadable; the task will be done again"
			);
			drop(remove_file(path));
			return Ok(());
		};
		if !self.client.take_back(id, &returned).await? {
			warn!(task = id, "is not this worker's any more");
		}
		drop(remove_file(path));
		self.room.notify_one();
		Ok(())
	}
}

/// What the daemon is told of a task's end.
fn returned(name: &str, lent: Lent, done: Result<Response, TaskError>) -> Returned {
	let (response, outage) = match done {
		Ok(response) => (response, false),
		Err(error) => {
			let outage = error.is_outage();
			let message = error.to_string();
			let response = match error {
				TaskError::Worker(WorkerError::Failed {
					message,
					repeat,
					sector,
					..
				}) => Response::Failed {
					message,
					repeat,
					sector,
				},
				_ => Response::Failed {
					message,
					repeat: None,
					sector: None,
				},
			};
			(response, outage)
		},
	};
	Returned {
		name: name.to_owned(),
		place: lent.place,
		response,
		outage,
	}
}
