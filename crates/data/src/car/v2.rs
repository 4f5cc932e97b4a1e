use super::CarError;

/// What every CARv2 begins with: the header of a CARv1 whose version is 2.
pub const PRAGMA: [u8; 11] = *b"\x0a\xa1\x67version\x02";
/// The bytes of the header behind the pragma.
pub const V2_HEADER_BYTES: usize = 40;
/// Where the data can begin at the earliest.
const MIN_DATA_OFFSET: u64 = 51;

/// A CARv2's header: where its CARv1 and its index are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CarV2Header {
	/// Bits that tell what the file has.
	pub characteristics: [u8; 16],
	/// Where the CARv1 begins.
	pub data_offset: u64,
	/// The bytes of the CARv1.
	pub data_bytes: u64,
	/// Where the index begins; 0 if there is none.
	pub index_offset: u64,
}

impl CarV2Header {
	/// The header's bytes.
	pub fn encode(&self) -> [u8; V2_HEADER_BYTES] {
		let mut bytes = [0; V2_HEADER_BYTES];
		bytes[..16].copy_from_slice(&self.characteristics);
		bytes[16..24].copy_from_slice(&self.data_offset.to_le_bytes());
		bytes[24..32].copy_from_slice(&self.data_bytes.to_le_bytes());
		bytes[32..].copy_from_slice(&self.index_offset.to_le_bytes());
		bytes
	}

	/// Reads a header, and refuses one whose parts overlap or are nowhere.
	pub fn decode(bytes: &[u8; V2_HEADER_BYTES]) -> Result<Self, CarError> {
		let (words, _) = bytes[16..].as_chunks::<8>();
		let header = Self {
			characteristics: *bytes
				.first_chunk()
				.expect("the header has more than 16 bytes; qed"),
			data_offset: u64::from_le_bytes(words[0]),
			data_bytes: u64::from_le_bytes(words[1]),
			index_offset: u64::from_le_bytes(words[2]),
		};
		if header.data_offset < MIN_DATA_OFFSET {
			return Err(CarError::V2("its data begins within the header"));
		}
		if header.data_bytes == 0 {
			return Err(CarError::V2("it has no data"));
		}
		let end = header
			.data_end()
			.ok_or(CarError::V2("its data ends beyond all lengths"))?;
		if header.index_offset != 0 && header.index_offset < end {
			return Err(CarError::V2("its index begins within the data"));
		}
		Ok(header)
	}

	/// Where the CARv1 ends. `None` if that is no number.
	pub const fn data_end(&self) -> Option<u64> {
		self.data_offset.checked_add(self.data_bytes)
	}

	/// Whether the index has every block, those with identity CIDs included.
	pub const fn is_fully_indexed(&self) -> bool {
		self.characteristics[0] & 0x80 != 0
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	fn header(data_offset: u64, data_bytes: u64, index_offset: u64) -> CarV2Header {
		CarV2Header {
			characteristics: [0; 16],
			data_offset,
			data_bytes,
			index_offset,
		}
	}

	#[test]
	fn headers_round_trip() {
		let mut whole = header(51, 100, 151);
		whole.characteristics[0] = 0x80;
		assert!(whole.is_fully_indexed());
		assert_eq!(CarV2Header::decode(&whole.encode()).unwrap(), whole);
		assert!(CarV2Header::decode(&header(1 << 20, 1, 0).encode()).is_ok());
	}

	#[test]
	fn headers_that_contradict_themselves_are_refused() {
		for (header, text) in [
			(header(50, 100, 0), "within the header"),
			(header(51, 0, 0), "no data"),
			(header(51, u64::MAX, 0), "beyond all lengths"),
			(header(1 << 63, 1 << 63, 0), "beyond all lengths"),
			(header(51, 100, 150), "within the data"),
			(header(51, 100, 1), "within the data"),
		] {
			let error = CarV2Header::decode(&header.encode()).unwrap_err();
			assert!(error.to_string().contains(text), "{error}");
		}
	}
}
