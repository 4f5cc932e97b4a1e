use super::UnixFsError;
use crate::{
	dag_pb::PbNode,
	proto::{put_bytes, put_fixed32, put_number, Fields, Value},
};

/// What a UnixFS node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
	/// Bytes, as old writers made leaves.
	Raw,
	/// A directory in one block.
	Directory,
	/// A file, or a part of one.
	File,
	/// Old metadata, which nothing writes.
	Metadata,
	/// A symbolic link.
	Symlink,
	/// A part of a directory that is a HAMT.
	HamtShard,
}

impl Kind {
	const ALL: [Self; 6] = [
		Self::Raw,
		Self::Directory,
		Self::File,
		Self::Metadata,
		Self::Symlink,
		Self::HamtShard,
	];

	const fn code(self) -> u64 {
		match self {
			Self::Raw => 0,
			Self::Directory => 1,
			Self::File => 2,
			Self::Metadata => 3,
			Self::Symlink => 4,
			Self::HamtShard => 5,
		}
	}
}

/// When a file was changed, by its writer's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mtime {
	/// Seconds since 1970, possibly negative.
	pub seconds: i64,
	/// Nanoseconds of the second.
	pub nanoseconds: Option<u32>,
}

/// UnixFS's message `Data`, field by field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
	/// What the node is.
	pub kind: Kind,
	/// Bytes of a file, a link's target, or a HAMT's bit field.
	pub data: Option<Vec<u8>>,
	/// The bytes of the file.
	pub file_bytes: Option<u64>,
	/// The bytes of the file below each link.
	pub block_sizes: Vec<u64>,
	/// The hash function of a HAMT.
	pub hash_type: Option<u64>,
	/// The most children of a HAMT's node.
	pub fanout: Option<u64>,
	/// Permissions.
	pub mode: Option<u32>,
	/// The time of the last change.
	pub mtime: Option<Mtime>,
}

impl Message {
	/// A message that says nothing else.
	pub const fn new(kind: Kind) -> Self {
		Self {
			kind,
			data: None,
			file_bytes: None,
			block_sizes: Vec::new(),
			hash_type: None,
			fanout: None,
			mode: None,
			mtime: None,
		}
	}

	/// The message's bytes, the fields in the order of their numbers.
	pub fn encode(&self) -> Vec<u8> {
		let mut out = Vec::new();
		put_number(&mut out, 1, self.kind.code());
		if let Some(data) = &self.data {
			put_bytes(&mut out, 2, data);
		}
		let mut number = |field, value: Option<u64>| {
			if let Some(value) = value {
				put_number(&mut out, field, value);
			}
		};
		number(3, self.file_bytes);
		for size in &self.block_sizes {
			number(4, Some(*size));
		}
		number(5, self.hash_type);
		number(6, self.fanout);
		number(7, self.mode.map(u64::from));
		if let Some(mtime) = self.mtime {
			let mut time = Vec::new();
			put_number(&mut time, 1, mtime.seconds.cast_unsigned());
			if let Some(nanoseconds) = mtime.nanoseconds {
				put_fixed32(&mut time, 2, nanoseconds);
			}
			put_bytes(&mut out, 8, &time);
		}
		out
	}

	/// The block of a node without links.
	pub fn into_block(self) -> Vec<u8> {
		PbNode {
			links: Vec::new(),
			data: Some(self.encode()),
		}
		.encode()
	}

	/// Reads a message. Fields that it does not know are passed over.
	pub fn decode(bytes: &[u8]) -> Result<Self, UnixFsError> {
		const WRONG_TYPE: UnixFsError = UnixFsError::Message("a field has the wrong type");
		let mut message = Self::new(Kind::Raw);
		let mut kind = None;
		let mut fields = Fields(bytes);
		while let Some((field, value)) = fields.next_field()? {
			match (field, value) {
				(1, Value::Varint(code)) => kind = Some(code),
				(2, Value::Bytes(data)) => message.data = Some(data.to_vec()),
				(3, Value::Varint(value)) => message.file_bytes = Some(value),
				(4, Value::Varint(value)) => message.block_sizes.push(value),
				(4, Value::Bytes(packed)) => {
					let mut packed = Fields(packed);
					while !packed.0.is_empty() {
						message.block_sizes.push(packed.varint()?);
					}
				},
				(5, Value::Varint(value)) => message.hash_type = Some(value),
				(6, Value::Varint(value)) => message.fanout = Some(value),
				// Only the lowest 32 bits are defined.
				(7, Value::Varint(value)) => {
					message.mode = u32::try_from(value & u64::from(u32::MAX)).ok();
				},
				(8, Value::Bytes(time)) => message.mtime = Some(decode_time(time)?),
				(1..=8, _) => return Err(WRONG_TYPE),
				_ => {},
			}
		}
		let code = kind.ok_or(UnixFsError::Message("it has no type"))?;
		message.kind = Kind::ALL
			.into_iter()
			.find(|kind| kind.code() == code)
			.ok_or(UnixFsError::Type(code))?;
		Ok(message)
	}
}

fn decode_time(bytes: &[u8]) -> Result<Mtime, UnixFsError> {
	let mut time = Mtime {
		seconds: 0,
		nanoseconds: None,
	};
	let mut fields = Fields(bytes);
	while let Some((field, value)) = fields.next_field()? {
		match (field, value) {
			(1, Value::Varint(seconds)) => time.seconds = seconds.cast_signed(),
			(2, Value::Fixed32(nanoseconds)) => time.nanoseconds = Some(nanoseconds),
			(1 | 2, _) => return Err(UnixFsError::Message("a time has the wrong type")),
			_ => {},
		}
	}
	Ok(time)
}

#[cfg(test)]
mod tests {
	use super::*;
	use proptest::prelude::*;

	fn any_message() -> impl Strategy<Value = Message> {
		(
			(0usize..6).prop_map(|index| Kind::ALL[index]),
			any::<Option<Vec<u8>>>(),
			any::<Option<u64>>(),
			proptest::collection::vec(any::<u64>(), 0..4),
			any::<(Option<u64>, Option<u64>, Option<u32>)>(),
			any::<Option<(i64, Option<u32>)>>(),
		)
			.prop_map(
				|(kind, data, file_bytes, block_sizes, (hash_type, fanout, mode), time)| Message {
					kind,
					data,
					file_bytes,
					block_sizes,
					hash_type,
					fanout,
					mode,
					mtime: time.map(|(seconds, nanoseconds)| Mtime {
						seconds,
						nanoseconds,
					}),
				},
			)
	}

	proptest! {
		#[test]
		fn messages_round_trip(message in any_message()) {
			prop_assert_eq!(Message::decode(&message.encode()), Ok(message));
		}

		#[test]
		fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
			let _ = Message::decode(&bytes);
		}
	}

	#[test]
	fn malformed_messages_are_refused() {
		let message = |text| UnixFsError::Message(text);
		assert_eq!(Message::decode(&[]), Err(message("it has no type")));
		assert_eq!(Message::decode(&[0x08, 6]), Err(UnixFsError::Type(6)));
		assert_eq!(
			Message::decode(&[0x0a, 0]),
			Err(message("a field has the wrong type"))
		);
		assert_eq!(
			Message::decode(&[0x08, 1, 0x42, 2, 0x0a, 0]),
			Err(message("a time has the wrong type"))
		);
	}
}
