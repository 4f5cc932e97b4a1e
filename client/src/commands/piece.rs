//! `holdfast piece`: commitments and proofs about data, without a chain.

use std::{
	fs::File,
	io::{self, Read},
	path::{Path, PathBuf},
};

use anyhow::{bail, ensure, Context};
use cid::Cid;
use clap::{Args, Subcommand};
use holdfast_data::{
	inclusion::{prove_part, InclusionProof, Place, Sector, Tree},
	piece::unpadded_size,
	Piece, PieceCid, PieceHasher,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::output::Output;

/// What can be done with pieces.
#[derive(Debug, Subcommand)]
pub enum PieceCommand {
	/// Compute the commitment (CommP) and the CIDs of the piece that a file makes.
	Commitment(Commitment),
	/// Say what a piece's CID says, or name a commitment.
	Inspect(Inspect),
	/// Prove that bytes are in a piece, or that a piece is in a sector.
	Prove(Prove),
	/// Check such a proof.
	Verify(Verify),
}

/// `holdfast piece commitment`.
#[derive(Debug, Args)]
pub struct Commitment {
	/// The file; `-` for the standard input.
	file: PathBuf,
	/// Pad the piece with zeros to this size (a power of two, with fr32 padding).
	#[arg(long, value_name = "BYTES")]
	padded: Option<u64>,
}

/// `holdfast piece inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
	/// A piece's CID of version 1 or 2, or a commitment of 64 hexadecimal digits.
	piece: String,
	/// The size with all padding, where the name does not tell it.
	#[arg(long, value_name = "BYTES")]
	padded: Option<u64>,
}

/// `holdfast piece prove`.
#[derive(Debug, Args)]
pub struct Prove {
	/// The file that makes the piece; `-` for the standard input.
	#[arg(required_unless_present = "sector", conflicts_with = "sector")]
	file: Option<PathBuf>,
	/// The first byte that is proven.
	#[arg(long, default_value_t = 0, value_name = "BYTE")]
	offset: u64,
	/// How many bytes are proven. The proof is of the smallest subtree with them all.
	#[arg(long, default_value_t = 1, value_name = "BYTES")]
	length: u64,
	/// Prove that a piece is in a sector of this size instead.
	#[arg(long, value_name = "BYTES", requires = "piece")]
	sector: Option<u64>,
	/// The CIDs (version 2) of all pieces of the sector, in order (can be given more than once).
	#[arg(long, value_name = "CID", requires = "sector")]
	piece: Vec<Cid>,
	/// Which of the sector's pieces is proven, counted from 0.
	#[arg(long, default_value_t = 0, requires = "sector")]
	index: usize,
}

/// `holdfast piece verify`.
#[derive(Debug, Args)]
pub struct Verify {
	/// The proof, as `holdfast --json piece prove` prints it; `-` for the standard input.
	proof: PathBuf,
	/// What the part is said to be in: a CID of version 2, from a source that you trust.
	#[arg(long, value_name = "CID")]
	whole: Cid,
	/// The part: a CID of version 2.
	#[arg(
		long,
		value_name = "CID",
		required_unless_present = "data",
		conflicts_with = "data"
	)]
	part: Option<Cid>,
	/// A file with the part's bytes, instead of its CID.
	#[arg(long, value_name = "FILE")]
	data: Option<PathBuf>,
}

/// A proof as a document.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Document {
	/// What is in it.
	part: String,
	/// What it is in.
	whole: String,
	/// The first byte of the part's payload within that of the whole.
	first_byte: u64,
	/// How many bytes the part holds.
	bytes: u64,
	/// Which of the whole's parts of its size it is.
	index: u64,
	/// The siblings, the lowest first.
	path: Vec<String>,
}

impl PieceCommand {
	/// Does it.
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		match self {
			Self::Commitment(command) => command.run(output),
			Self::Inspect(command) => command.run(output),
			Self::Prove(command) => command.run(output),
			Self::Verify(command) => command.run(output),
		}
	}
}

impl Commitment {
	fn run(self, output: Output) -> anyhow::Result<()> {
		let mut hasher = PieceHasher::new();
		with_progress(&self.file, output, |input, progress| {
			hasher.read_from(input, progress)
		})?;
		let piece = match self.padded {
			Some(size) => hasher.finish_padded_to(size)?,
			None => hasher.finish()?,
		};
		print_piece(&piece, output);
		Ok(())
	}
}

impl Inspect {
	fn run(self, output: Output) -> anyhow::Result<()> {
		let named = match const_hex::decode(&self.piece) {
			Ok(bytes) => {
				let commitment = bytes
					.try_into()
					.ok()
					.context("a commitment has 32 bytes, which are 64 hexadecimal digits")?;
				PieceCid::V1(commitment)
			},
			Err(_) => PieceCid::try_from(&self.piece.parse::<Cid>()?)?,
		};
		match (named, self.padded) {
			(PieceCid::V2(piece), None) => print_piece(&piece, output),
			(PieceCid::V2(piece), Some(size)) => {
				ensure!(
					piece.padded_bytes == size,
					"the name tells another size: {} bytes",
					piece.padded_bytes
				);
				print_piece(&piece, output);
			},
			(PieceCid::V1(commitment), Some(size)) => print_piece(&full(commitment, size)?, output),
			(PieceCid::V1(commitment), None) => {
				let piece = Piece {
					commitment,
					padded_bytes: 0,
					payload_bytes: 0,
				};
				let (commitment, cid) = (const_hex::encode(commitment), piece.cid_v1().to_string());
				output.result(&json!({ "commitment": commitment, "cidV1": cid }), || {
					format!(
						"commitment  {commitment}\ncid v1      {cid}\n\
						 size        unknown: tell it with --padded"
					)
				});
			},
		}
		Ok(())
	}
}

