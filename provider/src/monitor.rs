//! What the operator is told: the alerts that stand, and what was counted since the start.

use std::{
	collections::BTreeMap,
	sync::{
		atomic::{AtomicU64, Ordering},
		Mutex, MutexGuard, PoisonError,
	},
};

use serde::Serialize;
use tracing::{error, info, warn};

use crate::{
	database::{now, Millis},
	token::Token,
};

/// What an alert is about. Each has one name in the log, in the API and in the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
	/// A partition is not proven although its window has been open for a while.
	PostLate,
	/// A window closed before its partition was proven.
	PostMissed,
	/// The chain refused a window PoSt.
	PostRefused,
	/// Sectors are damaged and were declared faulty, or are left out of a proof.
	SectorsFaulty,
	/// The node does not answer.
	ChainSilent,
	/// The node's newest block is old, or a clock is wrong.
	ChainLag,
	/// There is little space left.
	DiskLow,
	/// There is little money left.
	BalanceLow,
	/// A task was given up.
	TaskFailed,
	/// A worker that has tasks or sectors was not heard of for a while.
	WorkerSilent,
}

impl Topic {
	/// Every topic.
	pub const ALL: [Self; 10] = [
		Self::PostLate,
		Self::PostMissed,
		Self::PostRefused,
		Self::SectorsFaulty,
		Self::ChainSilent,
		Self::ChainLag,
		Self::DiskLow,
		Self::BalanceLow,
		Self::TaskFailed,
		Self::WorkerSilent,
	];

	/// The name.
	pub const fn name(self) -> &'static str {
		match self {
			Self::PostLate => "post-late",
			Self::PostMissed => "post-missed",
			Self::PostRefused => "post-refused",
			Self::SectorsFaulty => "sectors-faulty",
			Self::ChainSilent => "chain-silent",
			Self::ChainLag => "chain-lag",
			Self::DiskLow => "disk-low",
			Self::BalanceLow => "balance-low",
			Self::TaskFailed => "task-failed",
			Self::WorkerSilent => "worker-silent",
		}
	}
}

/// How much an alert matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
	/// It will cost money if nobody looks at it.
	Warning,
	/// It costs money now, or will within minutes.
	Critical,
}

/// Something that is wrong as long as it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
	/// What it is about.
	pub topic: Topic,
	/// What in particular: a partition, a disk, or nothing.
	pub subject: String,
	/// How much it matters.
	pub severity: Severity,
	/// What is wrong, and what to do.
	pub text: String,
	/// Since when.
	pub since: Millis,
}

/// The alerts and the counts.
#[derive(Default)]
pub struct Monitor {
	/// Who may see what is not for everybody. Without it: nobody.
	pub operator: Option<Token>,
	/// Who may take tasks. Without it: nobody.
	pub workers: Option<Token>,
	alerts: Mutex<BTreeMap<(Topic, String), Alert>>,
	answers: Mutex<BTreeMap<u16, u64>>,
	blocks_served: AtomicU64,
	bytes_served: AtomicU64,
	posts_accepted: AtomicU64,
	posts_refused: AtomicU64,
	posts_failed: AtomicU64,
	posts_missed: AtomicU64,
}

/// What was counted since the start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
	/// The HTTP answers, by status.
	pub answers: BTreeMap<u16, u64>,
	/// The blocks that the gateway read for its clients.
	pub blocks_served: u64,
	/// Their bytes.
	pub bytes_served: u64,
	/// The window PoSts that the chain accepted.
	pub posts_accepted: u64,
	/// The window PoSts that the chain refused.
	pub posts_refused: u64,
	/// The attempts to make a window PoSt that failed.
	pub posts_failed: u64,
	/// The partitions whose window closed without a proof.
	pub posts_missed: u64,
}

/// What became of a window PoSt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostResult {
	/// The chain accepted it.
	Accepted,
	/// The chain refused it.
	Refused,
	/// It could not be made.
	Failed,
	/// It was not accepted in time.
	Missed,
}

impl Monitor {
	/// A monitor that the holder of the operator's token may look at; that of the workers' token may take tasks.
	pub fn with_tokens(operator: Token, workers: Token) -> Self {
		Self {
			operator: Some(operator),
			workers: Some(workers),
			..Self::default()
		}
	}

