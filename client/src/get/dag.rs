//! Fetching by CID and path from a provider's gateway: every block is checked as it streams in.

use std::{
	io::{self, Read},
	path::PathBuf,
};

use bytes::{Buf, Bytes};
use futures::{stream::BoxStream, StreamExt};
use holdfast_data::{
	blocks::{FetchError, StreamedCar},
	car::{CarError, Limits},
	extract::{extract, ExtractError, ExtractOptions},
	walk::{path_names, resolve, WalkError},
	Cid,
};
use thiserror::Error;
use tokio::runtime::Handle;

use super::{folder::settle, in_background, partial_path, send, GetError, GetEvent, GetOptions};
use crate::api::{ApiError, ProviderApi};

/// How much of a stream may wait for its turn.
const KEPT_BYTES: usize = 16 << 20;

/// Why what came is not the DAG.
#[derive(Debug, Error)]
pub enum DagError {
	/// It is no CAR, or has a corrupt block.
	#[error(transparent)]
	Car(#[from] CarError),
	/// The path names nothing in it.
	#[error(transparent)]
	Walk(#[from] WalkError),
	/// It cannot be extracted.
	#[error(transparent)]
	Extract(#[from] ExtractError),
}

/// Fetches what `options.path` names below `root` from the gateway at `url`. Returns where it is.
pub async fn get_dag(
	url: &str,
	root: &Cid,
	options: &GetOptions,
	report: &(dyn Fn(GetEvent) + Send + Sync),
) -> Result<PathBuf, GetError> {
	let target = options.output.clone().unwrap_or_else(|| {
		let name = path_names(&options.path).last().map(str::to_owned);
		PathBuf::from(name.unwrap_or_else(|| root.to_string()))
	});
	if target.exists() && !options.overwrite {
		return Err(GetError::Exists(target));
	}
	let api = ProviderApi::new(url)?;
	let answer = api.dag(root, &options.path).await?;
	let (root, path, into) = (*root, options.path.clone(), target.clone());
	let url = url.to_owned();
	in_background(report, move |runtime, events| {
		let reader = StreamReader {
			stream: answer.bytes_stream().boxed(),
			current: Bytes::new(),
			runtime: runtime.clone(),
			url,
		};
		let partial = partial_path(&into);
		let mut blocks =
			StreamedCar::new(reader, Limits::default(), KEPT_BYTES).map_err(DagError::Car)?;
		let (cid, _) = resolve(&mut blocks, &root, &path).map_err(DagError::Walk)?;
		let extracting = ExtractOptions {
			overwrite: true,
			..ExtractOptions::default()
		};
		extract(&mut blocks, &cid, &partial, &extracting, &mut |done| {
			send(events, GetEvent::Fetching { done, total: done });
		})
		.map_err(broken)?;
		settle(&partial, &into).map_err(|source| GetError::Output { path: into, source })
	})
	.await?;
	Ok(target)
}

/// Tells a broken connection, and a disk that does not take what came, from wrong data.
fn broken(error: ExtractError) -> GetError {
	match error {
		ExtractError::Output { path, source } => GetError::Output { path, source },
		ExtractError::Fetch { path, error } => match *error {
			FetchError::Car(CarError::Read(error)) => match error.downcast::<ApiError>() {
				Ok(error) => GetError::Api(error),
				Err(source) => GetError::Output { path, source },
			},
			error => {
				let error = Box::new(error);
				GetError::Dag(DagError::Extract(ExtractError::Fetch { path, error }))
			},
		},
		error => GetError::Dag(DagError::Extract(error)),
	}
}

/// An answer's body as it comes.
struct StreamReader {
	stream: BoxStream<'static, reqwest::Result<Bytes>>,
	current: Bytes,
	runtime: Handle,
	url: String,
}

impl Read for StreamReader {
	fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
		while !self.current.has_remaining() {
			match self.runtime.block_on(self.stream.next()) {
				Some(Ok(bytes)) => self.current = bytes,
				Some(Err(_)) => {
					let url = self.url.clone();
					return Err(io::Error::other(ApiError::Interrupted { url }));
				},
				None => return Ok(0),
			}
		}
		let length = self.current.len().min(buffer.len());
		self.current.copy_to_slice(&mut buffer[..length]);
		Ok(length)
	}
}
