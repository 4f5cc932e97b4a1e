use cid::Cid;
use std::io::{self, Write};

use super::CarHeader;
use crate::{piece::length_of, proto::put_varint};

/// Writes a CARv1 as a stream.
#[derive(Debug)]
pub struct CarWriter<W> {
	writer: W,
	written: u64,
}

impl<W: Write> CarWriter<W> {
	/// Begins a CAR with these roots.
	pub fn new(mut writer: W, roots: Vec<Cid>) -> io::Result<Self> {
		let header = CarHeader { roots }.encode();
		writer.write_all(&header)?;
		Ok(Self {
			writer,
			written: length_of(&header),
		})
	}

	/// Appends a block. That the CID is the block's is the caller's word.
	pub fn write_block(&mut self, cid: &Cid, data: &[u8]) -> io::Result<()> {
		let head = section_head(cid, length_of(data));
		self.writer.write_all(&head)?;
		self.writer.write_all(data)?;
		self.written = self
			.written
			.saturating_add(length_of(&head))
			.saturating_add(length_of(data));
		Ok(())
	}

	/// Appends whole sections.
	pub(crate) fn write_sections(&mut self, sections: &[u8]) -> io::Result<()> {
		self.writer.write_all(sections)?;
		self.written = self.written.saturating_add(length_of(sections));
		Ok(())
	}

	/// The bytes written so far.
	pub const fn written(&self) -> u64 {
		self.written
	}

	/// The stream.
	pub(crate) const fn inner(&mut self) -> &mut W {
		&mut self.writer
	}

	/// Flushes and returns the stream.
	pub fn finish(mut self) -> io::Result<W> {
		self.writer.flush()?;
		Ok(self.writer)
	}
}

/// What comes before a block's bytes: the section's length and the CID.
pub(crate) fn section_head(cid: &Cid, data_bytes: u64) -> Vec<u8> {
	let cid = cid.to_bytes();
	let mut head = Vec::with_capacity(cid.len() + 4);
	put_varint(&mut head, data_bytes.saturating_add(length_of(&cid)));
	head.extend_from_slice(&cid);
	head
}

/// The bytes that a block takes in a CAR.
pub fn section_bytes(cid: &Cid, data_bytes: u64) -> u64 {
	data_bytes.saturating_add(length_of(&section_head(cid, data_bytes)))
}
