//! Fetching a folder, or what a path in it names: its nodes first, then the parts of its pieces that are
//! needed.

use std::{
	fs,
	io::{self, Read},
	path::Path,
};

use holdfast_data::{
	car::CarError,
	folder::Position,
	folder_fetch::{FolderFetchError, FolderPlan, FolderShards, ShardSource},
};
use tokio::{runtime::Handle, sync::mpsc::UnboundedSender};

use super::{partial_path, send, GetError, GetEvent, PieceReader};
use crate::{
	api::ApiError,
	ticket::{FolderNodes, Ticket},
};

/// Fetches beside the target, where an earlier attempt's files are kept, and then gives it its name.
pub(super) fn fetch(
	ticket: &Ticket,
	nodes: FolderNodes,
	path: &str,
	target: &Path,
	runtime: &Handle,
	events: &UnboundedSender<GetEvent>,
) -> Result<(), GetError> {
	let shards = FolderShards {
		root: ticket.root,
		car_bytes: ticket.shards.iter().map(|shard| shard.car_bytes).collect(),
		nodes: Position {
			shard: usize::try_from(nodes.shard).unwrap_or(usize::MAX),
			offset: nodes.offset,
		},
		file_bytes: ticket.size,
	};
	let mut pieces = Pieces {
		ticket,
		runtime,
		events,
	};
	let partial = partial_path(target);
	let mut plan = FolderPlan::read(&shards, &mut pieces).map_err(refused)?;
	plan.fetch(path, &partial, &mut pieces, &mut |done, total| {
		send(events, GetEvent::Fetching { done, total });
	})
	.map_err(refused)?;
	settle(&partial, target).map_err(|source| GetError::Output {
		path: target.into(),
		source,
	})
}

/// Puts what was fetched in the target's place. What is there already was meant to be replaced.
pub(super) fn settle(partial: &Path, target: &Path) -> io::Result<()> {
	match fs::symlink_metadata(target) {
		Ok(there) if there.is_dir() => fs::remove_dir_all(target)?,
		Ok(_) => fs::remove_file(target)?,
		Err(error) if error.kind() == io::ErrorKind::NotFound => {},
		Err(error) => return Err(error),
	}
	fs::rename(partial, target)
}

fn refused(error: FolderFetchError) -> GetError {
	match error {
		FolderFetchError::Car(CarError::Read(error)) => match error.downcast::<ApiError>() {
			Ok(error) => GetError::Api(error),
			Err(source) => GetError::Folder(FolderFetchError::Car(CarError::Read(source))),
		},
		FolderFetchError::Output { path, source } => GetError::Output { path, source },
		error => GetError::Folder(error),
	}
}

/// A ticket's pieces, read over HTTP.
struct Pieces<'a> {
	ticket: &'a Ticket,
	runtime: &'a Handle,
	events: &'a UnboundedSender<GetEvent>,
}

impl ShardSource for Pieces<'_> {
	fn open(&mut self, shard: usize, start: u64, end: u64) -> io::Result<Box<dyn Read>> {
		let shard = self
			.ticket
			.shards
			.get(shard)
			.ok_or_else(|| io::Error::other("the ticket has no such piece"))?;
		let reader = PieceReader::new(shard, start, end, self.runtime, self.events)
			.map_err(io::Error::other)?;
		Ok(Box::new(reader))
	}
}
