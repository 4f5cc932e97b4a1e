//! What can go wrong, by operation.

use std::path::PathBuf;

use holdfast_primitives::{CommD, CommP, KeyId, SectorNumber, SectorSize};

use crate::{groth16::ProveError, keys::key_name};

/// Why a key cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
	/// There is no directory for keys.
	#[error("no directory for keys: set HOLDFAST_KEYS or HOME")]
	NoDirectory,
	/// filecoin-proofs reads its directories once; this process has already given it another one.
	#[error(
		"this process already uses the keys in {}; start another process to use those in {}",
		bound.display(), wanted.display()
	)]
	OtherDirectory {
		/// The directory in use.
		bound: PathBuf,
		/// The directory that was asked for.
		wanted: PathBuf,
	},
	/// No key store was opened in this process.
	#[error("no key store is open: open one with KeyStore::open first")]
	NotOpened,
	/// A devnet key cannot be made for this size, and nothing here can prove it.
	#[error("{0} sectors need keys from a ceremony, which this version cannot use")]
	UnsupportedSize(SectorSize),
	/// The key has not been made yet, or only half.
	#[error("the {} key is not in {}: make it with `holdfast-provider keys`", key_name(*key), directory.display())]
	Missing {
		/// The key.
		key: KeyId,
		/// Where it was looked for.
		directory: PathBuf,
	},
	/// A file is not what the set-up wrote.
	#[error("{} is damaged: delete it, then make the key again with `holdfast-provider keys`", path.display())]
	Damaged {
		/// The file.
		path: PathBuf,
	},
	/// The disk is full, or a limit on files is reached.
	#[error("there is no room for {} ({source}): make room there or choose another folder with HOLDFAST_KEYS, then run `holdfast-provider keys` again", path.display())]
	NoRoom {
		/// The file.
		path: PathBuf,
		/// What the operating system said, or what is missing.
		source: std::io::Error,
	},
	/// The keys' directory belongs to somebody else, or its disk is read-only.
	#[error("{} may not be written ({source}): allow it to this user or choose another folder with HOLDFAST_KEYS", path.display())]
	NotWritable {
		/// The file.
		path: PathBuf,
		/// What the operating system said.
		source: std::io::Error,
	},
	/// The circuit's description is not usable.
	#[error("cannot make the {} key: {reason}", key_name(*key))]
	Setup {
		/// The key.
		key: KeyId,
		/// Why.
		reason: String,
	},
	/// A file cannot be read or written.
	#[error("cannot {action} {}: {source}", path.display())]
	File {
		/// What was tried.
		action: &'static str,
		/// With which file.
		path: PathBuf,
		/// Why it failed.
		source: std::io::Error,
	},
}

/// Why pieces make no unsealed sector.
#[derive(Debug, thiserror::Error)]
pub enum AddPiecesError {
	/// The pieces do not fit, or a size is invalid.
	#[error("{0}")]
	Layout(holdfast_primitives::piece::PieceError),
	/// A source holds more than its piece.
	#[error("piece {index} has {length} bytes, but its size has room for {room}: use a larger piece size")]
	SourceTooLong {
		/// The piece's position.
		index: usize,
		/// The source's length.
		length: u64,
		/// The piece's unpadded size.
		room: u64,
	},
	/// A source's data is not what its piece commitment says.
	#[error("piece {index} is not the promised data: its commitment is {found}, not {expected}; get the data again")]
	CommitmentMismatch {
		/// The piece's position.
		index: usize,
		/// What was promised.
		expected: CommP,
		/// What the data gives.
		found: CommP,
	},
	/// A file cannot be read or written.
	#[error("cannot {action} {}: {source}", path.display())]
	File {
		/// What was tried.
		action: &'static str,
		/// With which file.
		path: PathBuf,
		/// Why it failed.
		source: std::io::Error,
	},
	/// filecoin-proofs failed in another way.
	#[error("cannot add piece {index}: {reason}")]
	Filecoin {
		/// The piece's position.
		index: usize,
		/// What it said.
		reason: String,
	},
}

