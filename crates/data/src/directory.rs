//! Directories: one block, or a HAMT where the profile asks for it.

use std::collections::BTreeMap;

use crate::{
	block::Block,
	dag_pb::{PbLink, PbNode},
	hamt::{name_bits, place},
	piece::length_of,
	profile::{Measure, Profile},
	proto::varint_bytes,
	unixfs::{Child, Kind, Message, MURMUR3},
};

/// How many bits of a name's hash each level of a HAMT takes, and so many children a node can have.
const LEVEL_BITS: u32 = 8;
const FANOUT: u64 = 1 << LEVEL_BITS;

/// Why entries make no directory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
	/// Two entries have the same name.
	#[error("a directory has two entries named `{0}`")]
	Duplicate(String),
	/// A name is one that no file system has.
	#[error("{0:?} is no name for a directory's entry")]
	Name(String),
	/// All 64 bits of two names' hashes are equal.
	#[error("a directory with `{0}` and another entry of the same hash cannot become a HAMT")]
	Collision(String),
}

/// Collects a directory's entries, in any order.
#[derive(Clone, Debug, Default)]
pub struct DirectoryBuilder {
	profile: Profile,
	entries: BTreeMap<String, Child>,
}

impl DirectoryBuilder {
	/// A directory without entries.
	pub const fn new(profile: Profile) -> Self {
		Self {
			profile,
			entries: BTreeMap::new(),
		}
	}

	/// Adds an entry.
	pub fn insert(&mut self, name: String, entry: Child) -> Result<(), DirectoryError> {
		if !is_plain(&name) {
			return Err(DirectoryError::Name(name));
		}
		if self.entries.contains_key(&name) {
			return Err(DirectoryError::Duplicate(name));
		}
		self.entries.insert(name, entry);
		Ok(())
	}

	/// Makes the directory: its nodes are appended to `nodes`, the root last.
	pub fn finish(self, nodes: &mut Vec<Block>) -> Result<Child, DirectoryError> {
		let file_bytes = self
			.entries
			.values()
			.fold(0u64, |sum, entry| sum.saturating_add(entry.file_bytes));
		let root = if self.measure() > self.profile.directory_bytes {
			let entries: Vec<_> = self
				.entries
				.iter()
				.map(|(name, child)| (name_bits(name), name.as_str(), *child))
				.collect();
			shard(&self.profile, &entries, 0, nodes)?
		} else {
			let links = self
				.entries
				.iter()
				.map(|(name, child)| link(name.clone(), child));
			close(
				&self.profile,
				links.collect(),
				&Message::new(Kind::Directory),
				nodes,
			)
		};
		Ok(Child { file_bytes, ..root })
	}

	/// The size that decides whether the directory becomes a HAMT.
	fn measure(&self) -> u64 {
		let of_entry = |name: &str, child: &Child| {
			let name = length_of(name.as_bytes());
			let cid = crate::count(child.cid.encoded_len());
			match self.profile.directory_measure {
				Measure::Links => name.saturating_add(cid),
				Measure::Block => {
					let field =
						|bytes: u64| bytes.saturating_add(varint_bytes(bytes)).saturating_add(1);
					let size = varint_bytes(child.cumulative_bytes).saturating_add(1);
					field(field(cid).saturating_add(field(name)).saturating_add(size))
				},
			}
		};
		// The message of a directory takes four bytes.
		let message = match self.profile.directory_measure {
			Measure::Links => 0,
			Measure::Block => 4,
		};
		self.entries
			.iter()
			.map(|(name, child)| of_entry(name, child))
			.fold(message, u64::saturating_add)
	}
}

/// Whether a name is one of a file system's, which names an entry of its directory and nothing else.
pub fn is_plain(name: &str) -> bool {
	!name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0'])
}

/// A symbolic link's block is appended to `nodes`.
pub fn symlink(profile: &Profile, target: &[u8], nodes: &mut Vec<Block>) -> Child {
	let message = Message {
		data: Some(target.to_vec()),
		..Message::new(Kind::Symlink)
	};
	close(profile, Vec::new(), &message, nodes)
}

/// A node of a HAMT with all entries whose places agree on the levels above.
fn shard(
	profile: &Profile,
	entries: &[(u64, &str, Child)],
	level: u32,
	nodes: &mut Vec<Block>,
) -> Result<Child, DirectoryError> {
	let mut places: BTreeMap<u64, Vec<(u64, &str, Child)>> = BTreeMap::new();
	for entry in entries {
		let place = place(entry.0, level, LEVEL_BITS)
			.ok_or_else(|| DirectoryError::Collision(entry.1.to_owned()))?;
		places.entry(place).or_default().push(*entry);
	}
	// The bit field is one number: the lowest bit is the first place, and zeros in front are left out.
	let mut bits = [0u8; 32];
	let mut links = Vec::with_capacity(places.len());
	for (place, entries) in &places {
		let index = usize::try_from(*place).expect("a place is less than 256; qed");
		bits[31 - index / 8] |= 1 << (index % 8);
		links.push(match entries.as_slice() {
			[(_, name, child)] => link(format!("{place:02X}{name}"), child),
			several => {
				let child = shard(profile, several, level + 1, nodes)?;
				link(format!("{place:02X}"), &child)
			},
		});
	}
	let first = bits
		.iter()
		.position(|byte| *byte != 0)
		.unwrap_or(bits.len());
	let message = Message {
		data: Some(bits[first..].to_vec()),
		hash_type: Some(MURMUR3),
		fanout: Some(FANOUT),
		..Message::new(Kind::HamtShard)
	};
	Ok(close(profile, links, &message, nodes))
}

