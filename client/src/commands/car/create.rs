use std::{
	io::{self, BufWriter, Write},
	path::{Path, PathBuf},
};

use clap::Args;
use holdfast_data::{archive, import::ImportOptions, Profile};
use serde_json::json;

use super::{Kind, Progress, Written};
use crate::output::Output;

/// Make a CAR of files and folders.
#[derive(Debug, Args)]
#[command(disable_version_flag = true)]
pub struct Create {
	/// The files and folders.
	#[arg(required = true)]
	paths: Vec<PathBuf>,
	/// The CAR; `-` for the standard output.
	#[arg(short = 'f', long, visible_alias = "output", value_name = "CAR")]
	file: PathBuf,
	#[command(flatten)]
	kind: Kind,
	/// Which choices decide the CIDs: unixfs-v1-2025 or unixfs-v0-2015.
	#[arg(long, default_value = "unixfs-v1-2025")]
	profile: Profile,
	/// Do not put the file or folder into a directory with its name. There must be one of them.
	#[arg(long)]
	no_wrap: bool,
	/// Take entries whose names begin with a dot, too.
	#[arg(short = 'H', long)]
	hidden: bool,
	/// Follow symbolic links instead of storing them as such.
	#[arg(long)]
	follow: bool,
}

impl Create {
	pub fn run(self, output: Output) -> anyhow::Result<()> {
		anyhow::ensure!(
			!self.no_wrap || self.paths.len() == 1,
			"--no-wrap takes one file or folder, not {}",
			self.paths.len()
		);
		let options = ImportOptions {
			profile: self.profile,
			hidden: self.hidden,
			follow_links: self.follow,
		};
		let progress = Progress::new(output, "pack", sizes(&self.paths));
		let mut show = |done| progress.show(done);
		let version = self.kind.version()?;
		let to_stdout = self.file == Path::new("-");
		// A stream cannot be taken back to tell the root: it waits beside, and then goes out whole.
		let written = match to_stdout {
			true => Written::new(&std::env::temp_dir().join("holdfast.car"))?,
			false => Written::new(&self.file)?,
		};
		let (mut stream, created) = archive::create(
			&self.paths,
			!self.no_wrap,
			&options,
			written.stream()?,
			version,
			&mut show,
		)?;
		stream.flush()?;
		progress.finish();
		if to_stdout {
			let mut file = written.temporary.reopen()?;
			let mut out = BufWriter::new(io::stdout().lock());
			io::copy(&mut file, &mut out)?;
			out.flush()?;
			output.note(created.root.cid.to_string());
			return Ok(());
		}
		let bytes = super::length(written.temporary.as_file());
		written.finish()?;
		let root = created.root.cid.to_string();
		let result = json!({
			"root": root,
			"file": self.file,
			"carBytes": bytes,
			"fileBytes": created.root.file_bytes,
			"blocks": created.blocks,
			"profile": self.profile.name(),
		});
		output.result(&result, || root);
		Ok(())
	}
}

/// About how many bytes will be read, for the bar.
fn sizes(paths: &[PathBuf]) -> u64 {
	fn of(path: &Path, depth: usize) -> u64 {
		let Ok(metadata) = std::fs::symlink_metadata(path) else {
			return 0;
		};
		if metadata.is_file() {
			return metadata.len();
		}
		if !metadata.is_dir() || depth > 64 {
			return 0;
		}
		std::fs::read_dir(path).map_or(0, |entries| {
			entries
				.flatten()
				.map(|entry| of(&entry.path(), depth + 1))
				.fold(0, u64::saturating_add)
		})
	}
	paths
		.iter()
		.map(|path| of(path, 0))
		.fold(0, u64::saturating_add)
}
