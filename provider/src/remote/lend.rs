//! The daemon's side: tasks are lent to workers, results are taken back, and workers are asked to open sectors
//! for window PoSt.

use std::{
	collections::HashMap,
	sync::{Arc, Mutex, MutexGuard, PoisonError},
	time::Duration,
};

use holdfast_primitives::SectorNumber;
use tokio::{
	sync::{oneshot, Notify},
	time::Instant,
};
use tracing::{info, warn};

use super::{
	protocol::{Answer, Ask, Claim, Heard, Hello, Lent, Poll, Question, Returned},
	receive,
};
use crate::{
	app::App,
	database::{now, Database, DatabaseError},
	pipeline::{Pipeline, Prepared},
	store::{Lock, LockMode},
	tasks::{Kind, Place, Recorder, TaskError, LEASE},
	worker::{succeeded, Response},
};

/// How many tasks are looked at for one claim: some turn out to need no work.
const LOOKED_AT: usize = 8;
/// How long a worker's question for questions waits.
pub const LONG_POLL: Duration = Duration::from_secs(10);
/// A worker that has not waited for questions for so long is not there.
const ABSENCE: Duration = Duration::from_secs(5);
/// How often one looks whether a worker is there.
const LOOK: Duration = Duration::from_millis(500);

/// What is lent now. It is made anew when the daemon starts: workers tell what they have.
#[derive(Debug, Default)]
pub struct Lending {
	/// The sectors that workers work on and their locks, by task.
	locks: Mutex<HashMap<i64, (SectorNumber, Lock)>>,
	asks: Mutex<Asks>,
	news: Notify,
	/// How many requests of a worker wait for questions, and when the last one ended.
	present: Mutex<HashMap<String, (usize, Instant)>>,
}

/// A worker's request waits for questions.
struct Waiting<'a> {
	lending: &'a Lending,
	worker: &'a str,
}

impl<'a> Waiting<'a> {
	fn new(lending: &'a Lending, worker: &'a str) -> Self {
		let mut present = lock(&lending.present);
		let entry = present
			.entry(worker.to_owned())
			.or_insert_with(|| (0, Instant::now()));
		entry.0 += 1;
		drop(present);
		Self { lending, worker }
	}
}

impl Drop for Waiting<'_> {
	fn drop(&mut self) {
		if let Some(entry) = lock(&self.lending.present).get_mut(self.worker) {
			*entry = (entry.0.saturating_sub(1), Instant::now());
		}
	}
}

