//! `holdfast-provider run`: everything in one process.

use std::{
	fs::{File, TryLockError},
	io,
	path::{Path, PathBuf},
	sync::Arc,
	time::Duration,
};

use holdfast_chain_client::{ChainClient, ConnectError, Sender, Signer, SignerError};
use holdfast_prover::{memory_of, SealingStep};
use tokio::{net::TcpListener, sync::Notify};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
	api::{self, server},
	app::App,
	chain::{Chain, NodeChain},
	config::{ApiConfig, ChainConfig, Config},
	database::{now, Database, DatabaseError},
	hooks::Hooks,
	monitor::Monitor,
	pipeline::{settle::settle, Pipeline},
	post::PostLoop,
	sealer::Sealer,
	store::{Store, StoreError, STORE_META},
	tasks::{least_memory, memory_of_machine, Budget, Engine, Kind, Limits, LEASE},
	token::{Token, TokenError},
	watch,
	worker::Worker,
};

/// The database's name within the base folder.
pub const DATABASE_FILE: &str = "holdfast.sqlite";
/// The name of the file that a running daemon locks.
const LOCK_FILE: &str = "lock";
/// How many tasks wait for the chain or the disk at a time: more than a full call has sectors.
const LIGHT_TASKS: usize = 24;
/// How long one waits between attempts to reach the node.
const RECONNECT: Duration = Duration::from_secs(3);
/// How long the last settlement may take when the daemon stops.
const LAST_SETTLEMENT: Duration = Duration::from_secs(20);

/// Holds the base folder for one daemon alone, as long as it lives.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] File);

impl Lock {
	/// Takes the base folder. Fails if another daemon has it.
	pub fn take(base: &Path) -> Result<Self, DaemonError> {
		let path = base.join(LOCK_FILE);
		let failed = |source| DaemonError::Files {
			path: path.clone(),
			source,
		};
		let file = File::options()
			.create(true)
			.truncate(false)
			.write(true)
			.open(&path)
			.map_err(failed)?;
		match file.try_lock() {
			Ok(()) => Ok(Self(file)),
			Err(TryLockError::WouldBlock) => Err(DaemonError::Running {
				base: base.to_owned(),
			}),
			Err(TryLockError::Error(source)) => Err(failed(source)),
		}
	}
}

/// The account's key, from where the configuration says.
pub fn signer(config: &ChainConfig) -> Result<Signer, SignerError> {
	match &config.key_environment {
		Some(variable) => Signer::from_environment(variable),
		None => Signer::from_file(&config.key_file),
	}
}

/// Refuses secrets that others than their owner can read.
pub fn check_secrets(config: &Config) -> Result<(), DaemonError> {
	signer(&config.chain)?;
	server_options(&config.api)?;
	for file in [&config.api.token_file, &config.api.worker_token_file] {
		if file.exists() {
			Token::read(file)?;
		}
	}
	Ok(())
}

/// Takes up what the last run left. No other daemon has the folder, so nobody works on what was leased.
pub async fn take_up(database: &Database) -> Result<(), DatabaseError> {
	let freed = database.release_leases(None).await?;
	database.spare_workers(LEASE, now()).await?;
	if freed > 0 {
		info!(tasks = freed, "going on with what was interrupted");
	}
	let missing = database.queue_missing_tasks(now()).await?;
	if !missing.is_empty() {
		warn!(sectors = ?missing, "had no task: going on with them");
	}
	Ok(())
}

/// Runs the daemon until it gets SIGINT or SIGTERM. `keys` is the proving keys' folder, `executable` this
/// program.
pub async fn run(
	base: &Path,
	config: Config,
	keys: PathBuf,
	executable: PathBuf,
) -> Result<(), DaemonError> {
	let _lock = Lock::take(base)?;
	task_memory(&config)?;
	let hooks = Hooks::from_environment()?;
	let signer = signer(&config.chain)?;
	let operator = Token::read_or_create(&config.api.token_file)?;
	let workers = Token::read_or_create(&config.api.worker_token_file)?;
	let options = server_options(&config.api)?;
	let database = Database::open(&base.join(DATABASE_FILE)).await?;
	let storage = &config.storage;
	let store = Store::open(database.clone(), &storage.path, storage.min_free_bytes).await?;
	bind(&database, STORE_META, store.id(), "the store folder").await?;
	take_up(&database).await?;
	let stop = CancellationToken::new();
	tokio::spawn(stop_on_signal(stop.clone()));
	let listener = TcpListener::bind(config.api.listen)
		.await
		.map_err(|source| DaemonError::Listen {
			address: config.api.listen.to_string(),
			source,
		})?;
	let Some(client) = connect(&config.chain.node, &stop).await? else {
		return Ok(());
	};
	let account = signer.account();
	let sender = Sender::new(client.clone(), signer);
	let chain = NodeChain::new(client, sender, account);
	let genesis = const_hex::encode(chain.genesis_hash());
	bind(&database, "genesis", &genesis, "the chain").await?;
	bind(&database, "account", &account.to_string(), "the account").await?;
	info!(%account, node = config.chain.node, api = %config.api.listen, "running");

	let wake = Arc::new(Notify::new());
	let worker = Worker::new(executable, keys);
	let budget = Budget::new(config.sealing.resources(task_memory(&config)?));
	let app = Arc::new(App {
		sealer: Sealer::new(store.clone(), worker.clone(), config.sealing.nice),
		worker,
		chain: Arc::new(chain),
		uploads: std::sync::Mutex::default(),
		proofs: Default::default(),
		config,
		database,
		store,
		hooks,
		wake: wake.clone(),
		monitor: Monitor::with_tokens(operator, workers),
		budget,
		lending: Default::default(),
	});
	serve(app, listener, options, wake, stop).await
}

