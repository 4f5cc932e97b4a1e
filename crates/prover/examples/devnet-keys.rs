//! Makes the devnet keys of a sector size and, if asked to, exports their verifying keys.
//!
//! ```text
//! cargo run --release -p holdfast-prover --example devnet-keys -- --size 8MiB [--kind porep|window-post] [--export DIR]
//! ```

use std::{io::Write, path::PathBuf, process::ExitCode};

use holdfast_primitives::{KeyId, ProofKind, SectorSize};
use holdfast_prover::{default_directory, key_name, KeyStage, KeyStore};

const USAGE: &str =
	"usage: devnet-keys --size 2KiB|8MiB|512MiB [--kind porep|window-post] [--export DIR]";

struct Arguments {
	size: SectorSize,
	kinds: Vec<ProofKind>,
	export: Option<PathBuf>,
}

fn arguments() -> Result<Arguments, String> {
	let mut size = None;
	let mut kinds = vec![ProofKind::WindowPoSt, ProofKind::PoRep];
	let mut export = None;
	let mut given = std::env::args().skip(1);
	while let Some(name) = given.next() {
		let value = given.next().ok_or(USAGE)?;
		match (name.as_str(), value.as_str()) {
			("--size", text) => {
				size = Some(
					text.parse::<SectorSize>()
						.map_err(|error| error.to_string())?,
				)
			},
			("--kind", "porep") => kinds = vec![ProofKind::PoRep],
			("--kind", "window-post") => kinds = vec![ProofKind::WindowPoSt],
			("--export", path) => export = Some(PathBuf::from(path)),
			_ => return Err(USAGE.into()),
		}
	}
	Ok(Arguments {
		size: size.ok_or(USAGE)?,
		kinds,
		export,
	})
}

fn run() -> Result<(), String> {
	let Arguments {
		size,
		kinds,
		export,
	} = arguments()?;
	let store = default_directory()
		.and_then(KeyStore::open)
		.map_err(|error| error.to_string())?;
	for kind in kinds {
		let key = KeyId {
			kind,
			sector_size: size,
		};
		store
			.ensure(key, &|progress| {
				let remaining = progress
					.remaining
					.map_or_else(String::new, |time| format!(", {} s left", time.as_secs()));
				let what = match progress.stage {
					KeyStage::Waiting => "waiting for another process",
					KeyStage::Generating => "generating",
					KeyStage::Done => "done",
				};
				let _ = writeln!(
					std::io::stdout(),
					"{}: {what} {:.1} % after {} s{remaining}",
					key_name(key),
					progress.fraction * 100.0,
					progress.elapsed.as_secs(),
				);
			})
			.map_err(|error| error.to_string())?;
		println!("{} is in {}", key_name(key), store.directory().display());
		if let Some(directory) = &export {
			let path = directory.join(format!("{}.vk", key_name(key)));
			let bytes = store
				.verifying_key(key)
				.map_err(|error| error.to_string())?;
			std::fs::create_dir_all(directory)
				.and_then(|()| std::fs::write(&path, bytes))
				.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
			println!("exported {}", path.display());
		}
	}
	Ok(())
}

fn main() -> ExitCode {
	match run() {
		Ok(()) => ExitCode::SUCCESS,
		Err(message) => {
			eprintln!("{message}");
			ExitCode::FAILURE
		},
	}
}
