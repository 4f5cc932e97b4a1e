//! A part of a DAG as a CAR, block by block: the next one is read when the client has taken the one before.

use std::{collections::HashSet, sync::Arc};

use bytes::Bytes;
use cid::Cid;
use futures::stream;
use holdfast_data::{
	block::{DAG_PB, IDENTITY},
	car::{CarHeader, CarWriter},
	unixfs::{Node, ShardChild},
	walk,
};

use super::{read_block, request::Scope, MAX_BLOCKS};
use crate::app::App;

/// The bytes of a file, from the first to the last.
pub(super) type Range = (u64, u64);

/// Where a walk begins.
pub(super) struct Start {
	pub root: Cid,
	/// The blocks on the path, what it names last.
	pub trail: Vec<(Cid, Vec<u8>)>,
	pub scope: Scope,
	/// Of a file only these bytes.
	pub range: Option<Range>,
	pub repeats: bool,
}

struct Walk {
	app: Arc<App>,
	/// Blocks on a path, and the one that it names, the next one last.
	ready: Vec<(Cid, Vec<u8>)>,
	/// What is sent after that, the next one last.
	pending: Vec<(Cid, Option<Range>)>,
	/// What was sent, unless blocks are repeated.
	sent: HashSet<Cid>,
	visited: usize,
	scope: Scope,
	range: Option<Range>,
	repeats: bool,
	header: Option<Vec<u8>>,
}

/// A CAR with the blocks on a path, and of the last of them, and what is below it, as much as is wanted:
/// parents first, depth first, each block once unless they are repeated. A block that is not here ends the
/// stream with an error: the client sees that it is cut short.
pub(super) fn car_stream(
	app: Arc<App>,
	start: Start,
) -> impl futures::Stream<Item = Result<Bytes, std::io::Error>> {
	let mut ready = start.trail;
	ready.reverse();
	let walk = Walk {
		app,
		ready,
		pending: Vec::new(),
		sent: HashSet::new(),
		visited: 0,
		scope: start.scope,
		range: start.range,
		repeats: start.repeats,
		header: Some(
			CarHeader {
				roots: vec![start.root],
			}
			.encode(),
		),
	};
	stream::try_unfold(walk, |mut walk| async move {
		if let Some(header) = walk.header.take() {
			return Ok(Some((Bytes::from(header), walk)));
		}
		while let Some((cid, data)) = walk.next().await? {
			// Their bytes are in the link already.
			if cid.hash().code() == IDENTITY {
				continue;
			}
			if walk.repeats || walk.sent.insert(cid) {
				return Ok(Some((section(&cid, &data)?, walk)));
			}
		}
		Ok::<_, std::io::Error>(None)
	})
}

impl Walk {
	/// The next block, once what is below it is noted.
	async fn next(&mut self) -> Result<Option<(Cid, Vec<u8>)>, std::io::Error> {
		// Of the blocks on a path only the last has anything below it that is wanted.
		let (cid, data, below) = match self.ready.pop() {
			Some((cid, data)) => (cid, data, self.ready.is_empty().then_some(self.range)),
			None => {
				let (cid, range) = loop {
					match self.pending.pop() {
						None => return Ok(None),
						// It came up deeper in the meantime.
						Some((cid, range)) if !self.is_wanted(&cid, range) => {},
						Some(next) => break next,
					}
				};
				let data = read_block(&self.app, &cid)
					.await
					.map_err(|_| std::io::Error::other("the database failed"))?
					.ok_or_else(|| std::io::Error::other(format!("{cid} is not here")))?;
				(cid, data, Some(range))
			},
		};
		self.visited = self.visited.saturating_add(1);
		if self.visited > MAX_BLOCKS {
			return Err(std::io::Error::other("the DAG has too many blocks"));
		}
		if let Some(range) = below {
			for (link, range) in links(&cid, &data, self.scope, range).into_iter().rev() {
				if self.is_wanted(&link, range) {
					self.pending.push((link, range));
				}
			}
			if self.pending.len() > MAX_BLOCKS {
				return Err(std::io::Error::other("the DAG has too many blocks"));
			}
		}
		Ok(Some((cid, data)))
	}

	/// Whether a link is still to be followed. A node may be needed again for another range of it.
	fn is_wanted(&self, cid: &Cid, range: Option<Range>) -> bool {
		self.repeats || (range.is_some() && cid.codec() == DAG_PB) || !self.sent.contains(cid)
	}
}