/// Runs the parts of the daemon until it is told to stop.
async fn serve(
	app: Arc<App>,
	listener: TcpListener,
	options: server::Options,
	wake: Arc<Notify>,
	stop: CancellationToken,
) -> Result<(), DaemonError> {
	for kind in Kind::STANDING {
		app.database.queue_task(kind, "", now()).await?;
		app.database.hurry_task(kind, now()).await?;
	}
	let limits = Limits {
		heavy: usize::try_from(app.config.sealing.parallel).unwrap_or(usize::MAX),
		light: LIGHT_TASKS,
		attempts: app.config.sealing.max_attempts,
	};
	let engine = Engine::new(
		app.database.clone(),
		Arc::new(Pipeline::new(app.clone())),
		wake,
		limits,
		app.budget.clone(),
	);
	let post = tokio::spawn(PostLoop::new(app.clone()).run(stop.clone()));
	let tasks = tokio::spawn({
		let stop = stop.clone();
		async move { engine.run(stop).await }
	});
	let watch = tokio::spawn(watch::run(app.clone(), stop.clone()));
	let api = tokio::spawn(server::serve(
		listener,
		api::router(app.clone()),
		options,
		stop.clone(),
	));
	stop.cancelled().await;
	info!("stopping");
	let (post, tasks, watch, api) = tokio::join!(post, tasks, watch, api);
	let problems = [
		post.err().map(|error| error.to_string()),
		watch.err().map(|error| error.to_string()),
		api.err().map(|error| error.to_string()),
		tasks.map_or_else(
			|error| Some(error.to_string()),
			|ended| ended.err().map(|error| error.to_string()),
		),
	];
	for problem in problems.into_iter().flatten() {
		warn!("did not stop cleanly: {problem}");
	}
	settle_last(&app).await;
	app.database.close().await;
	info!("stopped");
	Ok(())
}

/// How the API is served.
fn server_options(config: &ApiConfig) -> Result<server::Options, DaemonError> {
	let tls = match (&config.tls_certificate, &config.tls_key) {
		(Some(certificate), Some(key)) => Some(server::tls(certificate, key)?),
		_ => None,
	};
	let idle_timeout = Duration::from_secs(config.idle_timeout_seconds);
	Ok(server::Options {
		tls,
		max_connections: usize::try_from(config.max_connections).unwrap_or(usize::MAX),
		head_timeout: idle_timeout,
		idle_timeout,
	})
}

/// How much memory tasks may take: what is configured, less what a window PoSt takes, which waits for
/// nothing.
fn task_memory(config: &Config) -> Result<u64, DaemonError> {
	let sector_size = config.storage.sector_size;
	let least = least_memory(sector_size);
	let all = match config.sealing.memory_bytes {
		Some(configured) if configured < least => {
			return Err(DaemonError::Memory { configured, least })
		},
		Some(configured) => configured,
		None => (memory_of_machine() / 4).saturating_mul(3).max(least),
	};
	Ok(all.saturating_sub(memory_of(SealingStep::WindowPost, sector_size)))
}

/// Collects what is earned up to now.
async fn settle_last(app: &App) {
	let last = async {
		let best = app.chain.best_block().await?.number;
		settle(app, best, true).await
	};
	match tokio::time::timeout(LAST_SETTLEMENT, last).await {
		Ok(Ok(())) => {},
		Ok(Err(error)) => warn!("the last settlement failed: {error}"),
		Err(_) => warn!("the last settlement did not end in time"),
	}
}

/// Connects as soon as there is a node that fits. `None` if the daemon is told to stop first.
async fn connect(url: &str, stop: &CancellationToken) -> Result<Option<ChainClient>, DaemonError> {
	let mut told = false;
	loop {
		let attempt = async {
			let client = ChainClient::connect(url).await?;
			client.verify_runtime().await?;
			Ok::<_, ConnectError>(client)
		};
		let attempt = tokio::select! {
			attempt = attempt => attempt,
			() = stop.cancelled() => return Ok(None),
		};
		match attempt {
			Ok(client) => return Ok(Some(client)),
			Err(error @ ConnectError::InvalidUrl { .. }) => return Err(error.into()),
			Err(error) if !told => {
				told = true;
				warn!("{error}; waiting for it");
			},
			Err(_) => {},
		}
		tokio::select! {
			() = tokio::time::sleep(RECONNECT) => {},
			() = stop.cancelled() => return Ok(None),
		}
	}
}