#[derive(Debug, Default)]
struct Asks {
	next: u64,
	/// What each worker is asked and has not answered.
	open: HashMap<String, Vec<Ask>>,
	answers: HashMap<u64, oneshot::Sender<Response>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
	// Every change is whole, so a panic leaves nothing half done.
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A worker shows that it lives.
pub async fn hear(app: &App, hello: &Hello) -> Result<Heard, TaskError> {
	let (database, name) = (&app.database, hello.name.as_str());
	let lost = database
		.hear_worker(
			name,
			&hello.session,
			&hello.about,
			&hello.tasks,
			LEASE,
			now(),
		)
		.await?;
	for task in &hello.tasks {
		if lost.contains(task) {
			lock(&app.lending.locks).remove(task);
		} else if !lock(&app.lending.locks).contains_key(task) {
			// The daemon has started anew meanwhile.
			relock(app, name, *task).await?;
		}
	}
	Ok(Heard {
		sector_size: app.config.storage.sector_size,
		cordoned: database.is_cordoned(name).await?,
		remove: database.unneeded_at(name, &hello.sectors).await?,
		lost,
	})
}

async fn relock(app: &App, name: &str, id: i64) -> Result<(), TaskError> {
	let Some(task) = app.database.leased_task(id, name).await? else {
		return Ok(());
	};
	if let Ok(number) = task.subject.parse() {
		if let Some(taken) = app.store.lock(number, LockMode::Write).await? {
			lock(&app.lending.locks).insert(id, (number, taken));
		}
	}
	Ok(())
}

/// A worker asks for a task.
pub async fn claim(app: &Arc<App>, claim: &Claim) -> Result<Option<Lent>, TaskError> {
	let (database, name) = (&app.database, claim.name.as_str());
	if database.is_cordoned(name).await? {
		return Ok(None);
	}
	let (sealing, size) = (&app.config.sealing, app.config.storage.sector_size);
	let cpus = claim.about.resources.cpus;
	let only = claim.kind.as_deref().and_then(Kind::from_name);
	for _ in 0..LOOKED_AT {
		let claimed = database
			.claim_for_worker(
				name,
				&claim.about,
				only,
				sealing.parallel > 0,
				|kind| sealing.needs_on(kind, size, cpus),
				now(),
			)
			.await?;
		let Some((task, place)) = claimed else {
			return Ok(None);
		};
		let Some(kind) = Kind::from_name(&task.kind) else {
			return Ok(None);
		};
		let prepared = prepare(app, kind, &task.subject, place, &claim.about.shared).await;
		let result = match prepared {
			Ok((Prepared::Order(order), place, taken)) => {
				if let Some(taken) = taken {
					let sector = order.subject.sector;
					lock(&app.lending.locks).insert(task.id, (sector, taken));
				}
				info!(
					worker = name,
					task = task.kind,
					subject = task.subject,
					"is lent"
				);
				return Ok(Some(Lent {
					id: task.id,
					kind: task.kind,
					order,
					place,
				}));
			},
			Ok((Prepared::Instead(outcome), ..)) => Ok(outcome),
			Err(error) => Err(error),
		};
		recorder(app).record(&task, name, kind, result).await;
		app.wake.notify_one();
	}
	Ok(None)
}

async fn prepare(
	app: &Arc<App>,
	kind: Kind,
	subject: &str,
	place: Place,
	shared: &[String],
) -> Result<(Prepared, Place, Option<Lock>), TaskError> {
	let (prepared, taken) = Pipeline::new(app.clone()).lend(kind, subject).await?;
	if let (Kind::AddPiece, Place::Visit, Prepared::Order(order)) = (kind, &place, &prepared) {
		// Here is where the data comes to.
		let subject = &order.subject;
		app.store
			.allocate(subject.sector, subject.sector_size)
			.await?;
	}
	let begins = matches!((kind, &place), (Kind::AddPiece, Place::Own));
	let (true, false, Prepared::Order(order)) = (begins, shared.is_empty(), &prepared) else {
		return Ok((prepared, place, taken));
	};
	// What both reach is preferred for a new sector: then nothing has to be copied.
	let subject = &order.subject;
	if app
		.store
		.allocate_in(subject.sector, subject.sector_size, Some(shared))
		.await
		.is_err()
	{
		return Ok((prepared, place, taken));
	}
	let id = app.store.sealing_store(subject.sector).await?;
	let place = id.map_or(place, Place::Shared);
	Ok((prepared, place, taken))
}

fn recorder(app: &Arc<App>) -> Recorder<Pipeline> {
	let pipeline = Arc::new(Pipeline::new(app.clone()));
	Recorder::new(
		app.database.clone(),
		pipeline,
		app.config.sealing.max_attempts,
	)
}

/// A worker returns a task. `false` if it was not its own any more: then what it says does not count.
pub async fn take_back(app: &Arc<App>, id: i64, returned: Returned) -> Result<bool, TaskError> {
	let name = returned.name.as_str();
	let leased = app.database.leased_task(id, name).await?;
	let kind = leased.as_ref().and_then(|task| Kind::from_name(&task.kind));
	let (Some(task), Some(kind)) = (leased, kind) else {
		lock(&app.lending.locks).remove(&id);
		return Ok(false);
	};
	let response = match succeeded(kind.name(), returned.response) {
		Err(error) if returned.outage => Err(TaskError::later(error.to_string())),
		response => response.map_err(TaskError::from),
	};
	let number = task.subject.parse().unwrap_or_default();
	if response.is_ok() {
		match (&returned.place, kind) {
			(Place::Shared(_), _) => app.store.declare_sector(number).await?,
			// What it made has arrived.
			(Place::Visit, _) => {},
			(Place::Own, Kind::Move) => {
				if receive::has_all(app, number).await? {
					app.database.set_home(number, None).await?;
				}
			},
			(Place::Own, _) => app.database.set_home(number, Some(name)).await?,
			(Place::Fetched, Kind::Move) => {
				app.database.set_home(number, Some(name)).await?;
				app.store.release_sector(number).await?;
			},
			(Place::Fetched, _) => {
				app.database.set_home(number, Some(name)).await?;
				app.store.hand_over(number).await?;
			},
		}
	}
	let outcome = Pipeline::new(app.clone())
		.take_back(kind, &task.subject, response)
		.await;
	recorder(app).record(&task, name, kind, outcome).await;
	let taken = lock(&app.lending.locks).remove(&id);
	if let Some((_, taken)) = taken {
		taken.release().await?;
	}
	app.wake.notify_one();
	Ok(true)
}

impl Lending {
	/// Somebody has taken a sector's task: whoever had it before has lost it.
	pub async fn forget(&self, sector: SectorNumber) -> Result<(), DatabaseError> {
		let stale: Vec<_> = {
			let mut locks = lock(&self.locks);
			let of_sector = locks.iter().filter(|(_, (number, _))| *number == sector);
			let tasks: Vec<_> = of_sector.map(|(task, _)| *task).collect();
			tasks.iter().filter_map(|task| locks.remove(task)).collect()
		};
		for (_, lock) in stale {
			lock.release().await?;
		}
		Ok(())
	}

	/// Whose lock the sector of a lent task has.
	pub(super) fn holder(&self, task: i64) -> Option<String> {
		let locks = lock(&self.locks);
		locks.get(&task).map(|(_, lock)| lock.holder().to_owned())
	}

