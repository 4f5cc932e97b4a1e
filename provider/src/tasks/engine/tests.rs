//! The engine with handlers that follow a script.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::{
	database::scratch,
	tasks::{memory_of_kind, Resources, TaskError},
};
use futures::future::BoxFuture;
use holdfast_primitives::SectorSize;
use std::sync::Mutex;

fn memory(bytes: u64) -> Resources {
	Resources {
		memory: bytes,
		..Resources::default()
	}
}

type Script = Box<dyn Fn(Kind, usize) -> Result<Outcome, TaskError> + Send + Sync>;

struct Scripted {
	script: Script,
	runs: Mutex<Vec<Kind>>,
	given_up: Mutex<Vec<String>>,
	clean_up_fails: bool,
}

impl Handler for Scripted {
	fn run<'a>(
		&'a self,
		kind: Kind,
		_: &'a str,
		_: Option<Companion>,
	) -> BoxFuture<'a, Result<Outcome, TaskError>> {
		Box::pin(async move {
			let count = {
				let mut runs = self.runs.lock().unwrap();
				runs.push(kind);
				runs.len()
			};
			(self.script)(kind, count)
		})
	}

	fn needs(&self, _: Kind) -> Resources {
		memory(1)
	}

	fn gave_up<'a>(
		&'a self,
		_: Kind,
		_: &'a str,
		error: &'a TaskError,
	) -> BoxFuture<'a, Result<(), TaskError>> {
		Box::pin(async move {
			self.given_up.lock().unwrap().push(error.to_string());
			if self.clean_up_fails {
				Err(TaskError::later("disk"))
			} else {
				Ok(())
			}
		})
	}
}

async fn engine(
	script: impl Fn(Kind, usize) -> Result<Outcome, TaskError> + Send + Sync + 'static,
) -> (tempfile::TempDir, Engine<Scripted>) {
	let (folder, database) = scratch().await;
	let handler = Arc::new(Scripted {
		script: Box::new(script),
		runs: Mutex::default(),
		given_up: Mutex::default(),
		clean_up_fails: false,
	});
	let limits = Limits {
		heavy: 1,
		light: 2,
		attempts: 1,
	};
	(
		folder,
		Engine::new(
			database,
			handler,
			Arc::default(),
			limits,
			Budget::new(memory(1 << 30)),
		),
	)
}

