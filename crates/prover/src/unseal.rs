//! From a replica back to the data.

use std::{
	ffi::OsString,
	fs::{self, File},
	io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write},
	path::{Path, PathBuf},
};

use blstrs::Scalar;
use ff::PrimeField;
use holdfast_primitives::{piece::piece_offsets, CommD};

use crate::{
	error::SealError,
	keys::KeyStore,
	labels::{last_labels, write_data_tree, Engine},
	parameters::{layers, nodes},
	parents::ensure_parents,
	phase1::replica_id,
	seal::{file_error, SealSubject, SectorPaths},
};

/// The bytes of a node.
const NODE: usize = 32;
/// fr32's unit: four nodes, whose two highest bits are zero, hold 127 bytes.
const PADDED_QUAD: usize = 128;
const QUAD: usize = 127;
/// The data bits of a node.
const NODE_BITS: usize = 254;

/// Makes the unsealed sector from the replica: labels the graph again, which takes as long as pre-commit
/// phase 1, and takes the labels off. The file appears under `paths.unsealed` only when it is complete and has
/// the pieces' commitment. The replica and the cache are only read, so window PoSt can go on meanwhile.
pub fn unseal(subject: &SealSubject, paths: &SectorPaths) -> Result<(), SealError> {
	let comm_d = subject.check()?;
	let partial = beside(&paths.unsealed, ".partial");
	let tree = beside(&paths.unsealed, ".tree");
	decode(subject, comm_d, &paths.sealed, &partial)?;
	let root = write_data_tree(
		Engine::detect(),
		nodes(subject.sector_size),
		&partial,
		&tree,
	)
	.map_err(|source| file_error("write", &tree, source))?;
	fs::remove_file(&tree).map_err(|source| file_error("delete", &tree, source))?;
	if root != comm_d.0 {
		fs::remove_file(&partial).map_err(|source| file_error("delete", &partial, source))?;
		return Err(SealError::ReplicaDamaged {
			path: paths.sealed.clone(),
			expected: comm_d,
			found: CommD(root),
		});
	}
	fs::rename(&partial, &paths.unsealed)
		.map_err(|source| file_error("write", &paths.unsealed, source))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
	let mut name = OsString::from(path);
	name.push(ending);
	PathBuf::from(name)
}

fn decode(
	subject: &SealSubject,
	comm_d: CommD,
	sealed: &Path,
	target: &Path,
) -> Result<(), SealError> {
	let length = fs::metadata(sealed)
		.map_err(|source| file_error("read", sealed, source))?
		.len();
	if length != subject.sector_size.bytes() {
		return Err(file_error(
			"read",
			sealed,
			io::ErrorKind::UnexpectedEof.into(),
		));
	}
	let open = || -> io::Result<_> {
		Ok((
			BufReader::with_capacity(1 << 20, File::open(sealed)?),
			BufWriter::with_capacity(1 << 20, File::create(target)?),
		))
	};
	let (mut replica, mut data) = open().map_err(|source| file_error("write", target, source))?;
	let parents = ensure_parents(KeyStore::opened()?, subject.sector_size)?;
	last_labels(
		Engine::detect(),
		nodes(subject.sector_size),
		&parents,
		replica_id(subject, comm_d),
		layers(subject.sector_size),
		|label| {
			let mut node = [0; NODE];
			replica.read_exact(&mut node)?;
			// What is no field element is no replica's; the commitment tells.
			let plain = match (field(node), field(*label)) {
				(Some(encoded), Some(key)) => (encoded - key).to_repr(),
				_ => node,
			};
			data.write_all(&plain)
		},
	)
	.map_err(|error| file_error(error.action, &error.path, error.source))?;
	data.into_inner()
		.map_err(io::IntoInnerError::into_error)
		.and_then(|file| file.sync_all())
		.map_err(|source| file_error("write", target, source))
}

fn field(bytes: [u8; NODE]) -> Option<Scalar> {
	Option::from(Scalar::from_repr(bytes))
}

/// Copies the data of a piece, `bytes` of it at most, from the unsealed sector to `target`, which appears when
/// it is complete.
pub fn read_piece(
	subject: &SealSubject,
	index: usize,
	bytes: u64,
	unsealed: &Path,
	target: &Path,
) -> Result<(), SealError> {
	let offsets = piece_offsets(subject.sector_size, &subject.pieces).map_err(SealError::Layout)?;
	let (Some(offset), Some(piece)) = (offsets.get(index), subject.pieces.get(index)) else {
		return Err(SealError::OtherSector);
	};
	let partial = beside(target, ".partial");
	let copy = || -> io::Result<()> {
		let mut source = File::open(unsealed)?;
		source.seek(SeekFrom::Start(*offset))?;
		let mut source = BufReader::with_capacity(1 << 20, source);
		let mut output = BufWriter::with_capacity(1 << 20, File::create(&partial)?);
		let mut left = bytes.min(piece.size.unpadded_bytes());
		while left > 0 {
			let mut padded = [0; PADDED_QUAD];
			source.read_exact(&mut padded)?;
			let quad = unpad(&padded);
			let count = usize::try_from(left).unwrap_or(QUAD).min(QUAD);
			output.write_all(quad.get(..count).unwrap_or_default())?;
			left = left.saturating_sub(u64::try_from(count).unwrap_or(u64::MAX));
		}
		output
			.into_inner()
			.map_err(io::IntoInnerError::into_error)?
			.sync_all()?;
		fs::rename(&partial, target)
	};
	copy().map_err(|source| file_error("read a piece from", unsealed, source))
}

/// Takes the two zero bits after every 254 bits out.
fn unpad(padded: &[u8; PADDED_QUAD]) -> [u8; QUAD] {
	let mut plain = [0; QUAD];
	for (index, byte) in plain.iter_mut().enumerate() {
		let bit = index * 8;
		let (node, within) = (bit / NODE_BITS, bit % NODE_BITS);
		let place = bit + 2 * node;
		let next = padded.get(place / 8 + 1).copied().unwrap_or(0);
		let low = u16::from_le_bytes([padded[place / 8], next]) >> (place % 8);
		let here = NODE_BITS - within;
		*byte = if here >= 8 {
			low.to_le_bytes()[0]
		} else {
			let mask = (1u16 << here) - 1;
			let high = u16::from(padded[(node + 1) * NODE]) << here;
			((low & mask) | high).to_le_bytes()[0]
		};
	}
	plain
}

#[cfg(test)]
mod tests {
	use super::*;

	/// Every bit of 127 bytes, one at a time, is where fr32 puts it.
	#[test]
	fn every_bit_comes_back() {
		for bit in 0..QUAD * 8 {
			let mut padded = [0; PADDED_QUAD];
			let place = bit + 2 * (bit / NODE_BITS);
			padded[place / 8] = 1 << (place % 8);
			let mut expected = [0; QUAD];
			expected[bit / 8] = 1 << (bit % 8);
			assert_eq!(unpad(&padded), expected, "bit {bit}");
		}
		// The bits between the nodes do not matter.
		let mut noise = [0; PADDED_QUAD];
		for node in 1..=4 {
			noise[node * NODE - 1] = 0xc0;
		}
		assert_eq!(unpad(&noise), [0; QUAD]);
	}
}
