//! Looks after the daemon's surroundings: the chain, the disks, the money, the
//! workers, and the tasks that were given up.

use std::{sync::Arc, time::Duration};

use holdfast_primitives::Balance;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::{
	app::App,
	database::{now, DatabaseError, Millis},
	monitor::{Monitor, Severity, Topic},
	overview::{self, Overview},
	tasks::{WorkerRow, DAEMON},
};

/// How often one looks.
const INTERVAL: Duration = Duration::from_secs(15);
/// A best block older than this is a sign of trouble.
const LAG: Millis = 90_000;
/// And older than this, of much trouble.
const MUCH_LAG: Millis = 300_000;
/// A best block from so far in the future means that a clock is wrong.
const AHEAD: Millis = -10_000;
/// A worker that was not heard of for so long is silent.
const SILENCE: Millis = 60_000;
/// Money for fewer blocks than this is little.
const SHORT_RUNWAY: u64 = 14_400;

/// Looks at everything now and then, until it is told to stop.
pub async fn run(app: Arc<App>, stop: CancellationToken) {
	while !stop.is_cancelled() {
		if let Err(error) = look(&app).await {
			warn!("cannot look after things: {error}");
		}
		tokio::select! {
			() = tokio::time::sleep(INTERVAL) => {},
			() = stop.cancelled() => {},
		}
	}
}

/// Looks at everything once, and raises and clears alerts.
pub async fn look(app: &App) -> Result<(), DatabaseError> {
	let overview = overview::collect(&app.config, &app.database, &*app.chain, Vec::new()).await?;
	if let (Some(block), Some(balance)) = (overview.chain.block, &overview.balance) {
		overview::remember_balance(&app.database, block, balance).await?;
	}
	judge(&app.monitor, &overview);
	let workers = app.database.workers().await?;
	app.monitor
		.replace(Topic::WorkerSilent, silent_workers(&workers, now()));
	Ok(())
}

/// An alert's subject, severity and text.
type Finding = (String, Severity, String);

fn judge(monitor: &Monitor, overview: &Overview) {
	for (topic, findings) in [
		(Topic::ChainSilent, silence(overview)),
		(Topic::ChainLag, lag(overview)),
		(Topic::DiskLow, disks(overview)),
		(Topic::TaskFailed, failed_tasks(overview)),
	] {
		monitor.replace(topic, findings);
	}
	// Of what only the chain knows, nothing is over because the chain is silent.
	if overview.chain.error.is_none() {
		monitor.replace(Topic::BalanceLow, money(overview));
		monitor.replace(Topic::SectorsFaulty, faults(overview));
	}
}

fn silence(overview: &Overview) -> Vec<Finding> {
	let finding = |error: &String| {
		let text = format!("the node does not answer, so nothing can be proven: {error}");
		(String::new(), Severity::Critical, text)
	};
	overview.chain.error.iter().map(finding).collect()
}

/// What is wrong with the age of the best block.
pub fn lag(overview: &Overview) -> Vec<Finding> {
	let Some(lag) = overview.chain.lag_millis else {
		return Vec::new();
	};
	let seconds = lag.saturating_abs() / 1000;
	let finding = if lag < AHEAD {
		let text = format!(
			"the best block is {seconds} s from the future: this machine's clock is slow, or its author's is fast"
		);
		(Severity::Warning, text)
	} else if lag > LAG {
		let severity = if lag > MUCH_LAG {
			Severity::Critical
		} else {
			Severity::Warning
		};
		let text = format!(
			"the best block is {seconds} s old: the node does not keep up, the chain stands still, or the clock \
			 is fast"
		);
		(severity, text)
	} else {
		return Vec::new();
	};
	vec![(String::new(), finding.0, finding.1)]
}

fn disks(overview: &Overview) -> Vec<Finding> {
	// A sector is sealed in many times its own size.
	let needed = crate::store::sealing_bytes(overview.sector_size);
	overview
		.disks
		.iter()
		.filter_map(|disk| {
			let free = disk.free_bytes.saturating_sub(disk.reserved_bytes);
			let severity = match free {
				0 => Severity::Critical,
				free if free < needed => Severity::Warning,
				_ => return None,
			};
			let text = format!("{free} bytes are left; sealing a sector takes {needed}");
			Some((disk.path.clone(), severity, text))
		})
		.collect()
}

fn failed_tasks(overview: &Overview) -> Vec<Finding> {
	overview
		.failed_tasks
		.iter()
		.map(|task| {
			let subject = format!("{} {}", task.kind, task.subject);
			let error = task.error.as_deref().unwrap_or("no reason is known");
			(
				subject.trim_end().to_owned(),
				Severity::Warning,
				format!("this task was given up: {error}"),
			)
		})
		.collect()
}

/// The workers that something depends on and that were not heard of for a while.
fn silent_workers(workers: &[WorkerRow], now: Millis) -> Vec<Finding> {
	workers
		.iter()
		.filter(|worker| worker.name != DAEMON && worker.tasks + worker.sectors > 0)
		.filter_map(|worker| {
			let silence = now.saturating_sub(worker.seen_at);
			let severity = if worker.sectors > 0 {
				Severity::Critical
			} else {
				Severity::Warning
			};
			let text = format!(
				"it was heard of {} s ago; it has {} tasks and {} sectors, which cannot be proven without it",
				silence / 1000,
				worker.tasks,
				worker.sectors
			);
			(silence > SILENCE).then(|| (worker.name.clone(), severity, text))
		})
		.collect()
}

fn money(overview: &Overview) -> Vec<Finding> {
	let Some(balance) = &overview.balance else {
		return Vec::new();
	};
	let risk: Balance = overview
		.deadlines
		.iter()
		.map(|view| view.penalty_if_missed)
		.fold(0, Balance::saturating_add);
	let finding = if balance.free == 0 {
		let text = "the account is empty: no proof can be sent".to_owned();
		(Severity::Critical, text)
	} else if let Some(blocks) = overview
		.runway_blocks
		.filter(|blocks| *blocks < SHORT_RUNWAY)
	{
		let text = format!("the account's free money lasts {blocks} blocks at the present rate");
		(Severity::Warning, text)
	} else if overview.chain.registered && balance.free < risk && balance.pledge < risk {
		let text = format!(
			"neither the free money ({}) nor the pledge pays for one missed period ({risk})",
			balance.free
		);
		(Severity::Warning, text)
	} else {
		return Vec::new();
	};
	vec![(String::new(), finding.0, finding.1)]
}

fn faults(overview: &Overview) -> Vec<Finding> {
	overview
		.deadlines
		.iter()
		.filter(|view| view.faulty > view.recovering)
		.map(|view| {
			let text = format!(
				"{} sectors are faulty and {} of them recovering; the next window closes at block {}",
				view.faulty, view.recovering, view.close
			);
			(
				format!("deadline {}", view.deadline),
				Severity::Critical,
				text,
			)
		})
		.collect()
}
