//! One step of the benchmark, in a process of its own.

use std::{fs, path::PathBuf, time::Instant};

use anyhow::{ensure, Context};
use holdfast_primitives::{CommR, Digest, KeyId, ProofKind, SectorSize};
use holdfast_prover::{
	add_pieces, default_directory, filecoin, generate_window_post, reference, seal_commit_phase1,
	seal_commit_phase2, seal_pre_commit_phase1, seal_pre_commit_phase1_pair,
	seal_pre_commit_phase2, Commit1Output, KeyStore, PoStSector, PreCommit1Output, SealSubject,
	SectorPaths,
};
use serde::{de::DeserializeOwned, Deserialize, Serialize};

use super::{Side, KINDS};

const PROVER: Digest = [1; 32];
const TICKET: Digest = [2; 32];
const SEED: Digest = [3; 32];
const RANDOMNESS: Digest = [4; 32];

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
	/// Making a key.
	Setup(ProofKind),
	/// Labelling the graph.
	PreCommit1,
	/// Labelling the graphs of two sectors.
	PreCommit1Pair,
	/// The trees and the replica.
	PreCommit2,
	/// The vanilla proofs.
	Commit1,
	/// The Groth16 proofs.
	Commit2,
	/// A window PoSt.
	WindowPost,
}

impl Step {
	/// All steps, in the order in which they are done.
	pub const ALL: [Self; 8] = [
		Self::Setup(KINDS[0]),
		Self::Setup(KINDS[1]),
		Self::PreCommit1,
		Self::PreCommit1Pair,
		Self::PreCommit2,
		Self::Commit1,
		Self::Commit2,
		Self::WindowPost,
	];

	/// Its name in the table.
	pub const fn name(self) -> &'static str {
		match self {
			Self::Setup(ProofKind::PoRep) => "setup, replication",
			Self::Setup(ProofKind::WindowPoSt) => "setup, window PoSt",
			Self::PreCommit1 => "PC1",
			Self::PreCommit1Pair => "PC1, two sectors",
			Self::PreCommit2 => "PC2",
			Self::Commit1 => "C1",
			Self::Commit2 => "C2",
			Self::WindowPost => "window PoSt",
		}
	}
}

/// What a process is to measure.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
	/// The step.
	pub step: Step,
	/// Whose.
	pub side: Side,
	/// The sector's size.
	pub size: SectorSize,
	/// Where the earlier steps left their files.
	pub folder: PathBuf,
	/// Make a key in another place than where keys are kept.
	pub again: bool,
}

/// What a step cost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
	/// From its beginning to its end.
	pub wall_seconds: f64,
	/// The time of all cores together.
	pub cpu_seconds: f64,
	/// The most memory that the process ever had, mapped files included.
	pub peak_bytes: u64,
	/// What went to the disk.
	pub written_bytes: u64,
}

impl Order {
	/// Does the step.
	pub fn perform(&self) -> anyhow::Result<Measured> {
		fs::create_dir_all(&self.folder)?;
		if let Step::Setup(kind) = self.step {
			return self.setup(kind);
		}
		KeyStore::open(default_directory()?)?;
		let (subject, paths) = (self.subject(1), self.paths(1));
		let ours = self.side == Side::Ours;
		match self.step {
			Step::Setup(_) => self.setup(ProofKind::PoRep),
			Step::PreCommit1 => {
				add_pieces(self.size, &[], &paths.unsealed)?;
				// What is made once for all sectors of a size is no part of it.
				filecoin::prepare_parents(self.size)?;
				let (measured, output) = measured(|| match ours {
					true => seal_pre_commit_phase1(&subject, &paths),
					false => filecoin::pre_commit_phase1(&subject, &paths),
				})?;
				self.save("pre-commit-1", &output)?;
				Ok(measured)
			},
			Step::PreCommit1Pair => {
				let other = (self.subject(2), self.paths(2));
				let third = (self.subject(3), self.paths(3));
				for (_, paths) in [&other, &third] {
					add_pieces(self.size, &[], &paths.unsealed)?;
				}
				let (measured, ()) = measured(|| {
					let pair = [(&other.0, &other.1), (&third.0, &third.1)];
					let [first, second] = seal_pre_commit_phase1_pair(pair);
					first.and(second).map(drop)
				})?;
				for (_, paths) in [other, third] {
					fs::remove_dir_all(&paths.cache)?;
					fs::remove_file(&paths.sealed)?;
					fs::remove_file(&paths.unsealed)?;
				}
				Ok(measured)
			},
			Step::PreCommit2 => {
				let phase1: PreCommit1Output = self.load("pre-commit-1")?;
				let (measured, comm_r) = measured(|| match ours {
					true => seal_pre_commit_phase2(&phase1, &paths).map(|(comm_r, _)| comm_r),
					false => filecoin::pre_commit_phase2(&phase1, &paths),
				})?;
				self.save("comm-r", &comm_r)?;
				Ok(measured)
			},
			Step::Commit1 => {
				let comm_r: CommR = self.load("comm-r")?;
				let (measured, output) = measured(|| match ours {
					true => seal_commit_phase1(&subject, &paths, comm_r, &SEED),
					false => filecoin::commit_phase1(&subject, &paths, comm_r, &SEED),
				})?;
				self.save("commit-1", &output)?;
				Ok(measured)
			},
			Step::Commit2 => {
				let phase1: Commit1Output = self.load("commit-1")?;
				if !ours {
					return Ok(measured(|| reference::seal_commit_phase2(&phase1))?.0);
				}
				let (measured, proofs) = measured(|| seal_commit_phase2(&phase1))?;
				ensure!(
					filecoin::verify_seal(&phase1, &proofs)?,
					"filecoin-proofs does not accept the proof"
				);
				Ok(measured)
			},
			Step::WindowPost => {
				let sector = PoStSector {
					number: subject.sector,
					comm_r: self.load("comm-r")?,
					cache_dir: paths.cache,
					sealed_path: paths.sealed,
				};
				let (measured, ()) = measured(|| match ours {
					true => {
						generate_window_post(self.size, &PROVER, &RANDOMNESS, &[sector]).map(drop)
					},
					false => {
						reference::generate_window_post(self.size, &PROVER, &RANDOMNESS, &[sector])
							.map(drop)
					},
				})?;
				Ok(measured)
			},
		}
	}

