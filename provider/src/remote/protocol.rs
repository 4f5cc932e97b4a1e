//! What the daemon and its workers say to each other, as JSON.

use std::{io, path::Path};

use holdfast_primitives::{CommR, Digest, SectorNumber, SectorSize};
use serde::{Deserialize, Serialize};

use crate::{
	sealer::Order,
	store::{self, SectorPart},
	tasks::{About, Place},
	worker::Response,
};

/// The longest name of a worker.
const MAX_NAME: usize = 40;

/// Whether a worker may be called that: lower-case letters, digits and dashes, and not like the daemon.
pub fn is_name(name: &str) -> bool {
	let characters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
	(1..=MAX_NAME).contains(&name.len())
		&& name.bytes().all(characters)
		&& !name.starts_with("daemon")
}

/// A worker shows that it lives.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hello {
	/// Its name.
	pub name: String,
	/// Another one for each start.
	pub session: String,
	/// What it can do.
	pub about: About,
	/// The tasks that it works on or has results of.
	pub tasks: Vec<i64>,
	/// The sectors that it has files of.
	pub sectors: Vec<SectorNumber>,
}

/// What it hears.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Heard {
	/// The sectors' size.
	pub sector_size: SectorSize,
	/// Whether it gets no new tasks.
	pub cordoned: bool,
	/// The tasks that are not its own any more.
	pub lost: Vec<i64>,
	/// The sectors whose files it has no reason to keep.
	pub remove: Vec<SectorNumber>,
}

/// A worker asks for a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Claim {
	/// Its name.
	pub name: String,
	/// What it can do, and has room for, now.
	pub about: About,
	/// Only a task of this kind.
	#[serde(default)]
	pub kind: Option<String>,
}

/// What it gets.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Claimed {
	/// A task; none if there is none for it.
	pub task: Option<Lent>,
}

/// A task for a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lent {
	/// Its number.
	pub id: i64,
	/// Its kind.
	pub kind: String,
	/// What to do.
	pub order: Order,
	/// Where.
	pub place: Place,
}

/// What became of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Returned {
	/// The worker's name.
	pub name: String,
	/// Where it was done.
	pub place: Place,
	/// What it gave.
	pub response: Response,
	/// Whether it failed for want of something that may be there later.
	pub outage: bool,
}

/// What a proof needs from a worker that has the files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "kebab-case")]
pub enum Question {
	/// Open sectors at the challenges of a window PoSt. Answered by [`Response::Opened`].
	Open {
		/// The sectors' size.
		sector_size: SectorSize,
		/// Whose replicas they are.
		prover_id: Digest,
		/// The challenges' randomness.
		randomness: Digest,
		/// The sectors and their replicas.
		sectors: Vec<(SectorNumber, CommR)>,
	},
	/// Look which sectors could be proven. Answered by [`Response::Provable`].
	Check {
		/// The sectors' size.
		sector_size: SectorSize,
		/// Whose replicas they are.
		prover_id: Digest,
		/// The sectors and their replicas.
		sectors: Vec<(SectorNumber, CommR)>,
	},
}

/// A question with its number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
	/// The number.
	pub id: u64,
	/// The question.
	pub question: Question,
}

/// An answer to a question.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Answer {
	/// The question's number.
	pub id: u64,
	/// The answer.
	pub response: Response,
}

/// A worker answers questions and waits for new ones.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poll {
	/// Its name.
	pub name: String,
	/// Its answers.
	pub answers: Vec<Answer>,
	/// The questions that it is working on.
	pub working: Vec<u64>,
}

/// What it is asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Asked {
	/// The questions that are not answered yet.
	pub asks: Vec<Ask>,
}

/// The files below a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
	/// The files.
	pub files: Vec<ManifestFile>,
}

impl Manifest {
	/// Reads everything below a path.
	pub fn of(root: &Path) -> io::Result<Self> {
		let files = store::list(root)?.into_iter().map(|(relative, meta)| {
			let whole = if relative.as_os_str().is_empty() {
				root.to_owned()
			} else {
				root.join(&relative)
			};
			Ok(ManifestFile {
				digest: store::digest(&whole)?,
				path: relative.to_string_lossy().into_owned(),
				bytes: meta.len(),
			})
		});
		Ok(Self {
			files: files.collect::<io::Result<_>>()?,
		})
	}
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestFile {
	/// Its path below the name; empty if the name is a file itself.
	pub path: String,
	/// Its length.
	pub bytes: u64,
	/// Its BLAKE2b-256 digest, as [`crate::store::digest`] computes it.
	pub digest: String,
}

/// A worker says what it has of a sector, or has made of it, that it gives to the daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Giving {
	/// The worker's name.
	pub name: String,
	/// The files of each part.
	pub files: Vec<(SectorPart, Manifest)>,
}

/// What the daemon does not have of it yet. With nothing missing, it is where it is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wanted {
	/// The files.
	pub missing: Vec<Missing>,
}

/// A file that is not all there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missing {
	/// What it is a part of.
	pub kind: SectorPart,
	/// Its path, as the manifest has it.
	pub path: String,
	/// How much of it is there.
	pub from: u64,
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn names_are_plain() {
		for name in ["a", "seal-2", "0"] {
			assert!(is_name(name), "{name}");
		}
		let long = "a".repeat(41);
		for name in ["", "A", "a b", "a/b", "daemon", "daemon-1", "ä", &long] {
			assert!(!is_name(name), "{name}");
		}
	}
}
