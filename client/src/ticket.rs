//! Tickets: one pasteable string that fetches a file.

use std::{fmt, str::FromStr};

use cid::Cid;
use codec::{Decode, Encode};
use data_encoding::BASE32_NOPAD;
use holdfast_chain_client::AccountId;
use holdfast_primitives::{DealId, PieceInfo};
use sha2::{Digest, Sha256};
use thiserror::Error;

/// What every ticket begins with; the digit is the encoding's version.
const PREFIX: &str = "holdfast1";
/// Bytes of SHA-256 that guard a ticket against a slip of the hand.
const CHECKSUM_BYTES: usize = 4;
/// The longest ticket that is read, in characters.
const MAX_LENGTH: usize = 1 << 20;

/// Where a file is, and what it must be.
///
/// As text: `holdfast1` and the lower-case base32 (no padding) of the SCALE encoding and the first four
/// bytes of its SHA-256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
	/// The UnixFS root.
	pub root: Cid,
	/// The file's name, without folders.
	pub name: String,
	/// The file's size in bytes.
	pub size: u64,
	/// The pieces that hold it, in order.
	pub shards: Vec<TicketShard>,
	/// Where the nodes begin, if this is a folder.
	pub folder: Option<FolderNodes>,
}

/// Where in a folder's pieces its nodes begin, which tell what the rest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FolderNodes {
	/// The piece, by number.
	pub shard: u32,
	/// The byte of its CAR.
	pub offset: u64,
}

/// One piece of a file.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TicketShard {
	/// The piece.
	pub piece: PieceInfo,
	/// The length of the CAR file in it.
	pub car_bytes: u64,
	/// Who stores it.
	pub provider: [u8; 32],
	/// The provider's HTTP address when the deal was made.
	pub url: String,
	/// The deal.
	pub deal: DealId,
}

impl TicketShard {
	/// The provider's account.
	pub fn provider(&self) -> AccountId {
		AccountId(self.provider)
	}
}

#[derive(Encode, Decode)]
struct Body {
	root: Vec<u8>,
	name: String,
	size: u64,
	shards: Vec<TicketShard>,
}

/// Why a text is no ticket.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum TicketError {
	/// It begins with something else.
	#[error("a ticket begins with `{PREFIX}`: was the whole of it pasted?")]
	Prefix,
	/// It has characters that no ticket has, or is far too long.
	#[error("the ticket has characters that do not belong there: was it pasted unchanged?")]
	Characters,
	/// A part is missing or changed.
	#[error("the ticket is damaged: its checksum does not match; paste the whole of it")]
	Checksum,
	/// The checksum is right and the content is not.
	#[error("the ticket's content is not understood: it may be from a newer version")]
	Content,
}

impl fmt::Display for Ticket {
	fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
		let body = Body {
			root: self.root.to_bytes(),
			name: self.name.clone(),
			size: self.size,
			shards: self.shards.clone(),
		};
		let mut bytes = body.encode();
		// A file's ticket ends here.
		if let Some(folder) = &self.folder {
			folder.encode_to(&mut bytes);
		}
		let sum = checksum(&bytes);
		bytes.extend_from_slice(&sum);
		f.write_str(PREFIX)?;
		f.write_str(&BASE32_NOPAD.encode(&bytes).to_ascii_lowercase())
	}
}

impl FromStr for Ticket {
	type Err = TicketError;