	/// Asks a worker something. `None` if there is no answer in time.
	pub async fn ask(&self, worker: &str, question: Question, limit: Duration) -> Option<Response> {
		let (sender, receiver) = oneshot::channel();
		let id = {
			let mut asks = lock(&self.asks);
			let id = asks.next;
			asks.next = id.wrapping_add(1);
			asks.answers.insert(id, sender);
			let open = asks.open.entry(worker.to_owned()).or_default();
			open.push(Ask { id, question });
			id
		};
		self.news.notify_waiters();
		// What the worker had is answered, unless it goes away.
		let gone = async {
			loop {
				tokio::time::sleep(LOOK).await;
				let present = lock(&self.present).get(worker).copied();
				let is_gone =
					|(count, last): (usize, Instant)| count == 0 && last.elapsed() > ABSENCE;
				if present.is_some_and(is_gone) {
					return;
				}
			}
		};
		let answer = tokio::select! {
			answer = tokio::time::timeout(limit, receiver) => answer.ok().and_then(Result::ok),
			() = gone => None,
		};
		let mut asks = lock(&self.asks);
		asks.answers.remove(&id);
		if let Some(open) = asks.open.get_mut(worker) {
			open.retain(|ask| ask.id != id);
		}
		drop(asks);
		if answer.is_none() {
			warn!(worker, "does not answer in time");
		}
		answer
	}

	/// Takes a worker's answers, and waits for questions that it does not work on yet, for so long at most.
	pub async fn poll(&self, poll: Poll, wait: Duration) -> Vec<Ask> {
		let Poll {
			name,
			answers,
			working,
		} = poll;
		let _waiting = Waiting::new(self, &name);
		{
			let mut asks = lock(&self.asks);
			for Answer { id, response } in answers {
				if let Some(sender) = asks.answers.remove(&id) {
					drop(sender.send(response));
				}
				if let Some(open) = asks.open.get_mut(&name) {
					open.retain(|ask| ask.id != id);
				}
			}
		}
		let look = || {
			let asks = lock(&self.asks);
			let open = asks.open.get(&name).into_iter().flatten();
			let new = open.filter(|ask| !working.contains(&ask.id));
			new.cloned().collect::<Vec<_>>()
		};
		let asked = async {
			loop {
				let news = self.news.notified();
				let new = look();
				if !new.is_empty() {
					return new;
				}
				news.await;
			}
		};
		tokio::time::timeout(wait, asked).await.unwrap_or_default()
	}
}

impl Database {
	/// Notes which worker has a sector's files; none if the daemon has them.
	pub async fn set_home(&self, sector: u64, worker: Option<&str>) -> Result<(), DatabaseError> {
		sqlx::query("UPDATE sectors SET home = ? WHERE number = ?")
			.bind(worker)
			.bind(crate::database::to_row(sector, "the sector number")?)
			.execute(self.pool())
			.await?;
		Ok(())
	}

	/// The worker that has a sector's files; none if they are in stores that the daemon has.
	pub async fn home(&self, sector: u64) -> Result<Option<String>, DatabaseError> {
		let home: Option<Option<String>> =
			sqlx::query_scalar("SELECT home FROM sectors WHERE number = ?")
				.bind(crate::database::to_row(sector, "the sector number")?)
				.fetch_optional(self.pool())
				.await?;
		Ok(home.flatten())
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	fn poll(name: &str, answers: Vec<Answer>, working: Vec<u64>) -> Poll {
		Poll {
			name: name.into(),
			answers,
			working,
		}
	}

	fn question() -> Question {
		Question::Check {
			sector_size: holdfast_primitives::SectorSize::KiB2,
			prover_id: [1; 32],
			sectors: Vec::new(),
		}
	}

	/// How long a test waits for what does not come.
	const MOMENT: Duration = Duration::from_millis(20);

	#[tokio::test]
	async fn a_question_finds_its_worker_and_its_answer() {
		let lending = Arc::new(Lending::default());
		let asking = tokio::spawn({
			let lending = lending.clone();
			async move { lending.ask("one", question(), LONG_POLL * 3).await }
		});
		// It comes while the worker waits, and again until it says that it works on it.
		let wait = async |poll, time| lending.poll(poll, time).await;
		let first = wait(poll("one", Vec::new(), Vec::new()), LONG_POLL).await;
		let again = wait(poll("one", Vec::new(), Vec::new()), LONG_POLL).await;
		assert_eq!((first.len(), &first), (1, &again));
		let id = first[0].id;
		assert!(wait(poll("one", Vec::new(), vec![id]), MOMENT)
			.await
			.is_empty());
		assert!(wait(poll("two", Vec::new(), Vec::new()), MOMENT)
			.await
			.is_empty());
		let answer = Answer {
			id,
			response: Response::Done,
		};
		let answered = wait(poll("one", vec![answer], Vec::new()), MOMENT);
		let (answered, asked) = tokio::join!(answered, asking);
		assert!(answered.is_empty());
		assert_eq!(asked.unwrap(), Some(Response::Done));
	}

	#[tokio::test]
	async fn a_question_that_nobody_answers_is_forgotten() {
		let lending = Lending::default();
		assert_eq!(lending.ask("one", question(), MOMENT).await, None);
		let poll = poll("one", Vec::new(), Vec::new());
		assert!(lending.poll(poll, MOMENT).await.is_empty());
	}
}
