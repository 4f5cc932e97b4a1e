//! Sectors for the tests.
#![allow(dead_code, clippy::unwrap_used)]

use std::{
	fs,
	path::{Path, PathBuf},
};

use filecoin_proofs::{generate_piece_commitment, UnpaddedBytesAmount};
use holdfast_primitives::{
	CommP, CommR, Digest, PaddedPieceSize, PieceInfo, SectorNumber, SectorSize,
};
use holdfast_prover::{
	add_pieces, seal_pre_commit_phase1, seal_pre_commit_phase2, PoStSector, SealSubject,
	SectorPaths,
};
use tempfile::TempDir;

pub const PROVER: Digest = [9; 32];

/// A sector's files in a folder of its own.
pub struct Sector {
	pub directory: TempDir,
	pub subject: SealSubject,
	pub paths: SectorPaths,
	pub sources: Vec<PathBuf>,
}

/// A piece with `length` bytes that depend on `salt`.
pub fn piece(directory: &Path, salt: u8, length: u64, size: u64) -> (PieceInfo, PathBuf) {
	let size = PaddedPieceSize::new(size).unwrap();
	let mut bytes: Vec<u8> = (0..length)
		.map(|index| u8::try_from(index * 7 % 251).unwrap() ^ salt)
		.collect();
	let path = directory.join(format!("piece-{salt}"));
	fs::write(&path, &bytes).unwrap();
	bytes.resize(usize::try_from(size.unpadded_bytes()).unwrap(), 0);
	let info = generate_piece_commitment(&bytes[..], UnpaddedBytesAmount(size.unpadded_bytes()));
	let commitment = CommP(info.unwrap().commitment);
	(PieceInfo { commitment, size }, path)
}

/// An unsealed 2 KiB sector with three pieces, one of them shorter than its size and one behind a gap.
pub fn unsealed(number: SectorNumber) -> Sector {
	let directory = tempfile::tempdir().unwrap();
	let path = directory.path();
	let salt = u8::try_from(number % 100).unwrap();
	let made = [
		piece(path, salt, 254, 256),
		piece(path, salt + 1, 100, 128),
		piece(path, salt + 2, 508, 512),
	];
	let subject = SealSubject {
		sector_size: SectorSize::KiB2,
		prover_id: PROVER,
		sector: number,
		ticket: [3; 32],
		pieces: made.iter().map(|(info, _)| *info).collect(),
	};
	let paths = SectorPaths {
		unsealed: path.join("unsealed"),
		sealed: path.join("sealed"),
		cache: path.join("cache"),
	};
	let sources: Vec<PathBuf> = made.into_iter().map(|(_, path)| path).collect();
	let sector = Sector {
		directory,
		subject,
		paths,
		sources,
	};
	sector.add_pieces();
	sector
}

impl Sector {
	pub fn add_pieces(&self) {
		let pieces: Vec<_> = self
			.subject
			.pieces
			.iter()
			.copied()
			.zip(self.sources.iter().map(PathBuf::as_path))
			.collect();
		let comm_d = add_pieces(self.subject.sector_size, &pieces, &self.paths.unsealed).unwrap();
		assert_eq!(comm_d, self.subject.comm_d().unwrap());
	}

	pub fn seal(&self) -> CommR {
		let phase1 = seal_pre_commit_phase1(&self.subject, &self.paths).unwrap();
		let (comm_r, comm_d) = seal_pre_commit_phase2(&phase1, &self.paths).unwrap();
		assert_eq!(comm_d, self.subject.comm_d().unwrap());
		comm_r
	}

	pub fn to_prove(&self, comm_r: CommR) -> PoStSector {
		PoStSector {
			number: self.subject.sector,
			comm_r,
			cache_dir: self.paths.cache.clone(),
			sealed_path: self.paths.sealed.clone(),
		}
	}
}
