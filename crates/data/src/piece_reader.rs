//! Computes a piece's commitment from what somebody else reads.

use std::io::{self, BufRead, Read};

use crate::{piece::PieceHasher, read_ahead::fill};

/// How much is read, and hashed on all processors, at a time.
const BUFFER_BYTES: usize = 4 << 20;

/// Reads a stream once, for two purposes: everything that passes is hashed into a piece.
#[derive(Debug)]
pub struct PieceReader<R> {
	stream: R,
	hasher: PieceHasher,
	buffer: Vec<u8>,
	position: usize,
	filled: usize,
}

impl<R: Read> PieceReader<R> {
	/// Will hash what is read from `stream`.
	pub fn new(stream: R) -> Self {
		Self {
			stream,
			hasher: PieceHasher::new(),
			buffer: vec![0; BUFFER_BYTES],
			position: 0,
			filled: 0,
		}
	}

	/// Reads the rest, and returns the hasher of the whole stream.
	pub fn finish(mut self) -> io::Result<PieceHasher> {
		loop {
			self.position = self.filled;
			if self.fill_buf()?.is_empty() {
				return Ok(self.hasher);
			}
		}
	}
}

impl<R: Read> BufRead for PieceReader<R> {
	fn fill_buf(&mut self) -> io::Result<&[u8]> {
		if self.position >= self.filled {
			self.position = 0;
			self.filled = 0;
			self.filled = fill(&mut self.stream, &mut self.buffer)?;
			self.hasher.write(&self.buffer[..self.filled]);
		}
		Ok(&self.buffer[self.position..self.filled])
	}

	fn consume(&mut self, bytes: usize) {
		self.position = self.position.saturating_add(bytes).min(self.filled);
	}
}

impl<R: Read> Read for PieceReader<R> {
	fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
		let available = self.fill_buf()?;
		let length = available.len().min(out.len());
		out[..length].copy_from_slice(&available[..length]);
		self.consume(length);
		Ok(length)
	}
}

#[cfg(test)]
mod tests {
	use super::*;

	struct Broken;

	impl Read for Broken {
		fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
			Err(io::Error::other("broken"))
		}
	}

	#[test]
	fn the_piece_is_of_the_whole_stream_however_much_was_wanted_of_it() {
		let data: Vec<u8> = (0..9_000_001usize)
			.map(|index| (index % 253).to_le_bytes()[0])
			.collect();
		let mut hasher = PieceHasher::new();
		hasher.write(&data);
		let expected = hasher.finish();
		for wanted in [0, 1, 5_000_000, data.len()] {
			let mut reader = PieceReader::new(&data[..]);
			let mut found = vec![0; wanted];
			reader.read_exact(&mut found).unwrap();
			assert!(found == data[..wanted]);
			assert_eq!(reader.finish().unwrap().finish(), expected);
		}
	}

	#[test]
	fn what_cannot_be_read_is_no_piece() {
		let mut reader = PieceReader::new(Broken);
		assert!(reader.read(&mut [0]).is_err());
		assert!(reader.finish().is_err());
	}
}
