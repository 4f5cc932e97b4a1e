//! Why a task is not being done.

use super::{history::DAEMON, Kind, TaskRow, WorkerRow};
use crate::database::Millis;

/// What a task is waiting for, in words. `home` is the worker that has its sector's files.
pub fn why(task: &TaskRow, home: Option<&str>, workers: &[WorkerRow], now: Millis) -> String {
	let seconds = |millis: Millis| millis / 1000;
	let reason = task.error.as_deref();
	if task.state == "failed" {
		return format!("given up: {}", reason.unwrap_or("unknown"));
	}
	if let Some(until) = task.lease_until.filter(|until| *until > now) {
		let owner = task.owner.as_deref().unwrap_or(DAEMON);
		let owner =
			owner.split_once('-').map_or(
				owner,
				|(first, _)| {
					if first == DAEMON {
						DAEMON
					} else {
						owner
					}
				},
			);
		let since = task.started_at.unwrap_or(now);
		return format!(
			"{owner} does it, for {} s; the lease lasts {} s",
			seconds(now.saturating_sub(since)),
			seconds(until.saturating_sub(now))
		);
	}
	if task.next_run_at > now {
		return reason.map_or_else(|| "not due yet".to_owned(), str::to_owned);
	}
	let kind = Kind::from_name(&task.kind);
	let computes = kind.is_some_and(|kind| kind == Kind::Move || Kind::COMPUTING.contains(&kind));
	let machine = match home {
		Some(home) if computes => home,
		_ => DAEMON,
	};
	let row = workers.iter().find(|row| row.name == machine);
	match row {
		Some(row) if row.cordoned && (computes || machine != DAEMON) => {
			format!("{machine} has it and is cordoned")
		},
		Some(row) if machine != DAEMON => format!(
			"waits for room at {machine}, which has its sector and was heard of {} s ago",
			seconds(now.saturating_sub(row.seen_at))
		),
		_ => reason.map_or_else(|| "due: waits for room".to_owned(), str::to_owned),
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::tasks::About;

	fn task() -> TaskRow {
		TaskRow {
			id: 1,
			kind: "pre-commit-2".into(),
			subject: "7".into(),
			state: "queued".into(),
			attempts: 0,
			next_run_at: 0,
			lease_until: None,
			owner: None,
			started_at: None,
			error: None,
		}
	}

	/// Row 78: for every task one is told what it waits for.
	#[test]
	fn every_task_says_what_it_waits_for() {
		let worker = |cordoned| WorkerRow {
			name: "far".into(),
			seen_at: 4_000,
			cordoned,
			about: About::default(),
			tasks: 0,
			sectors: 1,
		};
		let tell = |task: &TaskRow, home, cordoned| why(task, home, &[worker(cordoned)], 10_000);
		let mut one = task();
		assert_eq!(tell(&one, None, true), "due: waits for room");
		assert!(tell(&one, Some("far"), false).contains("heard of 6 s ago"));
		assert_eq!(tell(&one, Some("far"), true), "far has it and is cordoned");
		one.kind = "pre-commit".into();
		assert_eq!(tell(&one, Some("far"), true), "due: waits for room");
		one.next_run_at = 11_000;
		assert_eq!(tell(&one, None, true), "not due yet");
		one.error = Some("no money".into());
		assert_eq!(tell(&one, None, true), "no money");
		one.lease_until = Some(15_000);
		one.owner = Some("daemon-0a".into());
		one.started_at = Some(7_000);
		assert_eq!(
			tell(&one, None, true),
			"daemon does it, for 3 s; the lease lasts 5 s"
		);
		one.owner = Some("far-2".into());
		assert!(tell(&one, None, true).starts_with("far-2 does it"));
		one.state = "failed".into();
		assert_eq!(tell(&one, None, true), "given up: no money");
	}
}