/// The links of a block that are followed. What is of another codec, or malformed, has none.
fn links(cid: &Cid, data: &[u8], scope: Scope, range: Option<Range>) -> Vec<(Cid, Option<Range>)> {
	let whole = |cid| (cid, None);
	match scope {
		Scope::Block => Vec::new(),
		Scope::All => walk::links(cid, data).into_iter().map(whole).collect(),
		Scope::Entity(_) => match Node::decode(cid, data) {
			Ok(Node::File { data, children }) => {
				let Some((first, last)) = range else {
					return children.iter().map(|child| whole(child.cid)).collect();
				};
				let mut begin = u64::try_from(data.len()).unwrap_or(u64::MAX);
				let mut wanted = Vec::new();
				for child in children {
					let end = begin.saturating_add(child.file_bytes);
					if begin <= last && first < end {
						// Both ends as the child counts.
						let from = first.saturating_sub(begin);
						let to = last.min(end.saturating_sub(1)).saturating_sub(begin);
						wanted.push((child.cid, Some((from, to))));
					}
					begin = end;
				}
				wanted
			},
			Ok(Node::Shard(shard)) => shard
				.links
				.iter()
				.filter(|link| matches!(shard.child(link), Ok((_, ShardChild::Shard))))
				.map(|link| whole(link.cid))
				.collect(),
			Ok(Node::Directory(_) | Node::Symlink(_)) | Err(_) => Vec::new(),
		},
	}
}

/// How many bytes the file has that begins with this block. `None` if it is no file.
pub(super) fn file_bytes(cid: &Cid, data: &[u8]) -> Option<u64> {
	match Node::decode(cid, data) {
		Ok(Node::File { data, children }) => children
			.iter()
			.try_fold(u64::try_from(data.len()).ok()?, |sum, child| {
				sum.checked_add(child.file_bytes)
			}),
		_ => None,
	}
}

/// A block as a CAR has it.
fn section(cid: &Cid, data: &[u8]) -> Result<Bytes, std::io::Error> {
	let mut whole = CarWriter::new(Vec::new(), Vec::new())?;
	let header = usize::try_from(whole.written()).map_err(std::io::Error::other)?;
	whole.write_block(cid, data)?;
	Ok(Bytes::from(whole.finish()?).slice(header..))
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use holdfast_data::{
		block,
		unixfs::{Child, FileNode},
	};

	const ENTITY: Scope = Scope::Entity(None);

	#[test]
	fn sections_are_those_of_a_whole_car() {
		let cid = block::raw_cid(b"data");
		let mut car = CarWriter::new(Vec::new(), vec![cid]).unwrap();
		car.write_block(&cid, b"data").unwrap();
		let expected = car.finish().unwrap();
		let mut built = CarHeader { roots: vec![cid] }.encode();
		built.extend_from_slice(&section(&cid, b"data").unwrap());
		assert_eq!(built, expected);
	}

	#[test]
	fn a_directorys_entity_has_its_own_blocks_only() {
		let data = [0x0a, 0x02, 0x08, 0x01];
		let empty = block::dag_pb_cid(&data);
		let entry = Child {
			cid: empty,
			file_bytes: 0,
			cumulative_bytes: 4,
		};
		let mut builder = holdfast_data::directory::DirectoryBuilder::default();
		builder.insert("sub".into(), entry).unwrap();
		let mut nodes = Vec::new();
		let root = builder.finish(&mut nodes).unwrap().cid;
		let data = &nodes[0].data;
		assert_eq!(links(&root, data, Scope::All, None), [(empty, None)]);
		assert_eq!(links(&root, data, ENTITY, None), []);
		assert_eq!(links(&root, data, Scope::Block, None), []);
		assert_eq!(file_bytes(&root, data), None);
	}

	#[test]
	fn a_range_takes_the_least_children() {
		let children: Vec<_> = (0..5u8)
			.map(|number| Child {
				cid: block::raw_cid(&[number]),
				file_bytes: if number == 4 { 2 } else { 256 },
				cumulative_bytes: 1,
			})
			.collect();
		let node = FileNode { children }.encode();
		let cid = block::dag_pb_cid(&node);
		assert_eq!(file_bytes(&cid, &node), Some(1026));
		let taken = |first, last| -> Vec<(u8, Range)> {
			links(&cid, &node, ENTITY, Some((first, last)))
				.into_iter()
				.map(|(link, range)| {
					let number = (0..5u8)
						.find(|number| link == block::raw_cid(&[*number]))
						.unwrap();
					(number, range.unwrap())
				})
				.collect()
		};
		assert_eq!(taken(0, 0), [(0, (0, 0))]);
		assert_eq!(taken(512, 1023), [(2, (0, 255)), (3, (0, 255))]);
		assert_eq!(taken(255, 256), [(0, (255, 255)), (1, (0, 0))]);
		assert_eq!(taken(1021, 1025), [(3, (253, 255)), (4, (0, 1))]);
		assert_eq!(links(&cid, &node, ENTITY, None).len(), 5);
	}
}
