//! The figures, for people and for programs.

use serde_json::{json, Value};

use super::{Cell, Measured, Row};

/// A figure's name, its unit, and how it is had.
type Figure = (&'static str, &'static str, fn(&Measured) -> f64);

const FIGURES: [Figure; 4] = [
	("wall", "s", |measured| measured.wall_seconds),
	("cpu", "s", |measured| measured.cpu_seconds),
	("memory", "MiB", |measured| mebibytes(measured.peak_bytes)),
	("written", "MiB", |measured| {
		mebibytes(measured.written_bytes)
	}),
];

fn mebibytes(bytes: u64) -> f64 {
	// Far below 2^53: nothing is lost.
	bytes as f64 / 1_048_576.0
}

/// A table: ours, filecoin-proofs, and how many times less ours takes.
pub fn table(rows: &[Row]) -> String {
	let mut lines = vec![format!(
		"{:<8} {:<20} {:<10} {:>12} {:>16} {:>8}",
		"sector", "step", "figure", "ours", "filecoin-proofs", "ratio"
	)];
	for row in rows {
		let (size, step) = (row.size.to_string(), row.step.name());
		for (name, unit, figure) in FIGURES {
			let value = |cell: &Cell| match cell {
				Cell::Measured(measured) => Some(figure(measured)),
				Cell::NotRun(_) => None,
			};
			let (ours, reference) = (value(&row.ours), value(&row.reference));
			if ours.or(reference).is_none() {
				continue;
			}
			let text = |value: Option<f64>| match value {
				Some(value) => format!("{value:.2} {unit}"),
				None => "–".into(),
			};
			let ratio = ratio(ours, reference).map_or("–".into(), |ratio| format!("{ratio:.2}"));
			lines.push(format!(
				"{size:<8} {step:<20} {name:<10} {:>12} {:>16} {ratio:>8}",
				text(ours),
				text(reference)
			));
		}
		for (whose, cell) in [("ours", &row.ours), ("filecoin-proofs", &row.reference)] {
			if let Cell::NotRun(why) = cell {
				lines.push(format!("{size:<8} {step:<20} {whose}: {why}"));
			}
		}
	}
	lines.push(
		"ratio: filecoin-proofs' figure divided by ours; memory includes mapped files".into(),
	);
	lines.join("\n")
}

fn ratio(ours: Option<f64>, reference: Option<f64>) -> Option<f64> {
	match (ours, reference) {
		(Some(ours), Some(reference)) if ours > 0.0 => Some(reference / ours),
		_ => None,
	}
}

/// A list of figures, each with its name, both values, the unit and the ratio.
pub fn json(rows: &[Row]) -> Value {
	let mut list = Vec::new();
	for row in rows {
		for (name, unit, figure) in FIGURES {
			let value = |cell: &Cell| match cell {
				Cell::Measured(measured) => (Some(figure(measured)), None),
				Cell::NotRun(why) => (None, Some(why.clone())),
			};
			let ((ours, ours_note), (reference, reference_note)) =
				(value(&row.ours), value(&row.reference));
			let mut entry = json!({
				"name": format!("{} {} {name}", row.size, row.step.name()),
				"ours": ours,
				"reference": reference,
				"unit": unit,
				"ratio": ratio(ours, reference),
			});
			for (field, note) in [("oursNote", ours_note), ("referenceNote", reference_note)] {
				if let Some(note) = note {
					entry[field] = note.into();
				}
			}
			list.push(entry);
		}
	}
	list.into()
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::bench::Step;
	use holdfast_primitives::SectorSize;

	fn rows() -> Vec<Row> {
		let measured = |factor: u32| {
			Cell::Measured(Measured {
				wall_seconds: 1.5 * f64::from(factor),
				cpu_seconds: 2.0 * f64::from(factor),
				peak_bytes: u64::from(factor) << 20,
				written_bytes: 0,
			})
		};
		vec![
			Row {
				size: SectorSize::MiB8,
				step: Step::PreCommit1,
				ours: measured(1),
				reference: measured(4),
			},
			Row {
				size: SectorSize::MiB8,
				step: Step::Commit2,
				ours: measured(2),
				reference: Cell::NotRun("not run: no time".into()),
			},
		]
	}

	#[test]
	fn the_table_has_figures_and_says_what_was_not_run() {
		let text = table(&rows());
		assert!(text.contains("1.50 s           6.00 s     4.00"), "{text}");
		assert!(text.contains("filecoin-proofs: not run: no time"), "{text}");
	}

	#[test]
	fn programs_get_every_figure_with_its_ratio() {
		let list = json(&rows());
		assert_eq!(list[0]["name"], "8MiB PC1 wall");
		assert_eq!(
			(&list[0]["ours"], &list[0]["ratio"]),
			(&json!(1.5), &json!(4.0))
		);
		assert_eq!(list[3]["ratio"], Value::Null);
		assert_eq!(list[4]["reference"], Value::Null);
		assert_eq!(list[4]["referenceNote"], "not run: no time");
	}
}