#[tokio::test]
async fn steps_follow_each_other() {
	let (_folder, engine) = engine(|kind, _| {
		Ok(match kind {
			Kind::PreCommit1 => Outcome::Then(Kind::PreCommit2),
			_ => Outcome::Done,
		})
	})
	.await;
	engine
		.database
		.queue_task(Kind::PreCommit1, "1", 0)
		.await
		.unwrap();
	assert_eq!(engine.run_due().await.unwrap(), 2);
	assert_eq!(
		*engine.handler.runs.lock().unwrap(),
		[Kind::PreCommit1, Kind::PreCommit2]
	);
	assert!(engine.database.tasks().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_task_that_fails_too_often_is_given_up() {
	let (_folder, engine) = engine(|_, _| Err(StoreFailure::error())).await;
	engine
		.database
		.queue_task(Kind::PreCommit1, "1", 0)
		.await
		.unwrap();
	engine.run_due().await.unwrap();
	assert_eq!(engine.handler.given_up.lock().unwrap().len(), 1);
	assert_eq!(engine.database.tasks().await.unwrap()[0].state, "failed");
}

#[tokio::test]
async fn a_standing_task_is_never_given_up() {
	let (_folder, engine) = engine(|_, _| Err(TaskError::never("no"))).await;
	engine
		.database
		.queue_task(Kind::Settle, "", 0)
		.await
		.unwrap();
	engine.run_due().await.unwrap();
	assert!(engine.handler.given_up.lock().unwrap().is_empty());
	let tasks = engine.database.tasks().await.unwrap();
	assert_eq!((tasks[0].state.as_str(), tasks[0].attempts), ("queued", 1));
}

#[tokio::test]
async fn an_outage_gives_nothing_up() {
	let (_folder, engine) = engine(|_, _| Err(TaskError::later("no node"))).await;
	engine
		.database
		.queue_task(Kind::PreCommit, "1", 0)
		.await
		.unwrap();
	engine.run_due().await.unwrap();
	let tasks = engine.database.tasks().await.unwrap();
	assert_eq!((tasks[0].state.as_str(), tasks[0].attempts), ("queued", 0));
	assert_eq!(tasks[0].error.as_deref(), Some("no node"));
}

#[tokio::test]
async fn a_clean_up_that_fails_is_done_again() {
	let (_folder, mut engine) = engine(|_, _| Err(TaskError::never("no"))).await;
	Arc::get_mut(&mut engine.handler).unwrap().clean_up_fails = true;
	engine
		.database
		.queue_task(Kind::PreCommit, "1", 0)
		.await
		.unwrap();
	engine.run_due().await.unwrap();
	assert_eq!(engine.database.tasks().await.unwrap()[0].state, "queued");
}

#[tokio::test]
async fn stopping_frees_what_was_taken() {
	struct Endless;
	impl Handler for Endless {
		fn run<'a>(
			&'a self,
			_: Kind,
			_: &'a str,
			_: Option<Companion>,
		) -> BoxFuture<'a, Result<Outcome, TaskError>> {
			Box::pin(std::future::pending())
		}
		fn needs(&self, _: Kind) -> Resources {
			memory(u64::MAX)
		}
		fn gave_up<'a>(
			&'a self,
			_: Kind,
			_: &'a str,
			_: &'a TaskError,
		) -> BoxFuture<'a, Result<(), TaskError>> {
			Box::pin(async { Ok(()) })
		}
	}
	let (_folder, database) = scratch().await;
	database.queue_task(Kind::PreCommit1, "1", 0).await.unwrap();
	let limits = Limits {
		heavy: 1,
		light: 1,
		attempts: 1,
	};
	let budget = Budget::new(memory(1 << 30));
	let engine = Engine::new(
		database.clone(),
		Arc::new(Endless),
		Arc::default(),
		limits,
		budget,
	);
	let stop = CancellationToken::new();
	let running = tokio::spawn({
		let stop = stop.clone();
		async move { engine.run(stop).await }
	});
	while database.tasks().await.unwrap()[0].lease_until.is_none() {
		tokio::task::yield_now().await;
	}
	stop.cancel();
	running.await.unwrap().unwrap();
	assert_eq!(database.tasks().await.unwrap()[0].lease_until, None);
}

struct StoreFailure;

impl StoreFailure {
	fn error() -> TaskError {
		TaskError::Store(crate::store::StoreError::Files {
			path: "/x".into(),
			source: std::io::Error::other("broken"),
		})
	}
}

/// Notes what runs at the same time. Every task waits until all others have had their chance to begin.
struct Watched {
	database: Database,
	/// What is running, and the most memory that it ever had.
	running: Mutex<(Vec<Kind>, u64)>,
	/// What ran, of which sector, and whether with a companion.
	ran: Mutex<Vec<(Kind, String, bool)>>,
	/// How much memory should be in use at once: the first tasks wait for the others to begin.
	awaited: u64,
}

const SIZE: SectorSize = SectorSize::MiB8;

impl Watched {
	fn memory_in_use(running: &[Kind]) -> u64 {
		running.iter().map(|kind| memory_of_kind(*kind, SIZE)).sum()
	}
}

impl Handler for Watched {
	fn run<'a>(
		&'a self,
		kind: Kind,
		subject: &'a str,
		companion: Option<Companion>,
	) -> BoxFuture<'a, Result<Outcome, TaskError>> {
		Box::pin(async move {
			let entry = (kind, subject.to_owned(), companion.is_some());
			self.ran.lock().unwrap().push(entry);
			{
				let (running, most) = &mut *self.running.lock().unwrap();
				running.push(kind);
				*most = Self::memory_in_use(running).max(*most);
			}
			// The database answers in order, so this lets everything begin that should not.
			for _ in 0..20 {
				self.database.tasks().await.unwrap();
				tokio::task::yield_now().await;
			}
			for _ in 0..2_000 {
				if self.running.lock().unwrap().1 >= self.awaited {
					break;
				}
				tokio::time::sleep(Duration::from_millis(5)).await;
			}
			let (running, _) = &mut *self.running.lock().unwrap();
			running.retain(|other| *other != kind);
			Ok(match kind {
				Kind::AddPiece => Outcome::Then(Kind::PreCommit1),
				_ => Outcome::Done,
			})
		})
	}

	fn needs(&self, kind: Kind) -> Resources {
		memory(memory_of_kind(kind, SIZE))
	}

	fn gave_up<'a>(
		&'a self,
		_: Kind,
		_: &'a str,
		_: &'a TaskError,
	) -> BoxFuture<'a, Result<(), TaskError>> {
		Box::pin(async { Ok(()) })
	}
}

