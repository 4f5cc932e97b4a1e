//! Fetching a file: every block is checked as it streams in, and the file appears under its name only when
//! it is whole and right.

use std::{
	fs::{self, OpenOptions},
	io::{self, BufReader, Read, Seek, SeekFrom},
	path::{Path, PathBuf},
	time::Duration,
};

use bytes::{Buf, Bytes};
use futures::{stream::BoxStream, StreamExt};
use holdfast_data::{
	car::CarError, folder_fetch::FolderFetchError, unpack::resume_point, walk::path_names,
	UnpackError, Unpacker,
};
use serde::Serialize;
use thiserror::Error;
use tokio::{runtime::Handle, sync::mpsc::UnboundedSender};

mod dag;
mod folder;

pub use dag::{get_dag, DagError};

use crate::{
	api::{ApiError, ProviderApi},
	ticket::{Ticket, TicketShard},
};

/// How often a download is taken up again without a byte in between.
const ATTEMPTS: u32 = 6;
/// The first pause before a download is taken up again; it doubles each time.
const PAUSE: Duration = Duration::from_millis(500);
/// What a file is called while it is not whole.
const PARTIAL: &str = "partial";

/// How a file or folder is to be fetched.
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
	/// What of a folder; empty for all of it.
	pub path: String,
	/// Where to write it; `None` for the ticket's name in the current folder.
	pub output: Option<PathBuf>,
	/// Whether a file that is there already may be replaced.
	pub overwrite: bool,
}

/// What happens while a file is fetched.
#[derive(Clone, Debug, Serialize)]
#[serde(
	rename_all = "camelCase",
	rename_all_fields = "camelCase",
	tag = "stage"
)]
pub enum GetEvent {
	/// An earlier attempt's bytes were checked and are kept.
	Resumed {
		/// How many.
		bytes: u64,
	},
	/// Bytes came in, and their blocks are right.
	Fetching {
		/// The bytes of pieces so far.
		done: u64,
		/// The bytes of all pieces.
		total: u64,
	},
	/// The connection broke and is taken up again.
	Retrying {
		/// What went wrong.
		reason: String,
	},
}

