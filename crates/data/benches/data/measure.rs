//! Time that others' load does not change, and the table.

use std::{fs, time::Instant};

/// The processor time of this process's threads, in seconds. The kernel counts it in nanoseconds.
pub fn cpu_seconds() -> f64 {
	let Ok(tasks) = fs::read_dir("/proc/self/task") else {
		return 0.0;
	};
	tasks
		.filter_map(|task| fs::read_to_string(task.ok()?.path().join("schedstat")).ok())
		.filter_map(|line| line.split(' ').next()?.parse::<f64>().ok())
		.sum::<f64>()
		/ 1e9
}

/// The least processor time of a few runs, in seconds, by each of these, in turns.
pub fn least_cpu(runs: usize, what: &mut [&mut dyn FnMut()]) -> Vec<f64> {
	least(runs, what, cpu_seconds)
}

/// The least time of a few runs, in seconds, by each of these, in turns.
pub fn least_time(runs: usize, what: &mut [&mut dyn FnMut()]) -> Vec<f64> {
	let start = Instant::now();
	least(runs, what, || start.elapsed().as_secs_f64())
}

fn least(runs: usize, what: &mut [&mut dyn FnMut()], clock: impl Fn() -> f64) -> Vec<f64> {
	let mut best = vec![f64::MAX; what.len()];
	for _ in 0..runs {
		for (best, run) in best.iter_mut().zip(what.iter_mut()) {
			let start = clock();
			run();
			*best = best.min(clock() - start);
		}
	}
	best
}

/// A line of the table.
pub struct Row {
	pub name: String,
	pub ours: f64,
	pub reference: f64,
	pub unit: &'static str,
	/// What `ours / reference` must be; at most, where less is better.
	pub target: f64,
	pub less_is_better: bool,
}

impl Row {
	pub fn new(
		name: impl Into<String>,
		ours: f64,
		reference: f64,
		unit: &'static str,
		target: f64,
	) -> Self {
		Self {
			name: name.into(),
			ours,
			reference,
			unit,
			target,
			less_is_better: false,
		}
	}

	pub fn ratio(&self) -> f64 {
		self.ours / self.reference
	}

	fn holds(&self) -> bool {
		if self.less_is_better {
			self.ratio() <= self.target
		} else {
			self.ratio() >= self.target
		}
	}
}

/// Prints the table, and writes it where the variable `JSON` says.
pub fn print(rows: &[Row]) -> std::io::Result<()> {
	println!(
		"{:<58} {:>10} {:>10} {:<6} {:>7} {:>8}",
		"", "ours", "reference", "unit", "ratio", "target"
	);
	for row in rows {
		println!(
			"{:<58} {:>10.1} {:>10.1} {:<6} {:>6.2}x {}{:>6.2}x {}",
			row.name,
			row.ours,
			row.reference,
			row.unit,
			row.ratio(),
			if row.less_is_better { '<' } else { '>' },
			row.target,
			if row.holds() { "" } else { "missed" }
		);
	}
	let Some(file) = std::env::var_os("JSON") else {
		return Ok(());
	};
	let lines: Vec<String> = rows
		.iter()
		.map(|row| {
			format!(
				r#"  {{"name": "{}", "ours": {:.3}, "reference": {:.3}, "unit": "{}", "ratio": {:.4}}}"#,
				row.name,
				row.ours,
				row.reference,
				row.unit,
				row.ratio()
			)
		})
		.collect();
	fs::write(file, format!("[\n{}\n]\n", lines.join(",\n")))
}
