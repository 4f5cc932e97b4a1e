//! `holdfast-provider bench proofs`: what each step of sealing and proving costs here, beside filecoin-proofs
//! as it comes. Every step runs in a process of its own, so that its peak memory is its own.

mod report;
mod step;

use std::{
	fs, io,
	path::{Path, PathBuf},
	process::{Command, Stdio},
};

use holdfast_primitives::{KeyId, ProofKind, SectorSize};
use holdfast_prover::{KeyError, KeyStore};

pub use report::{json, table};
pub use step::{Measured, Order, Step};

/// What is to be measured.
#[derive(Clone, Debug)]
pub struct Options {
	/// The sectors' sizes.
	pub sizes: Vec<SectorSize>,
	/// Measure filecoin-proofs beside ours.
	pub reference: bool,
	/// Make the keys even if they are there, in a folder that goes away.
	pub setup: bool,
	/// Have bellperson make them, too, which takes many minutes.
	pub reference_setup: bool,
	/// Where the sectors go while they are measured; by default the system's temporary folder.
	pub folder: Option<PathBuf>,
}

/// Whose work is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
	/// This crate's.
	Ours,
	/// That of filecoin-proofs and bellperson.
	Reference,
}

/// A step's figures.
#[derive(Clone, Debug)]
pub struct Row {
	/// The sector's size.
	pub size: SectorSize,
	/// The step.
	pub step: Step,
	/// Ours.
	pub ours: Cell,
	/// Those of filecoin-proofs.
	pub reference: Cell,
}

/// What a step gave.
#[derive(Clone, Debug)]
pub enum Cell {
	/// Its figures.
	Measured(Measured),
	/// Why there are none.
	NotRun(String),
}

/// Runs all steps, and adds a row for each to `rows`, which has those before a step that fails. `executable` is
/// this program, `say` is told what is being done.
pub fn run(
	options: &Options,
	executable: &Path,
	say: &mut dyn FnMut(&str),
	rows: &mut Vec<Row>,
) -> Result<(), BenchError> {
	for size in &options.sizes {
		let folder = Scratch::new(options.folder.as_deref(), *size)?;
		let bench = Bench {
			options,
			executable,
			size: *size,
			folder: &folder.0,
		};
		for step in Step::ALL {
			rows.push(bench.row(step, say)?);
		}
	}
	Ok(())
}

/// A folder that is removed when it is dropped.
struct Scratch(PathBuf);

impl Scratch {
	fn new(parent: Option<&Path>, size: SectorSize) -> Result<Self, BenchError> {
		let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
		let name = format!("holdfast-bench-{}-{size}", std::process::id());
		let path = parent.join(name);
		fs::create_dir_all(&path).map_err(|source| BenchError::Folder {
			path: path.clone(),
			source,
		})?;
		Ok(Self(path))
	}
}

impl Drop for Scratch {
	fn drop(&mut self) {
		if let Err(error) = fs::remove_dir_all(&self.0) {
			eprintln!("cannot delete {}: {error}", self.0.display());
		}
	}
}

struct Bench<'a> {
	options: &'a Options,
	executable: &'a Path,
	size: SectorSize,
	folder: &'a Path,
}

impl Bench<'_> {
	fn row(&self, step: Step, say: &mut dyn FnMut(&str)) -> Result<Row, BenchError> {
		let not_asked = |option: &str| Cell::NotRun(format!("not run: ask for it with {option}"));
		let (ours, reference) = match step {
			Step::Setup(kind) => {
				let key = KeyId {
					kind,
					sector_size: self.size,
				};
				let missing = self.is_missing(key)?;
				let ours = if self.options.setup || missing {
					self.measure_setup(step, Side::Ours, !missing, say)?
				} else {
					Cell::NotRun("not run: the key is there; make it again with --setup".into())
				};
				let reference = if self.options.reference_setup {
					self.measure(step, Side::Reference, say)?
				} else {
					not_asked("--reference-setup")
				};
				(ours, reference)
			},
			Step::PreCommit1Pair => (
				self.measure(step, Side::Ours, say)?,
				Cell::NotRun("not run: there is no such step".into()),
			),
			_ => {
				let ours = self.measure(step, Side::Ours, say)?;
				let reference = if self.options.reference {
					self.measure(step, Side::Reference, say)?
				} else {
					not_asked("--reference")
				};
				(ours, reference)
			},
		};
		Ok(Row {
			size: self.size,
			step,
			ours,
			reference,
		})
	}

	fn is_missing(&self, key: KeyId) -> Result<bool, BenchError> {
		match KeyStore::opened()?.check(key) {
			Ok(()) => Ok(false),
			Err(KeyError::Missing { .. }) => Ok(true),
			Err(error) => Err(error.into()),
		}
	}

	fn measure(
		&self,
		step: Step,
		side: Side,
		say: &mut dyn FnMut(&str),
	) -> Result<Cell, BenchError> {
		self.measure_setup(step, side, false, say)
	}

	/// Keys that are made `again` are not those that the later steps use.
	fn measure_setup(
		&self,
		step: Step,
		side: Side,
		again: bool,
		say: &mut dyn FnMut(&str),
	) -> Result<Cell, BenchError> {
		let whose = match side {
			Side::Ours => "ours",
			Side::Reference => "filecoin-proofs",
		};
		say(&format!("{} {}, {whose}", self.size, step.name()));
		let order = Order {
			step,
			side,
			size: self.size,
			folder: self.folder.to_owned(),
			again,
		};
		let failed = |reason: String| BenchError::Step {
			step: format!("{} {} ({whose})", self.size, step.name()),
			reason,
		};
		let argument = serde_json::to_string(&order).map_err(|error| failed(error.to_string()))?;
		let output = Command::new(self.executable)
			.args(["bench", "step", &argument])
			.stdin(Stdio::null())
			.stderr(Stdio::inherit())
			.output()
			.map_err(|error| failed(error.to_string()))?;
		if !output.status.success() {
			return Err(failed(format!("it ended with {}", output.status)));
		}
		serde_json::from_slice(&output.stdout)
			.map(Cell::Measured)
			.map_err(|error| failed(error.to_string()))
	}
}

/// Does one step in this process.
pub fn step(argument: &str) -> Result<Measured, BenchError> {
	let failed = |reason: String| BenchError::Step {
		step: "the step".into(),
		reason,
	};
	let order: Order = serde_json::from_str(argument).map_err(|error| failed(error.to_string()))?;
	order.perform().map_err(|error| failed(error.to_string()))
}

/// Both kinds of keys, in the order in which they are made.
const KINDS: [ProofKind; 2] = [ProofKind::PoRep, ProofKind::WindowPoSt];

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
	/// A folder cannot be used.
	#[error("cannot use {}: {source}; choose another one with --folder", path.display())]
	Folder {
		/// Which.
		path: PathBuf,
		/// Why.
		source: io::Error,
	},
	/// The keys cannot be used.
	#[error(transparent)]
	Key(#[from] KeyError),
	/// A step failed.
	#[error("{step} failed: {reason}")]
	Step {
		/// Which.
		step: String,
		/// Why.
		reason: String,
	},
}