	fn from_str(text: &str) -> Result<Self, Self::Err> {
		let encoded = text
			.trim()
			.strip_prefix(PREFIX)
			.ok_or(TicketError::Prefix)?;
		if encoded.len() > MAX_LENGTH {
			return Err(TicketError::Characters);
		}
		let bytes = BASE32_NOPAD
			.decode(encoded.to_ascii_uppercase().as_bytes())
			.map_err(|_| TicketError::Characters)?;
		let split = bytes
			.len()
			.checked_sub(CHECKSUM_BYTES)
			.ok_or(TicketError::Checksum)?;
		let (body, sum) = bytes.split_at(split);
		if sum != checksum(body) {
			return Err(TicketError::Checksum);
		}
		let mut rest = body;
		let Body {
			root,
			name,
			size,
			shards,
		} = Body::decode(&mut rest).map_err(|_| TicketError::Content)?;
		let folder = match rest.is_empty() {
			true => None,
			false => Some(FolderNodes::decode(&mut rest).map_err(|_| TicketError::Content)?),
		};
		let root = Cid::try_from(root).map_err(|_| TicketError::Content)?;
		// The name becomes a file here: it must not lead anywhere else.
		let plain =
			!name.is_empty() && !name.contains(['/', '\\', '\0']) && name != "." && name != "..";
		if !rest.is_empty() || shards.is_empty() || !plain {
			return Err(TicketError::Content);
		}
		Ok(Self {
			root,
			name,
			size,
			shards,
			folder,
		})
	}
}

fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_BYTES] {
	let hash: [u8; 32] = Sha256::digest(bytes).into();
	let mut sum = [0; CHECKSUM_BYTES];
	sum.copy_from_slice(&hash[..CHECKSUM_BYTES]);
	sum
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]

	use super::*;
	use holdfast_primitives::{CommP, PaddedPieceSize};
	use proptest::prelude::*;

	fn ticket(name: &str) -> Ticket {
		Ticket {
			root: "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
				.parse()
				.unwrap(),
			name: name.into(),
			size: 12,
			shards: vec![TicketShard {
				piece: PieceInfo {
					commitment: CommP([3; 32]),
					size: PaddedPieceSize::new(256).unwrap(),
				},
				car_bytes: 200,
				provider: [9; 32],
				url: "http://127.0.0.1:8400".into(),
				deal: 4,
			}],
			folder: None,
		}
	}

	#[test]
	fn a_folders_ticket_tells_where_its_nodes_begin() {
		let folder = Ticket {
			folder: Some(FolderNodes {
				shard: 7,
				offset: 1 << 40,
			}),
			..ticket("folder")
		};
		assert_eq!(folder.to_string().parse(), Ok(folder));
	}

	#[test]
	fn a_ticket_survives_its_text_and_stray_white_space() {
		let ticket = ticket("photo.jpg");
		assert_eq!(ticket.to_string().parse(), Ok(ticket.clone()));
		assert_eq!(format!("  {ticket}\n").parse(), Ok(ticket));
	}

	#[test]
	fn what_is_not_a_ticket_is_told_apart() {
		let text = ticket("a").to_string();
		assert_eq!("bafy".parse::<Ticket>(), Err(TicketError::Prefix));
		assert_eq!(
			format!("{text}!").parse::<Ticket>(),
			Err(TicketError::Characters)
		);
		assert_eq!("holdfast1".parse::<Ticket>(), Err(TicketError::Checksum));
		let other = if text.as_bytes()[PREFIX.len()] == b'a' {
			"b"
		} else {
			"a"
		};
		let mut changed = text;
		changed.replace_range(PREFIX.len()..=PREFIX.len(), other);
		assert_eq!(changed.parse::<Ticket>(), Err(TicketError::Checksum));
	}

	#[test]
	fn a_name_that_leads_elsewhere_is_refused() {
		for name in ["", ".", "..", "../../etc/passwd", "a/b", "a\0b"] {
			assert_eq!(
				ticket(name).to_string().parse::<Ticket>(),
				Err(TicketError::Content),
				"{name:?}"
			);
		}
	}

	#[test]
	fn a_ticket_without_pieces_is_refused() {
		let empty = Ticket {
			shards: vec![],
			..ticket("a")
		};
		assert_eq!(
			empty.to_string().parse::<Ticket>(),
			Err(TicketError::Content)
		);
	}

	proptest! {
		#[test]
		fn no_text_makes_the_parser_panic(text in "holdfast1[a-z2-7]{0,200}") {
			let _ = text.parse::<Ticket>();
		}
	}
}
