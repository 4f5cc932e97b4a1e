//! What the tests against a real network share.

#![allow(clippy::unwrap_used, dead_code)]

use std::{
	path::{Path, PathBuf},
	time::Duration,
};

use holdfast_client::devnet::{DevnetOptions, Programs};
use holdfast_primitives::SectorSize;

/// A network in `base`, of the programs that this build made.
pub fn options(base: &Path) -> DevnetOptions {
	let client = PathBuf::from(env!("CARGO_BIN_EXE_holdfast"));
	let beside = |name: &str| {
		let program = client.with_file_name(name);
		assert!(
			program.is_file(),
			"{} is missing: run `make build` first",
			program.display()
		);
		program
	};
	DevnetOptions {
		base: base.into(),
		programs: Programs {
			node: beside("holdfast-node"),
			provider: beside("holdfast-provider"),
			client: client.clone(),
		},
		block_time: Duration::from_secs(1),
		sector_size: SectorSize::MiB8,
		provider_environment: Vec::new(),
		settlement_interval: None,
		node_port: None,
		provider_port: None,
	}
}

/// A folder that is removed when the test succeeds, and named when it does not.
pub struct Folder(Option<tempfile::TempDir>);

impl Folder {
	pub fn new() -> Self {
		Self(Some(
			tempfile::Builder::new()
				.prefix("holdfast-test-")
				.tempdir()
				.unwrap(),
		))
	}

	pub fn path(&self) -> &Path {
		self.0.as_ref().unwrap().path()
	}
}

impl Drop for Folder {
	fn drop(&mut self) {
		if std::thread::panicking() {
			let kept = self.0.take().unwrap().keep();
			eprintln!("the logs are in {}", kept.display());
			for log in ["node.log", "provider.log"] {
				let text = std::fs::read_to_string(kept.join(log)).unwrap_or_default();
				let lines: Vec<_> = text.lines().collect();
				eprintln!("--- the end of {log}");
				for line in &lines[lines.len().saturating_sub(60)..] {
					eprintln!("{line}");
				}
			}
		}
	}
}

/// Bytes that do not compress and never repeat.
pub fn bytes(length: usize, seed: u64) -> Vec<u8> {
	let mut state = seed | 1;
	(0..length)
		.map(|_| {
			state ^= state << 13;
			state ^= state >> 7;
			state ^= state << 17;
			state.to_le_bytes()[3]
		})
		.collect()
}