/// Runs an engine until nothing is left to do: what ran, and the most memory that was in use. That is `awaited`,
/// or the first tasks end without the others after ten seconds.
async fn watch(
	tasks: &[(Kind, &str)],
	heavy: usize,
	bytes: u64,
	awaited: u64,
) -> (Vec<(Kind, String, bool)>, u64) {
	let (_folder, database) = scratch().await;
	for (kind, subject) in tasks {
		database.queue_task(*kind, subject, 0).await.unwrap();
	}
	let handler = Arc::new(Watched {
		database: database.clone(),
		running: Mutex::default(),
		ran: Mutex::default(),
		awaited,
	});
	let limits = Limits {
		heavy,
		light: 1,
		attempts: 1,
	};
	let budget = Budget::new(memory(bytes));
	let engine = Engine::new(
		database.clone(),
		handler.clone(),
		Arc::default(),
		limits,
		budget,
	);
	let stop = CancellationToken::new();
	let running = tokio::spawn({
		let stop = stop.clone();
		async move { engine.run(stop).await }
	});
	while !database.tasks().await.unwrap().is_empty() {
		tokio::time::sleep(Duration::from_millis(5)).await;
	}
	stop.cancel();
	running.await.unwrap().unwrap();
	let most = handler.running.lock().unwrap().1;
	let ran = handler.ran.lock().unwrap().clone();
	(ran, most)
}

#[tokio::test]
async fn a_second_proof_waits_while_there_is_no_memory_for_both() {
	let proof = memory_of_kind(Kind::Commit2, SIZE);
	let tasks = [
		(Kind::Commit2, "1"),
		(Kind::Commit2, "2"),
		(Kind::Commit2, "3"),
	];
	let (ran, most) = watch(&tasks, 3, proof * 2 - 1, proof).await;
	assert_eq!((ran.len(), most), (3, proof));
	// With room for two, two run.
	let (ran, most) = watch(&tasks, 3, proof * 2, proof * 2).await;
	assert_eq!((ran.len(), most), (3, proof * 2));
	// What does not fit beside it does not overtake what waits.
	let (ran, most) = watch(
		&[(Kind::Commit2, "1"), (Kind::PreCommit2, "2")],
		2,
		proof,
		proof,
	)
	.await;
	assert_eq!((ran.len(), most), (2, proof));
}

#[tokio::test]
async fn two_sectors_that_wait_are_labelled_together() {
	let tasks = [
		(Kind::PreCommit1, "1"),
		(Kind::PreCommit1, "2"),
		(Kind::PreCommit1, "3"),
	];
	let (ran, _) = watch(&tasks, 1, 1 << 30, 0).await;
	let together: Vec<_> = ran.iter().map(|(_, _, together)| *together).collect();
	assert_eq!(together, [true, true, false]);
}

#[tokio::test]
async fn a_sector_whose_data_is_not_written_yet_is_taken_along() {
	let tasks = [(Kind::PreCommit1, "1"), (Kind::AddPiece, "2")];
	let (ran, _) = watch(&tasks, 1, 1 << 30, 0).await;
	assert!(ran.contains(&(Kind::PreCommit1, "1".into(), true)));
	assert!(ran.contains(&(Kind::AddPiece, "2".into(), false)));
	assert!(ran.contains(&(Kind::PreCommit1, "2".into(), true)));
}

#[tokio::test]
async fn without_memory_for_two_sectors_they_are_labelled_one_after_the_other() {
	let tasks = [(Kind::PreCommit1, "1"), (Kind::PreCommit1, "2")];
	let one = memory_of_kind(Kind::PreCommit1, SIZE);
	let (ran, most) = watch(&tasks, 2, one, one).await;
	assert!(ran.iter().all(|(_, _, together)| !together));
	assert_eq!((ran.len(), most), (2, one));
}
