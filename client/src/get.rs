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
use holdfast_data::{car::CarError, unpack::resume_point, UnpackError, Unpacker};
use serde::Serialize;
use thiserror::Error;
use tokio::runtime::Handle;

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

/// How a file is to be fetched.
#[derive(Clone, Debug, Default)]
pub struct GetOptions {
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
	/// The task that writes the file broke down.
	#[error("writing the file broke down")]
	Task(#[from] tokio::task::JoinError),
}

impl GetError {
	/// Whether the data came and was wrong, as opposed to not coming at all.
	pub const fn is_refusal(&self) -> bool {
		matches!(self, Self::Refused(_))
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
	let target = options
		.output
		.clone()
		.unwrap_or_else(|| PathBuf::from(&ticket.name));
	if target.exists() && !options.overwrite {
		return Err(GetError::Exists(target));
	}
	let (events, mut stream) = tokio::sync::mpsc::unbounded_channel();
	let (job, path, runtime) = (ticket.clone(), target.clone(), Handle::current());
	let writing = tokio::task::spawn_blocking(move || {
		// Nobody listening only means that nobody is shown the progress.
		fetch(&job, &path, &runtime, &|event| drop(events.send(event)))
	});
	while let Some(event) = stream.recv().await {
		report(event);
	}
	writing.await??;
	Ok(target)
}

fn fetch(
	ticket: &Ticket,
	target: &Path,
	runtime: &Handle,
	report: &dyn Fn(GetEvent),
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
		report(GetEvent::Resumed { bytes: begin });
	}

	let mut behind: u64 = lengths[..first]
		.iter()
		.copied()
		.fold(0, u64::saturating_add);
	for (index, shard) in ticket.shards.iter().enumerate().skip(first) {
		let start = if index == first { offset } else { 0 };
		let counted = |done: u64| {
			report(GetEvent::Fetching {
				done: behind.saturating_add(done),
				total,
			});
		};
		let reader = PieceReader {
			api: ProviderApi::new(&shard.url)?,
			shard,
			runtime,
			position: start,
			stream: None,
			current: Bytes::new(),
			failures: 0,
			counted: &counted,
			report,
		};
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

/// A piece's CAR as it comes over HTTP; a broken connection is taken up again where it broke.
struct PieceReader<'a> {
	api: ProviderApi,
	shard: &'a TicketShard,
	runtime: &'a Handle,
	position: u64,
	stream: Option<BoxStream<'static, reqwest::Result<Bytes>>>,
	current: Bytes,
	failures: u32,
	counted: &'a dyn Fn(u64),
	report: &'a dyn Fn(GetEvent),
}

impl PieceReader<'_> {
	/// The next bytes; none at the piece's end.
	fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
		loop {
			if self.position >= self.shard.car_bytes {
				return Ok(None);
			}
			match self.runtime.block_on(self.receive()) {
				Ok(bytes) => {
					self.failures = 0;
					return Ok(Some(bytes));
				},
				Err(error) if error.is_transient() && self.failures < ATTEMPTS => {
					(self.report)(GetEvent::Retrying {
						reason: error.to_string(),
					});
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

impl Read for PieceReader<'_> {
	fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
		while !self.current.has_remaining() {
			match self.next().map_err(io::Error::other)? {
				Some(bytes) => self.current = bytes,
				None => return Ok(0),
			}
		}
		let length = self.current.len().min(buffer.len());
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