/// Why a file was not fetched.
#[derive(Debug, Error)]
pub enum GetError {
	/// Something is there already.
	#[error(
		"{0} exists already: choose another name with --output, or replace it with --overwrite"
	)]
	Exists(PathBuf),
	/// The file cannot be written.
	#[error("cannot write {path}: {source}")]
	Output {
		/// The file.
		path: PathBuf,
		/// What the operating system said.
		source: io::Error,
	},
	/// The provider refused or cannot be reached.
	#[error(transparent)]
	Api(#[from] ApiError),
	/// What came is not the file.
	#[error("the provider's data is refused: {0}")]
	Refused(#[source] UnpackError),
	/// What came is not the folder, or the path names nothing in it.
	#[error(transparent)]
	Folder(FolderFetchError),
	/// What came is not the DAG.
	#[error("the provider's data is refused: {0}")]
	Dag(#[from] DagError),
	/// A file has nothing in it that a path could name.
	#[error("`{0}` names nothing: the ticket is of a file")]
	Path(String),
	/// The task that writes the file broke down.
	#[error("writing the file broke down")]
	Task(#[from] tokio::task::JoinError),
}

impl GetError {
	/// Whether the data came and was wrong, as opposed to not coming at all.
	pub const fn is_refusal(&self) -> bool {
		matches!(self, Self::Refused(_) | Self::Folder(_) | Self::Dag(_))
	}
}

/// Fetches the file that `ticket` names. Returns where it is.
///
/// An interrupted download goes on where it was, at the last whole block.
pub async fn get(
	ticket: &Ticket,
	options: &GetOptions,
	report: &(dyn Fn(GetEvent) + Send + Sync),
) -> Result<PathBuf, GetError> {
	if ticket.folder.is_none() && path_names(&options.path).next().is_some() {
		return Err(GetError::Path(options.path.clone()));
	}
	let target = options.output.clone().unwrap_or_else(|| {
		let name = path_names(&options.path).last();
		PathBuf::from(name.unwrap_or(&ticket.name))
	});
	if target.exists() && !options.overwrite {
		return Err(GetError::Exists(target));
	}
	let (job, path, within) = (ticket.clone(), target.clone(), options.path.clone());
	in_background(report, move |runtime, events| match &job.folder {
		Some(nodes) => folder::fetch(&job, *nodes, &within, &path, runtime, events),
		None => fetch(&job, &path, runtime, events),
	})
	.await?;
	Ok(target)
}

/// Runs what blocks beside, and reports what happens there.
async fn in_background(
	report: &(dyn Fn(GetEvent) + Send + Sync),
	job: impl FnOnce(&Handle, &UnboundedSender<GetEvent>) -> Result<(), GetError> + Send + 'static,
) -> Result<(), GetError> {
	let (events, mut stream) = tokio::sync::mpsc::unbounded_channel();
	let runtime = Handle::current();
	let writing = tokio::task::spawn_blocking(move || job(&runtime, &events));
	while let Some(event) = stream.recv().await {
		report(event);
	}
	writing.await?
}

fn fetch(
	ticket: &Ticket,
	target: &Path,
	runtime: &Handle,
	events: &UnboundedSender<GetEvent>,
) -> Result<(), GetError> {
	let partial = partial_path(target);
	let failed = |source| GetError::Output {
		path: partial.clone(),
		source,
	};
	let mut file = OpenOptions::new()
		.create(true)
		.truncate(false)
		.read(true)
		.write(true)
		.open(&partial)
		.map_err(failed)?;
	let lengths: Vec<u64> = ticket.shards.iter().map(|shard| shard.car_bytes).collect();
	let total = lengths.iter().copied().fold(0, u64::saturating_add);

	let output = file.try_clone().map_err(failed)?;
	let mut unpacker = Unpacker::new(ticket.root, ticket.size, output);
	let kept = unpacker
		.resume(BufReader::new(file.try_clone().map_err(failed)?))
		.map_err(GetError::Refused)?;
	let (first, offset) = match resume_point(&lengths, kept) {
		Some(point) if kept > 0 => point,
		_ => {
			unpacker = Unpacker::new(ticket.root, ticket.size, file.try_clone().map_err(failed)?);
			(0, 0)
		},
	};
	// The clones share one position: what follows goes on behind what is kept.
	let begin = if (first, offset) == (0, 0) { 0 } else { kept };
	file.set_len(begin).map_err(failed)?;
	file.seek(SeekFrom::Start(begin)).map_err(failed)?;
	if begin > 0 {
		send(events, GetEvent::Resumed { bytes: begin });
	}

	let mut behind: u64 = lengths[..first]
		.iter()
		.copied()
		.fold(0, u64::saturating_add);
	for (index, shard) in ticket.shards.iter().enumerate().skip(first) {
		let start = if index == first { offset } else { 0 };
		let already = behind;
		let counted = events.clone();
		let reader = PieceReader::new(shard, start, shard.car_bytes, runtime, events)?.counting(
			move |done: u64| {
				let done = already.saturating_add(done);
				send(&counted, GetEvent::Fetching { done, total });
			},
		);
		let taken = if start == 0 {
			unpacker.shard(reader)
		} else {
			unpacker.shard_from(reader, start)
		};
		taken.map_err(|error| refused(error, &partial, begin))?;
		behind = behind.saturating_add(shard.car_bytes);
	}
	unpacker
		.finish()
		.map_err(|error| refused(error, &partial, begin))?;
	file.sync_all().map_err(failed)?;
	fs::rename(&partial, target).map_err(|source| GetError::Output {
		path: target.into(),
		source,
	})
}

/// Tells a broken connection from wrong data. What an earlier attempt left may be what is wrong, so it is
/// not used again then.
fn refused(error: UnpackError, partial: &Path, kept: u64) -> GetError {
	match error {
		UnpackError::Car(CarError::Read(error)) => match error.downcast::<ApiError>() {
			Ok(error) => GetError::Api(error),
			Err(source) => GetError::Refused(UnpackError::Car(CarError::Read(source))),
		},
		UnpackError::Output(source) => GetError::Output {
			path: partial.into(),
			source,
		},
		error => {
			if kept > 0 {
				// A file that cannot be removed is found out about at the next attempt.
				let _ = fs::remove_file(partial);
			}
			GetError::Refused(error)
		},
	}
}

fn partial_path(target: &Path) -> PathBuf {
	let mut name = target.file_name().unwrap_or_default().to_owned();
	name.push(".");
	name.push(PARTIAL);
	target.with_file_name(name)
}

/// Nobody listening only means that nobody is shown the progress.
fn send(events: &UnboundedSender<GetEvent>, event: GetEvent) {
	drop(events.send(event));
}

/// A part of a piece's CAR as it comes over HTTP; a broken connection is taken up again where it broke.
struct PieceReader {
	api: ProviderApi,
	shard: TicketShard,
	runtime: Handle,
	position: u64,
	end: u64,
	stream: Option<BoxStream<'static, reqwest::Result<Bytes>>>,
	current: Bytes,
	failures: u32,
	counted: Box<dyn Fn(u64)>,
	events: UnboundedSender<GetEvent>,
}

impl PieceReader {
	/// The bytes of a piece's CAR from `start` up to `end`.
	fn new(
		shard: &TicketShard,
		start: u64,
		end: u64,
		runtime: &Handle,
		events: &UnboundedSender<GetEvent>,
	) -> Result<Self, ApiError> {
		Ok(Self {
			api: ProviderApi::new(&shard.url)?,
			shard: shard.clone(),
			runtime: runtime.clone(),
			position: start,
			end,
			stream: None,
			current: Bytes::new(),
			failures: 0,
			counted: Box::new(|_| ()),
			events: events.clone(),
		})
	}

	/// Tells the position after each read.
	fn counting(mut self, counted: impl Fn(u64) + 'static) -> Self {
		self.counted = Box::new(counted);
		self
	}

	/// The next bytes; none at the piece's end.
	fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
		loop {
			if self.position >= self.end {
				return Ok(None);
			}
			let runtime = self.runtime.clone();
			match runtime.block_on(self.receive()) {
				Ok(bytes) => {
					self.failures = 0;
					return Ok(Some(bytes));
				},
				Err(error) if error.is_transient() && self.failures < ATTEMPTS => {
					let reason = error.to_string();
					send(&self.events, GetEvent::Retrying { reason });
					self.stream = None;
					std::thread::sleep(PAUSE.saturating_mul(1 << self.failures));
					self.failures = self.failures.saturating_add(1);
				},
				Err(error) => return Err(error),
			}
		}
	}

	async fn receive(&mut self) -> Result<Bytes, ApiError> {
		if self.stream.is_none() {
			let answer = self
				.api
				.piece(&self.shard.piece.commitment, self.position)
				.await?;
			self.stream = Some(answer.bytes_stream().boxed());
		}
		let broken = ApiError::Interrupted {
			url: self.api.url().to_owned(),
		};
		match &mut self.stream {
			Some(stream) => match stream.next().await {
				Some(Ok(bytes)) => Ok(bytes),
				Some(Err(_)) | None => Err(broken),
			},
			None => Err(broken),
		}
	}
}

impl Read for PieceReader {
	fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
		while !self.current.has_remaining() {
			match self.next().map_err(io::Error::other)? {
				Some(bytes) => self.current = bytes,
				None => return Ok(0),
			}
		}
		let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
		let length = self.current.len().min(buffer.len()).min(left);
		if length == 0 {
			return Ok(0);
		}
		self.current.copy_to_slice(&mut buffer[..length]);
		self.position = self
			.position
			.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
		(self.counted)(self.position);
		Ok(length)
	}
}

#[cfg(test)]
mod tests;