fn link(name: String, child: &Child) -> PbLink {
	PbLink {
		cid: child.cid,
		name: Some(name),
		cumulative_bytes: Some(child.cumulative_bytes),
	}
}

fn close(
	profile: &Profile,
	links: Vec<PbLink>,
	message: &Message,
	nodes: &mut Vec<Block>,
) -> Child {
	let below = links
		.iter()
		.filter_map(|link| link.cumulative_bytes)
		.fold(0, u64::saturating_add);
	let data = PbNode {
		links,
		data: Some(message.encode()),
	}
	.encode();
	let cid = profile.node_cid(&data);
	let cumulative_bytes = below.saturating_add(length_of(&data));
	nodes.push(Block { cid, data });
	Child {
		cid,
		file_bytes: 0,
		cumulative_bytes,
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::block::raw_cid;

	fn file() -> Child {
		Child {
			cid: raw_cid(b"x"),
			file_bytes: 1,
			cumulative_bytes: 1,
		}
	}

	fn directory(profile: Profile, names: &[&str]) -> (Child, Vec<Block>) {
		let mut builder = DirectoryBuilder::new(profile);
		for name in names {
			builder.insert((*name).to_owned(), file()).unwrap();
		}
		let mut nodes = Vec::new();
		(builder.finish(&mut nodes).unwrap(), nodes)
	}

	#[test]
	fn an_empty_directory_has_its_well_known_cid() {
		let cid = |profile| directory(profile, &[]).0.cid.to_string();
		assert_eq!(
			cid(Profile::UNIXFS_V1_2025),
			"bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354"
		);
		assert_eq!(
			cid(Profile::UNIXFS_V0_2015),
			"QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"
		);
	}

	#[test]
	fn a_symbolic_link_has_the_cid_of_the_gateways_fixture() {
		// The fixture's directory: `foo` with the bytes "content", and `bar`, which leads to `foo`.
		let profile = Profile::UNIXFS_V0_2015;
		let mut nodes = Vec::new();
		let link = symlink(&profile, b"foo", &mut nodes);
		assert_eq!(nodes.len(), 1);
		assert_eq!(
			nodes[0].data,
			[0x0a, 0x07, 0x08, 0x04, 0x12, 0x03, b'f', b'o', b'o']
		);
		assert_eq!(link.cumulative_bytes, 9);
	}

	#[test]
	fn the_order_of_insertion_does_not_matter() {
		let profile = Profile::default();
		assert_eq!(
			directory(profile, &["b", "a", "ab"]),
			directory(profile, &["ab", "b", "a"])
		);
	}

	#[test]
	fn the_measured_size_of_a_block_is_its_size() {
		let mut builder = DirectoryBuilder::new(Profile::default());
		for index in 0..300 {
			let child = Child {
				cumulative_bytes: 1 << (index % 50),
				..file()
			};
			builder.insert("n".repeat(index + 1), child).unwrap();
		}
		builder.profile.directory_bytes = u64::MAX;
		let measured = builder.measure();
		let mut nodes = Vec::new();
		builder.finish(&mut nodes).unwrap();
		assert_eq!(measured, length_of(&nodes[0].data));
	}

	#[test]
	fn a_directory_above_the_limit_becomes_a_hamt() {
		let mut profile = Profile::default();
		profile.directory_bytes = 200;
		let names: Vec<String> = (0..400).map(|index| format!("file-{index}")).collect();
		let names: Vec<&str> = names.iter().map(String::as_str).collect();
		let (root, nodes) = directory(profile, &names);
		assert!(nodes.len() > 1);
		assert_eq!(nodes.last().unwrap().cid, root.cid);
		assert_eq!(root.file_bytes, 400);
		let blocks: u64 = nodes.iter().map(|node| length_of(&node.data)).sum();
		assert_eq!(root.cumulative_bytes, blocks + 400);
	}

	#[test]
	fn names_that_lead_elsewhere_and_duplicates_are_refused() {
		let mut builder = DirectoryBuilder::new(Profile::default());
		for name in ["", ".", "..", "a/b", "/", "a\0"] {
			let refused = builder.insert(name.into(), file());
			assert_eq!(refused, Err(DirectoryError::Name(name.into())));
		}
		builder.insert("a".into(), file()).unwrap();
		assert_eq!(
			builder.insert("a".into(), file()),
			Err(DirectoryError::Duplicate("a".into()))
		);
	}

	#[test]
	fn names_that_cannot_be_told_apart_by_their_hash_are_refused() {
		let entries = [(5, "one", file()), (5, "two", file())];
		let refused = shard(&Profile::default(), &entries, 0, &mut Vec::new());
		assert_eq!(refused, Err(DirectoryError::Collision("one".into())));
	}
}