	/// Says that something is wrong. It is logged when it is new or has become worse.
	pub fn raise(&self, topic: Topic, subject: &str, severity: Severity, text: impl Into<String>) {
		let text = text.into();
		let mut alerts = lock(&self.alerts);
		let key = (topic, subject.to_owned());
		let known = alerts.get(&key).map(|alert| (alert.since, alert.severity));
		if known.is_none_or(|(_, before)| severity > before) {
			match severity {
				Severity::Warning => warn!(alert = topic.name(), subject, "{text}"),
				Severity::Critical => error!(alert = topic.name(), subject, "{text}"),
			}
		}
		let alert = Alert {
			topic,
			subject: subject.to_owned(),
			severity,
			text,
			since: known.map_or_else(now, |(since, _)| since),
		};
		alerts.insert(key, alert);
	}

	/// Says that something is not wrong any more.
	pub fn clear(&self, topic: Topic, subject: &str) {
		let gone = lock(&self.alerts).remove(&(topic, subject.to_owned()));
		if gone.is_some() {
			info!(alert = topic.name(), subject, "this is over");
		}
	}

	/// Replaces all alerts about a topic.
	pub fn replace(&self, topic: Topic, found: Vec<(String, Severity, String)>) {
		let over: Vec<_> = lock(&self.alerts)
			.keys()
			.filter(|(other, subject)| {
				*other == topic && !found.iter().any(|(name, _, _)| name == subject)
			})
			.map(|(_, subject)| subject.clone())
			.collect();
		for subject in over {
			self.clear(topic, &subject);
		}
		for (subject, severity, text) in found {
			self.raise(topic, &subject, severity, text);
		}
	}

	/// The alerts that stand, the worst first.
	pub fn alerts(&self) -> Vec<Alert> {
		let mut alerts: Vec<_> = lock(&self.alerts).values().cloned().collect();
		alerts.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.since));
		alerts
	}

	/// Counts an HTTP answer.
	pub fn answered(&self, status: u16) {
		let mut answers = lock(&self.answers);
		let count = answers.entry(status).or_default();
		*count = count.saturating_add(1);
	}

	/// Counts a block that the gateway read.
	pub fn block_served(&self, bytes: usize) {
		self.blocks_served.fetch_add(1, Ordering::Relaxed);
		let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
		self.bytes_served.fetch_add(bytes, Ordering::Relaxed);
	}

	/// Counts what became of a window PoSt.
	pub fn post(&self, result: PostResult) {
		let counter = match result {
			PostResult::Accepted => &self.posts_accepted,
			PostResult::Refused => &self.posts_refused,
			PostResult::Failed => &self.posts_failed,
			PostResult::Missed => &self.posts_missed,
		};
		counter.fetch_add(1, Ordering::Relaxed);
	}

	/// What was counted.
	pub fn counts(&self) -> Counts {
		let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
		Counts {
			answers: lock(&self.answers).clone(),
			blocks_served: read(&self.blocks_served),
			bytes_served: read(&self.bytes_served),
			posts_accepted: read(&self.posts_accepted),
			posts_refused: read(&self.posts_refused),
			posts_failed: read(&self.posts_failed),
			posts_missed: read(&self.posts_missed),
		}
	}
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
	// Every change is one insertion or removal, so a panic leaves nothing half done.
	mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn an_alert_stands_from_its_first_sign_until_it_is_over() {
		let monitor = Monitor::default();
		monitor.raise(Topic::DiskLow, "/a", Severity::Warning, "little");
		let since = monitor.alerts()[0].since;
		monitor.raise(Topic::DiskLow, "/a", Severity::Critical, "none");
		monitor.raise(Topic::DiskLow, "/b", Severity::Warning, "little");
		let alerts = monitor.alerts();
		assert_eq!(alerts.len(), 2);
		assert_eq!(
			(alerts[0].severity, alerts[0].text.as_str(), alerts[0].since),
			(Severity::Critical, "none", since)
		);
		let still = vec![("/b".to_owned(), Severity::Warning, "little".to_owned())];
		monitor.replace(Topic::DiskLow, still);
		assert_eq!(monitor.alerts().len(), 1);
		assert_eq!(monitor.alerts()[0].subject, "/b");
		monitor.replace(Topic::ChainLag, Vec::new());
		monitor.clear(Topic::DiskLow, "/b");
		assert!(monitor.alerts().is_empty());
	}

	#[test]
	fn every_topic_has_the_name_that_the_api_shows() {
		for topic in Topic::ALL {
			assert_eq!(
				serde_json::to_value(topic).unwrap(),
				serde_json::Value::from(topic.name())
			);
		}
	}
}