/// Remembers what the database belongs to, or refuses another one.
async fn bind(
	database: &Database,
	name: &'static str,
	value: &str,
	what: &'static str,
) -> Result<(), DaemonError> {
	match database.meta(name).await? {
		None => Ok(database.set_meta(name, value).await?),
		Some(known) if known == value => Ok(()),
		Some(known) => Err(DaemonError::OtherBelongings {
			what,
			known,
			found: value.to_owned(),
		}),
	}
}

/// Waits for SIGINT or SIGTERM.
pub async fn stop_on_signal(stop: CancellationToken) {
	use tokio::signal::unix::{signal, SignalKind};
	let terminate = async {
		match signal(SignalKind::terminate()) {
			Ok(mut signals) => {
				signals.recv().await;
			},
			Err(_) => std::future::pending().await,
		}
	};
	let interrupt = async {
		if tokio::signal::ctrl_c().await.is_err() {
			std::future::pending().await
		}
	};
	tokio::select! {
		() = terminate => {},
		() = interrupt => {},
	}
	stop.cancel();
}

/// Why the daemon does not run.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
	/// Another one has the folder.
	#[error("a daemon is running in {} already", base.display())]
	Running {
		/// The folder.
		base: PathBuf,
	},
	/// A file cannot be used.
	#[error("cannot use {}: {source}", path.display())]
	Files {
		/// Which.
		path: PathBuf,
		/// What went wrong.
		source: io::Error,
	},
	/// The API cannot listen.
	#[error("cannot listen on {address}: {source}; choose another address in [api] listen")]
	Listen {
		/// Where.
		address: String,
		/// What went wrong.
		source: io::Error,
	},
	/// The database belongs to something else.
	#[error("the database belongs to another one: {what} was {known} and is {found} now; use another base folder")]
	OtherBelongings {
		/// What is different.
		what: &'static str,
		/// What it was.
		known: String,
		/// What it is.
		found: String,
	},
	/// The largest sealing step would never fit.
	#[error("memory_bytes in [sealing] is {configured}, but proving a sector takes {least}; raise it or use smaller sectors")]
	Memory {
		/// What is configured.
		configured: u64,
		/// What is needed.
		least: u64,
	},
	/// There is no operator's token.
	#[error(transparent)]
	Token(#[from] TokenError),
	/// TLS cannot be used.
	#[error(transparent)]
	Tls(#[from] server::TlsError),
	/// There is no key.
	#[error(transparent)]
	Signer(#[from] SignerError),
	/// There is no chain.
	#[error(transparent)]
	Connect(#[from] ConnectError),
	/// A test hook is misspelt.
	#[error(transparent)]
	Hook(#[from] crate::hooks::HookError),
	/// The database failed.
	#[error(transparent)]
	Database(#[from] DatabaseError),
	/// The files failed.
	#[error(transparent)]
	Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use crate::database::scratch;

	#[test]
	fn one_daemon_has_a_folder() {
		let folder = tempfile::tempdir().unwrap();
		let first = Lock::take(folder.path()).unwrap();
		assert!(matches!(
			Lock::take(folder.path()),
			Err(DaemonError::Running { .. })
		));
		drop(first);
		Lock::take(folder.path()).unwrap();
		assert!(matches!(
			Lock::take(&folder.path().join("none")),
			Err(DaemonError::Files { .. })
		));
	}

	#[test]
	fn the_memory_limit_has_room_for_every_step_and_a_window_post() {
		let mut config = Config::default();
		let size = config.storage.sector_size;
		let least = least_memory(size);
		let proof = memory_of(SealingStep::Commit2, size);
		assert!(task_memory(&config).unwrap() >= proof);
		config.sealing.memory_bytes = Some(least);
		assert_eq!(task_memory(&config).unwrap(), proof);
		config.sealing.memory_bytes = Some(least - 1);
		assert!(matches!(
			task_memory(&config),
			Err(DaemonError::Memory { configured, least: needed }) if configured == least - 1 && needed == least
		));
	}

	#[tokio::test]
	async fn a_database_belongs_to_one_chain() {
		let (_folder, database) = scratch().await;
		for _ in 0..2 {
			bind(&database, "genesis", "aa", "the chain").await.unwrap();
		}
		let error = bind(&database, "genesis", "bb", "the chain")
			.await
			.unwrap_err();
		assert!(error.to_string().contains("the chain was aa"));
	}
}