	fn setup(&self, kind: ProofKind) -> anyhow::Result<Measured> {
		let key = KeyId {
			kind,
			sector_size: self.size,
		};
		if self.side == Side::Reference {
			let path = self.folder.join("bellperson.params");
			let (measured, ()) =
				measured(|| filecoin::parameters(key, &path).map_err(anyhow::Error::msg))?;
			fs::remove_file(&path)?;
			return Ok(measured);
		}
		let scratch = self.folder.join("keys");
		let directory = if self.again {
			scratch.clone()
		} else {
			default_directory()?
		};
		let store = KeyStore::open(&directory)?;
		let (measured, ()) = measured(|| store.ensure(key, &|_| {}))?;
		if self.again {
			fs::remove_dir_all(&scratch)?;
		}
		Ok(measured)
	}

	fn subject(&self, sector: u64) -> SealSubject {
		SealSubject {
			sector_size: self.size,
			prover_id: PROVER,
			sector,
			ticket: TICKET,
			pieces: Vec::new(),
		}
	}

	fn paths(&self, sector: u64) -> SectorPaths {
		let file = |name: &str| self.file(&format!("{name}-{sector}"));
		SectorPaths {
			unsealed: file("unsealed"),
			sealed: file("sealed"),
			cache: file("cache"),
		}
	}

	fn file(&self, name: &str) -> PathBuf {
		let side = match self.side {
			Side::Ours => "ours",
			Side::Reference => "reference",
		};
		self.folder.join(format!("{side}-{name}"))
	}

	fn save(&self, name: &str, value: &impl Serialize) -> anyhow::Result<()> {
		Ok(fs::write(self.file(name), serde_json::to_vec(value)?)?)
	}

	fn load<T: DeserializeOwned>(&self, name: &str) -> anyhow::Result<T> {
		let bytes = fs::read(self.file(name)).context("the earlier step left nothing")?;
		Ok(serde_json::from_slice(&bytes)?)
	}
}

fn measured<T, E>(operation: impl FnOnce() -> Result<T, E>) -> anyhow::Result<(Measured, T)>
where
	anyhow::Error: From<E>,
{
	let (cpu, written, start) = (cpu_seconds()?, written_bytes()?, Instant::now());
	let value = operation()?;
	let wall_seconds = start.elapsed().as_secs_f64();
	let measured = Measured {
		wall_seconds,
		cpu_seconds: cpu_seconds()? - cpu,
		peak_bytes: peak_bytes()?,
		written_bytes: written_bytes()?.saturating_sub(written),
	};
	Ok((measured, value))
}

/// The processor time of this process so far.
fn cpu_seconds() -> anyhow::Result<f64> {
	let text = fs::read_to_string("/proc/self/stat")?;
	// After the name in parentheses: state, 10 more fields, then user and system time in 1/100 s.
	let (_, fields) = text.rsplit_once(')').context("the process has no name")?;
	let mut fields = fields.split_whitespace().skip(11);
	let mut next = || -> anyhow::Result<f64> { Ok(fields.next().context("no times")?.parse()?) };
	Ok((next()? + next()?) / 100.0)
}

/// What this process has sent to the disk so far.
fn written_bytes() -> anyhow::Result<u64> {
	field("/proc/self/io", "write_bytes:")
}

/// The most memory that this process ever had.
fn peak_bytes() -> anyhow::Result<u64> {
	Ok(field("/proc/self/status", "VmHWM:")?.saturating_mul(1024))
}

fn field(file: &str, name: &str) -> anyhow::Result<u64> {
	let text = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
	let line = text.lines().find_map(|line| line.strip_prefix(name));
	let value = line.and_then(|line| line.split_whitespace().next());
	Ok(value
		.with_context(|| format!("{file} has no {name}"))?
		.parse()?)
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;

	#[test]
	fn a_process_knows_its_figures() {
		let (measured, bytes) = measured(|| Ok::<_, std::io::Error>(vec![1u8; 50 << 20])).unwrap();
		assert_eq!(bytes.len(), 50 << 20);
		assert!(measured.peak_bytes > 50 << 20);
		assert!(measured.wall_seconds >= 0.0 && measured.cpu_seconds >= 0.0);
	}

	#[test]
	fn every_step_has_a_name_of_its_own() {
		let names: std::collections::BTreeSet<_> = Step::ALL.map(Step::name).into();
		assert_eq!(names.len(), Step::ALL.len());
	}
}