/// Why a sector is not sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
	/// A key is missing or damaged, or no key store is open.
	#[error(transparent)]
	Key(#[from] KeyError),
	/// The size has no sealing here.
	#[error("sectors of {0} cannot be sealed by this version")]
	UnsupportedSize(SectorSize),
	/// The pieces do not fit, or a size is invalid.
	#[error("{0}")]
	Layout(holdfast_primitives::piece::PieceError),
	/// The prover's identity, ticket or seed has a top bit set.
	#[error("the {0} is no canonical field element: its two highest bits must be zero")]
	NotCanonical(&'static str),
	/// The unsealed file is missing or has another length.
	#[error("the unsealed sector {} must be a file of {expected} bytes: add the pieces again", path.display())]
	UnsealedLength {
		/// The file.
		path: PathBuf,
		/// The sector's size.
		expected: u64,
	},
	/// The unsealed data gives another CommD than the pieces.
	#[error("the unsealed sector {} is damaged: it gives the commitment {found}, its pieces give {expected}; add the pieces again", path.display())]
	UnsealedDamaged {
		/// The file.
		path: PathBuf,
		/// What the pieces give.
		expected: CommD,
		/// What the file gives.
		found: CommD,
	},
	/// The replica gives other data than the pieces.
	#[error("the replica {} is damaged: it gives the commitment {found}, its pieces give {expected}", path.display())]
	ReplicaDamaged {
		/// The file.
		path: PathBuf,
		/// What the pieces give.
		expected: CommD,
		/// What the replica gives.
		found: CommD,
	},
	/// The first phase's files are missing or incomplete.
	#[error("the sealing files of sector {sector} are missing or damaged ({reason}): repeat pre-commit phase 1")]
	RepeatPhase1 {
		/// The sector.
		sector: SectorNumber,
		/// What was found.
		reason: String,
	},
	/// The second phase did not complete.
	#[error("sector {sector} is not sealed: run pre-commit phase 2")]
	RepeatPhase2 {
		/// The sector.
		sector: SectorNumber,
	},
	/// The sealing files were already cleared; the proof of replication can no longer be made.
	#[error("the sealing files of sector {sector} were cleared: it can prove spacetime, but no replication any more")]
	Cleared {
		/// The sector.
		sector: SectorNumber,
	},
	/// What belongs to one sector was used with another one.
	#[error("the output of the earlier phase belongs to another sector, ticket or data")]
	OtherSector,
	/// The proof cannot be made.
	#[error("the proof of sector {sector} cannot be made: {source}")]
	Prove {
		/// The sector.
		sector: SectorNumber,
		/// Why.
		source: ProveError,
	},
	/// A proof was made that does not verify.
	#[error("the proof of sector {sector} does not verify: the proving key and the circuit do not match")]
	InvalidProof {
		/// The sector.
		sector: SectorNumber,
	},
	/// A file cannot be read or written.
	#[error("cannot {action} {}: {source}", path.display())]
	File {
		/// What was tried.
		action: &'static str,
		/// With which file.
		path: PathBuf,
		/// Why it failed.
		source: std::io::Error,
	},
	/// filecoin-proofs failed in another way.
	#[error("{phase} of sector {sector} failed: {reason}")]
	Filecoin {
		/// The phase.
		phase: &'static str,
		/// The sector.
		sector: SectorNumber,
		/// What it said.
		reason: String,
	},
}

/// Why there is no window PoSt.
#[derive(Debug, thiserror::Error)]
pub enum PoStError {
	/// A key is missing or damaged, or no key store is open.
	#[error(transparent)]
	Key(#[from] KeyError),
	/// The size has no proofs here.
	#[error("sectors of {0} cannot be proven by this version")]
	UnsupportedSize(SectorSize),
	/// There are no sectors, or more than one partition's.
	#[error("one proof is for 1 to {most} sectors, not {count}")]
	SectorCount {
		/// How many were given.
		count: usize,
		/// How many a partition has.
		most: u32,
	},
	/// The sectors are not in the order that the chain expects.
	#[error("sector {0} is out of order: sector numbers must rise")]
	NotAscending(SectorNumber),
	/// The prover's identity or the randomness has a top bit set.
	#[error("the {0} is no canonical field element: its two highest bits must be zero")]
	NotCanonical(&'static str),
	/// A sector cannot be proven: its files are missing or damaged.
	#[error("sector {sector} cannot be proven: {reason}; declare it faulty or restore its files")]
	Sector {
		/// The sector.
		sector: SectorNumber,
		/// What was found.
		reason: String,
	},
	/// The proof cannot be made.
	#[error("the window PoSt cannot be made: {0}")]
	Prove(#[from] ProveError),
	/// A proof was made that does not verify.
	#[error("the window PoSt does not verify: the proving key and the circuit do not match, or a CommR is wrong")]
	InvalidProof,
	/// filecoin-proofs failed in another way.
	#[error("the window PoSt failed: {0}")]
	Filecoin(String),
}
