//! Builds a file's balanced DAG while its leaves go by.

use cid::Cid;

use crate::{
	block::Block,
	piece::length_of,
	profile::Profile,
	unixfs::{Child, FileNode},
};

/// Takes a file's leaves in order and makes the nodes above them, children before their parents. Holds at
/// most one unfinished node for each level.
#[derive(Clone, Debug, Default)]
pub struct DagBuilder {
	profile: Profile,
	levels: Vec<Vec<Child>>,
}

impl DagBuilder {
	/// A builder without leaves, for the default profile.
	pub fn new() -> Self {
		Self::default()
	}

	/// A builder without leaves.
	pub const fn with_profile(profile: Profile) -> Self {
		Self {
			profile,
			levels: Vec::new(),
		}
	}

	/// Adds a raw leaf of `file_bytes` bytes; nodes that are now full are appended to `nodes`.
	pub fn push_leaf(&mut self, cid: Cid, file_bytes: u64, nodes: &mut Vec<Block>) {
		self.push_child(
			Child {
				cid,
				file_bytes,
				cumulative_bytes: file_bytes,
			},
			nodes,
		);
	}

	/// Adds a leaf; nodes that are now full are appended to `nodes`.
	pub fn push_child(&mut self, leaf: Child, nodes: &mut Vec<Block>) {
		self.push(0, leaf, nodes);
	}

	/// Ends the file: the remaining nodes are appended to `nodes`, the root last. Returns the root's CID,
	/// or `None` if there were no leaves. All leaves are equally deep; a single leaf is its own root.
	pub fn finish(self, nodes: &mut Vec<Block>) -> Option<Cid> {
		self.finish_root(nodes).map(|root| root.cid)
	}

	/// Does the same and tells the root's sizes, too.
	pub fn finish_root(mut self, nodes: &mut Vec<Block>) -> Option<Child> {
		let mut level = 0;
		loop {
			let is_top = level + 1 >= self.levels.len();
			let children = self.levels.get_mut(level)?;
			if let (true, [root]) = (is_top, children.as_slice()) {
				return Some(*root);
			}
			if !children.is_empty() {
				let children = std::mem::take(children);
				self.close(level, children, nodes);
			}
			level += 1;
		}
	}

	fn push(&mut self, level: usize, child: Child, nodes: &mut Vec<Block>) {
		if self.levels.len() <= level {
			self.levels.resize_with(level + 1, Vec::new);
		}
		self.levels[level].push(child);
		if self.levels[level].len() == self.profile.max_links {
			let children = std::mem::take(&mut self.levels[level]);
			self.close(level, children, nodes);
		}
	}

	/// Makes a node of the children and hands it to the level above.
	fn close(&mut self, level: usize, children: Vec<Child>, nodes: &mut Vec<Block>) {
		let node = FileNode { children };
		let data = node.encode();
		let below = node.children.iter().fold(0u64, |sum, child| {
			sum.saturating_add(child.cumulative_bytes)
		});
		let child = Child {
			cid: self.profile.node_cid(&data),
			file_bytes: node.file_bytes().unwrap_or(u64::MAX),
			cumulative_bytes: below.saturating_add(length_of(&data)),
		};
		nodes.push(Block {
			cid: child.cid,
			data,
		});
		self.push(level + 1, child, nodes);
	}
}

#[cfg(test)]
mod tests {
	use super::*;
	use crate::block::{cid_from_digest, RAW};

	fn build(leaves: u64) -> (Option<Cid>, Vec<Block>) {
		let mut builder = DagBuilder::new();
		let mut nodes = Vec::new();
		for index in 0..leaves {
			let mut digest = [0; 32];
			digest[..8].copy_from_slice(&index.to_le_bytes());
			builder.push_leaf(cid_from_digest(RAW, &digest), 10, &mut nodes);
		}
		(builder.finish(&mut nodes), nodes)
	}

	#[test]
	fn no_leaves_have_no_root_and_one_is_its_own() {
		assert_eq!(build(0), (None, vec![]));
		assert_eq!(build(1), (Some(cid_from_digest(RAW, &[0; 32])), vec![]));
	}

	#[test]
	fn the_root_is_the_last_node_and_speaks_for_the_whole_file() {
		for (leaves, expected_nodes) in [
			(2, 1),
			(1023, 1),
			(1024, 1),
			(1025, 3),
			(2048, 3),
			(2049, 4),
			(1024 * 1024 + 1, 1024 + 1 + 1 + 1 + 1),
		] {
			let (root, nodes) = build(leaves);
			assert_eq!(nodes.len(), expected_nodes, "{leaves}");
			let last = nodes.last().unwrap();
			assert_eq!(root, Some(last.cid));
			let root = FileNode::decode(&last.data).unwrap();
			assert_eq!(root.file_bytes(), Some(leaves * 10));
			let blocks: u64 = nodes.iter().map(|node| length_of(&node.data)).sum();
			let below: u64 = root
				.children
				.iter()
				.map(|child| child.cumulative_bytes)
				.sum();
			assert_eq!(below + length_of(&last.data), leaves * 10 + blocks);
		}
	}

	#[test]
	fn a_lone_last_leaf_is_as_deep_as_the_others() {
		let (_, nodes) = build(1025);
		let root = FileNode::decode(&nodes.last().unwrap().data).unwrap();
		assert_eq!(root.children.len(), 2);
		let last = nodes
			.iter()
			.find(|node| node.cid == root.children[1].cid)
			.unwrap();
		assert_eq!(FileNode::decode(&last.data).unwrap().children.len(), 1);
	}
}
