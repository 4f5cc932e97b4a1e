//! CARs as text that can be read and changed, in the format of go-car's `debug` and `compile`.

use cid::Cid;
use multihash::Multihash;
use std::{
	collections::HashMap,
	fmt::Write as _,
	io::{self, Read},
};

use crate::{
	block::{sha256, Block, IDENTITY, RAW, SHA2_256},
	car::{CarError, CarReader},
	dag_json::{from_json, to_json, DagJsonError},
	hashes,
};

/// A CAR that was made of text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compiled {
	/// Whether the text asks for the second version.
	pub is_v2: bool,
	/// What the text calls the CAR.
	pub name: String,
	/// The roots.
	pub roots: Vec<Cid>,
	/// The blocks, in the text's order, with the CIDs that they really have.
	pub blocks: Vec<Block>,
}

/// Why a CAR has no text, or text is no CAR.
#[derive(Debug, thiserror::Error)]
pub enum PatchError {
	/// The CAR is malformed.
	#[error(transparent)]
	Car(#[from] CarError),
	/// The text cannot be written.
	#[error("cannot write the text: {0}")]
	Write(#[from] io::Error),
	/// A block has no text, or its text is no block.
	#[error("block {cid}: {error}")]
	Block {
		/// The block.
		cid: Box<Cid>,
		/// Why.
		error: DagJsonError,
	},
	/// The text is not in the format.
	#[error("line {line}: {what}")]
	Line {
		/// Which line.
		line: usize,
		/// What is wrong.
		what: &'static str,
	},
	/// Blocks name each other in a circle.
	#[error("block {0} names itself, or another that names it")]
	Circle(Box<Cid>),
}

/// Writes a CAR as text.
pub fn debug<R: Read>(
	mut car: CarReader<R>,
	name: &str,
	mut out: impl io::Write,
) -> Result<(), PatchError> {
	let version = if car.v2().is_some() { "--v2 " } else { "" };
	writeln!(out, "car compile {version}{name}")?;
	for root in car.roots() {
		writeln!(out, "root {root}")?;
	}
	while let Some(found) = car.next_block()? {
		let Block { cid, data } = found.block;
		out.write_all(block_text(&cid, &data)?.as_bytes())?;
	}
	Ok(())
}

fn block_text(cid: &Cid, data: &[u8]) -> Result<String, PatchError> {
	let (mode, body) = match std::str::from_utf8(data) {
		Ok(text) if cid.codec() == RAW && is_readable(text) => ("raw", text.to_owned()),
		_ => {
			let failed = |error| PatchError::Block {
				cid: Box::new(*cid),
				error,
			};
			let value = to_json(cid.codec(), data).map_err(failed)?;
			("json", format!("{value:#}"))
		},
	};
	let lines = body.matches('\n').count();
	let ending = if body.ends_with('\n') {
		""
	} else {
		" (no-end-cr)"
	};
	let mut text = String::new();
	// Writing to a string does not fail.
	let _ = write!(
		text,
		"--- {cid}\n+++ {mode}{ending} {cid}\n@@ -0,{lines} +0,{lines} @@\n{body}\n"
	);
	Ok(text)
}

/// Whether a text can stand among the others' lines and come back unchanged.
fn is_readable(text: &str) -> bool {
	let printable = |letter: char| letter == '\n' || letter == '\t' || !letter.is_control();
	!text.is_empty()
		&& text.chars().all(printable)
		&& !text.lines().any(|line| line.starts_with("--- "))
}

struct Patch {
	cid: Cid,
	mode: String,
	body: String,
}

/// Makes a CAR of text. A block whose text was changed gets another CID, and so do, one after the other, all
/// that name it.
pub fn compile(text: &str) -> Result<Compiled, PatchError> {
	let mut lines = text.split_inclusive('\n').enumerate().peekable();
	let (_, first) = lines.next().ok_or(PatchError::Line {
		line: 1,
		what: "the text is empty",
	})?;
	let is_v2 = first.split_whitespace().any(|word| word == "--v2");
	let name = first
		.split_whitespace()
		.last()
		.unwrap_or_default()
		.to_owned();
	let mut roots = Vec::new();
	while let Some((number, line)) = lines.next_if(|(_, line)| !line.starts_with("--- ")) {
		if let Some(root) = line.strip_prefix("root ") {
			roots.push(parse_cid(root, number)?);
		}
	}
	let mut patches = Vec::new();
	while let Some((number, line)) = lines.next() {
		let cid = parse_cid(line.strip_prefix("--- ").unwrap_or_default(), number)?;
		let (number, line) = lines.next().unwrap_or((number, ""));
		let words: Vec<&str> = line.split_whitespace().collect();
		let ["+++", mode, .., name] = words[..] else {
			return Err(wrong(number, "a block's second line is expected"));
		};
		if parse_cid(name, number)? != cid {
			return Err(wrong(number, "a block's two lines name different blocks"));
		}
		if !lines.next().is_some_and(|(_, line)| line.starts_with("@@")) {
			return Err(wrong(number, "a block's third line is expected"));
		}
		let mut body = String::new();
		while let Some((_, line)) = lines.next_if(|(_, line)| !line.starts_with("--- ")) {
			body.push_str(line);
		}
		let body = body.strip_suffix('\n').unwrap_or(&body).to_owned();
		let mode = mode.to_owned();
		patches.push(Patch { cid, mode, body });
	}
	let (blocks, renamed) = build(patches)?;
	for root in &mut roots {
		*root = renamed.get(root).copied().unwrap_or(*root);
	}
	Ok(Compiled {
		is_v2,
		name,
		roots,
		blocks,
	})
}

/// Makes blocks, those that are named by others before them, and says which CIDs became which.
fn build(mut patches: Vec<Patch>) -> Result<(Vec<Block>, HashMap<Cid, Cid>), PatchError> {
	let names: Vec<String> = patches.iter().map(|patch| patch.cid.to_string()).collect();
	let mut blocks: Vec<Option<Block>> = patches.iter().map(|_| None).collect();
	let mut renamed = HashMap::new();
	loop {
		let open: Vec<usize> = (0..patches.len())
			.filter(|index| blocks[*index].is_none())
			.collect();
		let Some(first) = open.first() else {
			let blocks = blocks.into_iter().flatten().collect();
			return Ok((blocks, renamed));
		};
		let ready: Vec<usize> = open
			.iter()
			.copied()
			.filter(|index| {
				!open
					.iter()
					.any(|other| patches[*index].body.contains(&names[*other]))
			})
			.collect();
		if ready.is_empty() {
			return Err(PatchError::Circle(Box::new(patches[*first].cid)));
		}
		for index in ready {
			let block = block_of(&patches[index])?;
			let old = patches[index].cid;
			if block.cid != old {
				let new = block.cid.to_string();
				for patch in &mut patches {
					patch.body = patch.body.replace(&names[index], &new);
				}
			}
			renamed.insert(old, block.cid);
			blocks[index] = Some(block);
		}
	}
}

fn block_of(patch: &Patch) -> Result<Block, PatchError> {
	let failed = |error| PatchError::Block {
		cid: Box::new(patch.cid),
		error,
	};
	let data = match patch.mode.as_str() {
		"raw" => patch.body.clone().into_bytes(),
		"json" => {
			let value = serde_json::from_str(&patch.body)
				.map_err(|error| failed(DagJsonError::Text(error.to_string())))?;
			from_json(patch.cid.codec(), &value).map_err(failed)?
		},
		mode => {
			return Err(failed(DagJsonError::Text(format!(
				"there is no mode {mode}"
			))))
		},
	};
	let code = patch.cid.hash().code();
	let digest = match code {
		SHA2_256 => Some(sha256(&data).to_vec()),
		IDENTITY => Some(data.clone()),
		code => hashes::digest(code, &data),
	};
	let hash = digest
		.and_then(|digest| Multihash::wrap(code, &digest).ok())
		.ok_or_else(|| failed(DagJsonError::Codec(code)))?;
	let cid = Cid::new(patch.cid.version(), patch.cid.codec(), hash)
		.map_err(|error| failed(DagJsonError::Text(error.to_string())))?;
	Ok(Block { cid, data })
}

fn parse_cid(text: &str, number: usize) -> Result<Cid, PatchError> {
	text.trim()
		.parse()
		.map_err(|_| wrong(number, "a CID is expected"))
}

fn wrong(number: usize, what: &'static str) -> PatchError {
	PatchError::Line {
		line: number + 1,
		what,
	}
}
