//! Child processes that never outlive us, with their output in a log file.

use std::{
	fs::File,
	io,
	path::{Path, PathBuf},
	process::Stdio,
	time::Duration,
};

use rustix::process::{kill_process, Pid, Signal};
use thiserror::Error;
use tokio::process::{Child, Command};

/// How long a process may take to end by itself before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why a process could not be started or ended.
#[derive(Debug, Error)]
pub enum ProcessError {
	/// The program is not where it was looked for.
	#[error("cannot find the program {0}: build it with `make build`, or say where it is")]
	NotFound(String),
	/// The operating system refused to start it.
	#[error("cannot start {program}")]
	Start {
		/// The program.
		program: String,
		/// What the operating system said.
		#[source]
		source: io::Error,
	},
	/// Its log file cannot be written.
	#[error("cannot write the log file {path}")]
	Log {
		/// The file.
		path: PathBuf,
		/// What the operating system said.
		#[source]
		source: io::Error,
	},
}

/// Where the programs of a development network are.
#[derive(Clone, Debug)]
pub struct Programs {
	/// The chain's node.
	pub node: PathBuf,
	/// The provider's daemon.
	pub provider: PathBuf,
	/// The client, which supervises the others.
	pub client: PathBuf,
}

impl Programs {
	/// Finds the programs beside this one, or else on the search path. `node` and `provider` override
	/// where they are looked for.
	pub fn find(node: Option<PathBuf>, provider: Option<PathBuf>) -> Result<Self, ProcessError> {
		Ok(Self {
			node: node.map_or_else(|| locate("holdfast-node"), Ok)?,
			provider: provider.map_or_else(|| locate("holdfast-provider"), Ok)?,
			client: locate("holdfast")?,
		})
	}
}

fn locate(name: &str) -> Result<PathBuf, ProcessError> {
	// Tests and examples lie one folder below the programs.
	let beside = std::env::current_exe()
		.ok()
		.into_iter()
		.flat_map(|executable| {
			executable
				.ancestors()
				.skip(1)
				.take(2)
				.map(|folder| folder.join(name))
				.collect::<Vec<_>>()
		});
	let path = std::env::var_os("PATH").unwrap_or_default();
	beside
		.chain(std::env::split_paths(&path).map(|folder| folder.join(name)))
		.find(|candidate| candidate.is_file())
		.ok_or_else(|| ProcessError::NotFound(name.into()))
}

/// A running child process.
#[derive(Debug)]
pub struct Process {
	child: Child,
	log: PathBuf,
}

impl Process {
	/// Starts `program`, with its output appended to `log`.
	///
	/// The program is started through `holdfast supervise`, which asks the kernel to end it when this
	/// process dies, however it dies.
	pub fn start(
		supervisor: &Path,
		program: &Path,
		arguments: &[String],
		environment: &[(String, String)],
		log: &Path,
	) -> Result<Self, ProcessError> {
		let open = || {
			File::options()
				.create(true)
				.append(true)
				.open(log)
				.map_err(|source| ProcessError::Log {
					path: log.into(),
					source,
				})
		};
		let child = Command::new(supervisor)
			.arg("supervise")
			.arg(program)
			.args(arguments)
			.envs(environment.iter().map(|(name, value)| (name, value)))
			.stdin(Stdio::null())
			.stdout(open()?)
			.stderr(open()?)
			// An interrupt from the terminal is for us; we end the children in order.
			.process_group(0)
			.kill_on_drop(true)
			.spawn()
			.map_err(|source| ProcessError::Start { program: program.display().to_string(), source })?;
		Ok(Self {
			child,
			log: log.into(),
		})
	}

	/// The file that the process writes to.
	pub fn log(&self) -> &Path {
		&self.log
	}

	/// How the process ended, if it has.
	pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
		self.child.try_wait().ok().flatten()
	}

	/// Asks the process to end, and kills it if it does not within ten seconds.
	pub async fn stop(&mut self) {
		if let Some(id) = self.id() {
			let _ = kill_process(id, Signal::TERM);
		}
		if tokio::time::timeout(PATIENCE, self.child.wait())
			.await
			.is_err()
		{
			self.kill().await;
		}
	}

	/// Kills the process at once, as a crash would.
	pub async fn kill(&mut self) {
		let _ = self.child.kill().await;
	}

	fn id(&self) -> Option<Pid> {
		self.child
			.id()
			.and_then(|id| i32::try_from(id).ok())
			.and_then(Pid::from_raw)
	}
}

/// What `holdfast supervise PROGRAM ARGUMENTS…` does: become the program, and be ended with the parent.
/// Returns only if that fails.
pub fn supervise(program: &Path, arguments: &[String]) -> ProcessError {
	use std::os::unix::process::CommandExt;
	let failed = |source| ProcessError::Start {
		program: program.display().to_string(),
		source,
	};
	if let Err(error) = rustix::process::set_parent_process_death_signal(Some(Signal::KILL)) {
		return failed(error.into());
	}
	failed(std::process::Command::new(program).args(arguments).exec())
}
