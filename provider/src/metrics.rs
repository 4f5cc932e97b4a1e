//! The daemon in Prometheus' text format. Everything is written anew for each scrape.

use holdfast_primitives::Balance;
use prometheus::{Encoder, GaugeVec, IntCounterVec, Opts, Registry, TextEncoder};

use crate::{
	database::{DealState, SectorState},
	monitor::{Counts, Topic},
	overview::Overview,
	tasks::{Resources, WorkerRow, DAEMON},
};

/// The type of the text.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// One HOLD has so many of the smallest unit.
const HOLD: f64 = 1e12;

/// The machines that do computing tasks.
#[derive(Clone, Debug, Default)]
pub struct Machines {
	/// What the daemon's own has for them.
	pub all: Resources,
	/// What of it is in use.
	pub used: Resources,
	/// The workers.
	pub workers: Vec<WorkerRow>,
}

/// Why there are no metrics.
#[derive(Debug, thiserror::Error)]
#[error("the metrics cannot be written: {0}")]
pub struct MetricsError(#[from] prometheus::Error);

/// Writes the metrics.
pub fn render(
	overview: &Overview,
	counts: &Counts,
	machines: &Machines,
) -> Result<Vec<u8>, MetricsError> {
	let page = Page(Registry::new());
	page.gauge(
		"build_info",
		"The program's version; always 1.",
		&["version"],
		[(vec![overview.version.to_owned()], 1.0)],
	)?;
	write_chain(&page, overview)?;
	write_work(&page, overview)?;
	write_machines(&page, overview, machines)?;
	write_deadlines(&page, overview)?;
	write_counts(&page, counts)?;
	let mut text = Vec::new();
	TextEncoder::new().encode(&page.0.gather(), &mut text)?;
	Ok(text)
}

fn write_chain(page: &Page, overview: &Overview) -> Result<(), MetricsError> {
	let chain = &overview.chain;
	page.value(
		"chain_up",
		"Whether the node answers.",
		Some(truth(chain.error.is_none())),
	)?;
	page.value("chain_block", "The best block.", chain.block.map(f64::from))?;
	page.value(
		"chain_lag_seconds",
		"How old the best block is by this machine's clock.",
		chain.lag_millis.map(|lag| number(lag) / 1000.0),
	)?;
	page.value(
		"registered",
		"Whether the provider is registered.",
		Some(truth(chain.registered)),
	)?;
	let money = overview.balance.iter().flat_map(|balance| {
		[
			("free", balance.free),
			("escrow", balance.escrow),
			("collateral", balance.collateral),
			("pledge", balance.pledge),
			("pre-commit-deposit", balance.pre_commit_deposit),
		]
	});
	page.gauge(
		"balance_hold",
		"The account's money, in HOLD.",
		&["kind"],
		money.map(|(kind, amount)| (vec![kind.to_owned()], hold(amount))),
	)?;
	page.value(
		"balance_runway_blocks",
		"How many blocks the free money lasts at the present rate; absent if it does not shrink.",
		overview.runway_blocks.map(number),
	)?;
	for (name, help, value) in [
		(
			"disk_free_bytes",
			"What can be written to the disk.",
			(|disk| disk.free_bytes) as fn(&crate::overview::Disk) -> u64,
		),
		("disk_total_bytes", "The disk's size.", |disk| {
			disk.total_bytes
		}),
		("disk_reserved_bytes", "What is to be left alone.", |disk| {
			disk.reserved_bytes
		}),
	] {
		let disks = overview.disks.iter();
		let values = disks.map(|disk| (vec![disk.path.clone()], number(value(disk))));
		page.gauge(name, help, &["path"], values)?;
	}
	Ok(())
}

fn write_work(page: &Page, overview: &Overview) -> Result<(), MetricsError> {
	// Every state is there from the start, so that a rate can be built from its first change on.
	let of = |counts: &std::collections::BTreeMap<String, u64>, name: &str| {
		(
			vec![name.to_owned()],
			number(counts.get(name).copied().unwrap_or_default()),
		)
	};
	page.gauge(
		"sectors",
		"The sectors in each state.",
		&["state"],
		SectorState::ALL.map(|state| of(&overview.sectors, state.name())),
	)?;
	page.gauge(
		"deals",
		"The deals in each state.",
		&["state"],
		DealState::ALL.map(|state| of(&overview.deals, state.name())),
	)?;
	let tasks = overview.tasks.iter().map(|task| {
		let labels = vec![task.kind.clone(), task.state.clone()];
		(labels, number(task.count))
	});
	page.gauge(
		"tasks",
		"The tasks of each kind: queued, running or failed.",
		&["kind", "state"],
		tasks,
	)?;
	let standing = |topic: Topic| {
		let count = overview
			.alerts
			.iter()
			.filter(|alert| alert.topic == topic)
			.count();
		(
			vec![topic.name().to_owned()],
			number(u64::try_from(count).unwrap_or(u64::MAX)),
		)
	};
	page.gauge(
		"alerts",
		"The alerts that stand, by topic.",
		&["topic"],
		Topic::ALL.map(standing),
	)
}

fn write_machines(
	page: &Page,
	overview: &Overview,
	machines: &Machines,
) -> Result<(), MetricsError> {
	let here = ("daemon".to_owned(), machines.all, machines.used);
	let others = || machines.workers.iter().filter(|row| row.name != DAEMON);
	let away = others().map(|worker| {
		let about = &worker.about;
		let used = about.resources.minus(&about.free);
		(worker.name.clone(), about.resources, used)
	});
	let all: Vec<_> = std::iter::once(here).chain(away).collect();
	let values = |of: fn(&(String, Resources, Resources)) -> Resources| {
		let each = all
			.iter()
			.map(move |machine| (machine.0.clone(), of(machine)));
		let values = each.flat_map(|(name, resources)| {
			[
				("cpus", f64::from(resources.cpus)),
				("memory_bytes", number(resources.memory)),
				("gpus", f64::from(resources.gpus)),
			]
			.map(|(what, value)| (vec![name.clone(), what.to_owned()], value))
		});
		values.collect::<Vec<_>>()
	};
	page.gauge(
		"machine_resources",
		"What a machine has for sealing steps.",
		&["machine", "resource"],
		values(|machine| machine.1),
	)?;
	page.gauge(
		"machine_resources_used",
		"What of it is in use.",
		&["machine", "resource"],
		values(|machine| machine.2),
	)?;
	type Value = fn(&WorkerRow, i64) -> f64;
	let rows: [(&str, &str, Value); 4] = [
		(
			"worker_silence_seconds",
			"How long ago a worker was heard of.",
			|row, at| number(at.saturating_sub(row.seen_at)) / 1000.0,
		),
		(
			"worker_cordoned",
			"Whether it gets nothing new.",
			|row, _| truth(row.cordoned),
		),
		("worker_tasks", "The tasks that it has.", |row, _| {
			number(row.tasks)
		}),
		(
			"worker_sectors",
			"The sectors whose files it has.",
			|row, _| number(row.sectors),
		),
	];
	for (name, help, value) in rows {
		let values = others().map(|row| (vec![row.name.clone()], value(row, overview.at)));
		page.gauge(name, help, &["worker"], values)?;
	}
	Ok(())
}

fn write_deadlines(page: &Page, overview: &Overview) -> Result<(), MetricsError> {
	type Value = fn(&crate::overview::DeadlineView) -> f64;
	let values: [(&str, &str, Value); 7] = [
		(
			"deadline_open_block",
			"The block at which the deadline's current or next window opens.",
			|view| f64::from(view.open),
		),
		(
			"deadline_close_block",
			"The block at which it closes.",
			|view| f64::from(view.close),
		),
		("deadline_is_open", "Whether the window is open.", |view| {
			truth(view.is_open)
		}),
		(
			"deadline_unproven_partitions",
			"The partitions that are still to be proven in the window.",
			|view| f64::from(view.partitions.saturating_sub(view.proven)),
		),
		("deadline_live_sectors", "The deadline's sectors.", |view| {
			f64::from(view.live_sectors)
		}),
		(
			"deadline_faulty_sectors",
			"Those that are faulty.",
			|view| f64::from(view.faulty),
		),
		(
			"deadline_recovering_sectors",
			"Those of the faulty ones that are to recover.",
			|view| f64::from(view.recovering),
		),
	];
	for (name, help, value) in values {
		let views = overview.deadlines.iter();
		let values = views.map(|view| (vec![view.deadline.to_string()], value(view)));
		page.gauge(name, help, &["deadline"], values)?;
	}
	page.value(
		"predicted_penalty_hold",
		"What the faulty sectors cost in the next period, in HOLD.",
		Some(hold(overview.predicted_penalty)),
	)
}

fn write_counts(page: &Page, counts: &Counts) -> Result<(), MetricsError> {
	page.counter(
		"window_posts_total",
		"What became of window PoSts: accepted, refused, failed (not made) or missed.",
		&["result"],
		[
			("accepted", counts.posts_accepted),
			("refused", counts.posts_refused),
			("failed", counts.posts_failed),
			("missed", counts.posts_missed),
		]
		.map(|(result, count)| (vec![result.to_owned()], count)),
	)?;
	page.counter(
		"http_answers_total",
		"The HTTP answers, by status.",
		&["status"],
		counts
			.answers
			.iter()
			.map(|(status, count)| (vec![status.to_string()], *count)),
	)?;
	page.counter(
		"gateway_blocks_total",
		"The blocks that the gateway read for its clients.",
		&[],
		[(Vec::new(), counts.blocks_served)],
	)?;
	page.counter(
		"gateway_bytes_total",
		"Their bytes.",
		&[],
		[(Vec::new(), counts.bytes_served)],
	)
}

struct Page(Registry);

impl Page {
	fn gauge(
		&self,
		name: &str,
		help: &str,
		labels: &[&str],
		values: impl IntoIterator<Item = (Vec<String>, f64)>,
	) -> Result<(), MetricsError> {
		let gauge = GaugeVec::new(options(name, help), labels)?;
		self.0.register(Box::new(gauge.clone()))?;
		for (names, value) in values {
			let names: Vec<_> = names.iter().map(String::as_str).collect();
			gauge.get_metric_with_label_values(&names)?.set(value);
		}
		Ok(())
	}

	/// A value without labels, if it is known.
	fn value(&self, name: &str, help: &str, value: Option<f64>) -> Result<(), MetricsError> {
		self.gauge(name, help, &[], value.map(|value| (Vec::new(), value)))
	}

	fn counter(
		&self,
		name: &str,
		help: &str,
		labels: &[&str],
		values: impl IntoIterator<Item = (Vec<String>, u64)>,
	) -> Result<(), MetricsError> {
		let counter = IntCounterVec::new(options(name, help), labels)?;
		self.0.register(Box::new(counter.clone()))?;
		for (names, value) in values {
			let names: Vec<_> = names.iter().map(String::as_str).collect();
			counter.get_metric_with_label_values(&names)?.inc_by(value);
		}
		Ok(())
	}
}

fn options(name: &str, help: &str) -> Opts {
	Opts::new(name, help).namespace("holdfast")
}

const fn truth(value: bool) -> f64 {
	if value {
		1.0
	} else {
		0.0
	}
}

/// Metrics are floating point numbers; what is lost of large ones is below a part in 10^15.
trait Number {
	fn number(self) -> f64;
}

impl Number for u64 {
	#[allow(clippy::cast_precision_loss)]
	fn number(self) -> f64 {
		self as f64
	}
}

impl Number for i64 {
	#[allow(clippy::cast_precision_loss)]
	fn number(self) -> f64 {
		self as f64
	}
}

fn number(value: impl Number) -> f64 {
	value.number()
}

#[allow(clippy::cast_precision_loss)]
fn hold(amount: Balance) -> f64 {
	amount as f64 / HOLD
}
