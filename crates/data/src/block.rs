//! Blocks: bytes and the CID that names them.

use crate::{sha256, Digest};
use cid::Cid;
use multihash::Multihash;

/// The multicodec of bytes without structure.
pub const RAW: u64 = 0x55;
/// The multicodec of dag-pb nodes.
pub const DAG_PB: u64 = 0x70;
/// The multihash code of SHA-256.
pub const SHA2_256: u64 = 0x12;
/// The multihash code of bytes that stand for themselves.
pub const IDENTITY: u64 = 0x00;

/// Bytes with their CID, which has been checked unless the type that yields it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
	/// The name.
	pub cid: Cid,
	/// The content.
	pub data: Vec<u8>,
}

/// Why bytes are not what their CID says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
	/// The bytes have another hash.
	#[error("block {cid} is corrupt: its bytes have another hash")]
	Corrupt {
		/// What the bytes should be.
		cid: Cid,
	},
	/// The CID's hash function is not known here.
	#[error("block {cid} uses the hash function {code:#x}, which is not supported")]
	UnsupportedHash {
		/// The block.
		cid: Cid,
		/// The multihash code.
		code: u64,
	},
}

/// SHA-256.
pub fn sha256(data: &[u8]) -> Digest {
	sha256::digest(data)
}

/// The CIDv1 of a block with this codec and SHA-256.
pub fn cid_from_digest(codec: u64, digest: &Digest) -> Cid {
	let hash = Multihash::wrap(SHA2_256, digest).expect("32 bytes fit a 64-byte multihash; qed");
	Cid::new_v1(codec, hash)
}

/// The CID of a raw leaf with these bytes.
pub fn raw_cid(data: &[u8]) -> Cid {
	cid_from_digest(RAW, &sha256(data))
}

/// The CID of a dag-pb node with these bytes.
pub fn dag_pb_cid(data: &[u8]) -> Cid {
	cid_from_digest(DAG_PB, &sha256(data))
}

/// The SHA-256 that a CID holds. `None` if it holds another hash.
pub fn sha256_of(cid: &Cid) -> Option<Digest> {
	let hash = cid.hash();
	if hash.code() != SHA2_256 {
		return None;
	}
	hash.digest().try_into().ok()
}

/// Checks that blocks are what their CIDs name, several at a time, which takes much less time than one after
/// another. Tells the first one that is not, by its index.
pub fn verify_all(blocks: &[(&Cid, &[u8])]) -> Result<(), (usize, BlockError)> {
	let (together, alone): (Vec<_>, Vec<_>) = blocks
		.iter()
		.enumerate()
		.partition(|(_, (cid, _))| cid.hash().code() == SHA2_256);
	let messages: Vec<&[u8]> = together.iter().map(|(_, (_, data))| *data).collect();
	let corrupt = together
		.iter()
		.zip(sha256::digests(&messages))
		.find(|((_, (cid, _)), digest)| cid.hash().digest() != digest)
		.map(|((index, (cid, _)), _)| (*index, BlockError::Corrupt { cid: **cid }));
	let wrong = alone
		.iter()
		.find_map(|(index, (cid, data))| Some((*index, verify(cid, data).err()?)));
	let first = corrupt.into_iter().chain(wrong);
	first.min_by_key(|(index, _)| *index).map_or(Ok(()), Err)
}

/// Checks that `data` is what `cid` names.
pub fn verify(cid: &Cid, data: &[u8]) -> Result<(), BlockError> {
	let hash = cid.hash();
	let matches = match hash.code() {
		SHA2_256 => hash.digest() == sha256(data),
		IDENTITY => hash.digest() == data,
		code => match crate::hashes::digest(code, data) {
			Some(digest) => hash.digest() == digest,
			None => return Err(BlockError::UnsupportedHash { cid: *cid, code }),
		},
	};
	if matches {
		Ok(())
	} else {
		Err(BlockError::Corrupt { cid: *cid })
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	#[test]
	fn well_known_contents_have_their_well_known_cids() {
		assert_eq!(
			raw_cid(b"").to_string(),
			"bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
		);
		assert_eq!(
			raw_cid(b"hello world").to_string(),
			"bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e"
		);
		// An empty UnixFS directory: a node whose data is the message {type: Directory}.
		assert_eq!(
			dag_pb_cid(&[0x0a, 0x02, 0x08, 0x01]).to_string(),
			"bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"
		);
	}

	#[test]
	fn of_several_blocks_the_first_wrong_one_is_told() {
		let identity = |data| Cid::new_v1(RAW, Multihash::wrap(IDENTITY, data).unwrap());
		let data: Vec<Vec<u8>> = (0..11u8).map(|index| vec![index; 700]).collect();
		let mut cids: Vec<Cid> = data.iter().map(|data| raw_cid(data)).collect();
		let mut data: Vec<&[u8]> = data.iter().map(Vec::as_slice).collect();
		data.push(b"inline");
		cids.push(identity(b"inline"));
		let check = |cids: &[Cid], data: &[&[u8]]| {
			let blocks: Vec<_> = cids.iter().zip(data.iter().copied()).collect();
			verify_all(&blocks)
		};
		assert_eq!(check(&[], &[]), Ok(()));
		assert_eq!(check(&cids, &data), Ok(()));
		// The last of them, then one in front of it each time.
		let swaps = [
			(11, identity(b"other")),
			(8, cids[0]),
			(7, identity(b"no")),
			(2, cids[9]),
		];
		for (index, cid) in swaps {
			cids[index] = cid;
			let found = check(&cids, &data);
			assert_eq!(found, Err((index, BlockError::Corrupt { cid })), "{index}");
		}
	}

	#[test]
	fn blocks_are_checked_against_their_cid() {
		let cid = raw_cid(b"data");
		assert_eq!(verify(&cid, b"data"), Ok(()));
		assert_eq!(verify(&cid, b"dat4"), Err(BlockError::Corrupt { cid }));
		let identity = Cid::new_v1(RAW, Multihash::wrap(IDENTITY, b"data").unwrap());
		assert_eq!(verify(&identity, b"data"), Ok(()));
		assert!(verify(&identity, b"dat4").is_err());
		let unknown = Cid::new_v1(RAW, Multihash::wrap(0x1b, &[0; 32]).unwrap());
		assert_eq!(
			verify(&unknown, b"data"),
			Err(BlockError::UnsupportedHash {
				cid: unknown,
				code: 0x1b
			})
		);
		// A hash that was cut short matches nothing.
		let short = Cid::new_v1(
			RAW,
			Multihash::wrap(SHA2_256, &sha256(b"data")[..20]).unwrap(),
		);
		assert_eq!(
			verify(&short, b"data"),
			Err(BlockError::Corrupt { cid: short })
		);
		assert_eq!(sha256_of(&short), None);
	}
}