impl Prove {
	fn run(self, output: Output) -> anyhow::Result<()> {
		let (part, whole, proof) = match (self.sector, self.file) {
			(Some(size), _) => {
				let pieces = self
					.piece
					.iter()
					.map(tree)
					.collect::<anyhow::Result<Vec<_>>>()?;
				let sector = Sector::new(size, &pieces)?;
				let proof = sector.prove(self.index)?;
				(pieces[self.index], name(&sector.tree())?, proof)
			},
			(None, Some(file)) => {
				let place = Place::of_payload(self.offset, self.length)
					.context("there are no such bytes")?;
				let mut proven = None;
				with_progress(&file, output, |input, progress| {
					proven = Some(prove_part(input, place, progress));
					Ok(())
				})?;
				let proven = proven.context("nothing was read")??;
				let whole = proven.piece.cid_v2().context("the piece has no name")?;
				(proven.part, whole, proven.proof)
			},
			(None, None) => bail!("name a file, or a sector"),
		};
		let bytes = unpadded_size(part.padded_bytes);
		let document = Document {
			part: name(&part)?.to_string(),
			whole: whole.to_string(),
			first_byte: proof.index.saturating_mul(bytes),
			bytes,
			index: proof.index,
			path: proof.path.iter().map(const_hex::encode).collect(),
		};
		output.result(&document, || {
			format!(
				"part        {}\nwhole       {}\nbytes       {} from byte {} on\n\
				 siblings    {}\nWrite the proof with --json.",
				document.part,
				document.whole,
				document.bytes,
				document.first_byte,
				document.path.len()
			)
		});
		Ok(())
	}
}

impl Verify {
	fn run(self, output: Output) -> anyhow::Result<()> {
		let mut text = String::new();
		// No honest proof is larger.
		open(&self.proof)?
			.take(64 << 10)
			.read_to_string(&mut text)?;
		let document: Document = serde_json::from_str(&text).context("this is no proof")?;
		let mut path = Vec::with_capacity(document.path.len());
		for node in &document.path {
			let mut bytes = [0; 32];
			const_hex::decode_to_slice(node, &mut bytes)
				.context("the proof's path is malformed")?;
			path.push(bytes);
		}
		let proof = InclusionProof {
			index: document.index,
			path,
		};
		let whole = tree(&self.whole)?;
		let part = match (&self.part, &self.data) {
			(Some(cid), _) => tree(cid)?,
			(None, Some(file)) => {
				let mut hasher = PieceHasher::new();
				with_progress(file, output, |input, progress| {
					hasher.read_from(input, progress)
				})?;
				hasher.finish()?.into()
			},
			(None, None) => bail!("name the part, or its data"),
		};
		proof.verify(&part, &whole)?;
		let bytes = unpadded_size(part.padded_bytes);
		let first_byte = proof.index.saturating_mul(bytes);
		output.result(
			&json!({ "valid": true, "firstByte": first_byte, "bytes": bytes }),
			|| format!("valid: it is in there, {bytes} bytes from byte {first_byte} on"),
		);
		Ok(())
	}
}

fn print_piece(piece: &Piece, output: Output) {
	let commitment = const_hex::encode(piece.commitment);
	let v1 = piece.cid_v1().to_string();
	// A piece that is padded further is named as one whose zeros are payload.
	let v2 = piece.cid_v2().or_else(|| name(&(*piece).into()).ok());
	let v2 = v2.map(|cid| cid.to_string());
	let result = json!({
		"commitment": commitment,
		"cidV1": v1,
		"cidV2": v2,
		"paddedBytes": piece.padded_bytes,
		"payloadBytes": piece.payload_bytes,
	});
	output.result(&result, || {
		format!(
			"commitment  {commitment}\ncid v1      {v1}\ncid v2      {}\n\
			 padded      {} bytes\npayload     {} bytes",
			v2.as_deref().unwrap_or("none"),
			piece.padded_bytes,
			piece.payload_bytes
		)
	});
}

/// A tree as a piece that is full.
fn full(commitment: [u8; 32], padded_bytes: u64) -> anyhow::Result<Piece> {
	let piece = Piece {
		commitment,
		padded_bytes,
		payload_bytes: unpadded_size(padded_bytes),
	};
	ensure!(
		piece.cid_v2().is_some(),
		"{padded_bytes} is not a piece's size: use a power of two of at least 128"
	);
	Ok(piece)
}

fn name(tree: &Tree) -> anyhow::Result<Cid> {
	full(tree.commitment, tree.padded_bytes)?
		.cid_v2()
		.context("it has no name")
}

fn tree(cid: &Cid) -> anyhow::Result<Tree> {
	let named = PieceCid::try_from(cid)?;
	let piece = named
		.piece()
		.with_context(|| format!("{cid} does not tell its size: use a piece CID of version 2"))?;
	Ok((*piece).into())
}

fn open(file: &Path) -> anyhow::Result<Box<dyn Read>> {
	if file == Path::new("-") {
		return Ok(Box::new(io::stdin().lock()));
	}
	let opened = File::open(file).with_context(|| format!("cannot open {}", file.display()))?;
	Ok(Box::new(opened))
}

/// Reads a file once, and shows how far it is.
fn with_progress(
	file: &Path,
	output: Output,
	read: impl FnOnce(Box<dyn Read>, &mut dyn FnMut(u64)) -> io::Result<()>,
) -> anyhow::Result<()> {
	let input = open(file)?;
	// What is no regular file has no length to tell.
	let total = std::fs::metadata(file).map_or(0, |metadata| metadata.len());
	let bar = output.bytes("read", total);
	let result = read(input, &mut |done| bar.set_position(done));
	bar.finish_and_clear();
	result.with_context(|| format!("cannot read {}", file.display()))
}
