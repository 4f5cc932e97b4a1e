//! The graphs' parents on disk.
//!
//! filecoin-proofs writes them once for each size and takes any file of that name for complete. A process
//! that dies while it writes would leave wrong parents, and every sector sealed with them could not be
//! proven. So a file counts only once a marker next to it says that it was finished.

use std::{
	collections::BTreeSet,
	fs,
	io::{self, Write},
	path::{Path, PathBuf},
};

use filecoin_proofs::parameters::public_params;
use holdfast_primitives::SectorSize;

use crate::{
	error::KeyError,
	guard::guarded,
	keys::{lock_file, KeyStore},
	parameters::{porep_config, Tree},
};

const MARKER: &str = "complete";

/// Makes sure that the parents of a size's graph are on disk and complete, and tells where.
pub(crate) fn ensure_parents(
	store: &KeyStore,
	sector_size: SectorSize,
) -> Result<PathBuf, KeyError> {
	let directory = store.parents();
	let marker = directory.join(format!("{sector_size}.{MARKER}"));
	let _lock = lock_file(&directory.join(".lock"), &|| {})?;
	let failed = |source| KeyError::File {
		action: "use",
		path: directory.clone(),
		source,
	};
	if let Ok(name) = fs::read_to_string(&marker) {
		let path = directory.join(name.trim());
		if path.is_file() {
			return Ok(path);
		}
	}
	// What no marker speaks of is unfinished.
	for name in unmarked(&directory).map_err(failed)? {
		fs::remove_file(directory.join(name)).map_err(failed)?;
	}
	guarded(|| {
		public_params::<Tree>(&porep_config(sector_size))?
			.graph
			.parent_cache()
	})
	.map_err(|reason| failed(io::Error::other(reason)))?;
	let made = unmarked(&directory).map_err(failed)?;
	let Some(name) = made.first() else {
		return Err(failed(io::Error::other("filecoin-proofs wrote no parents")));
	};
	let path = directory.join(name);
	let write = || {
		fs::File::open(&path)?.sync_all()?;
		let mut file = fs::File::create(&marker)?;
		file.write_all(name.as_bytes())?;
		file.sync_all()
	};
	write().map_err(failed)?;
	Ok(path)
}

/// The parents' files that no marker names.
fn unmarked(directory: &Path) -> io::Result<BTreeSet<String>> {
	let mut files = BTreeSet::new();
	let mut marked = BTreeSet::new();
	for entry in fs::read_dir(directory)? {
		let path = entry?.path();
		let extension = path.extension().and_then(|text| text.to_str());
		match (extension, path.file_name().and_then(|name| name.to_str())) {
			(Some(MARKER), _) => {
				marked.insert(fs::read_to_string(&path)?.trim().to_owned());
			},
			(Some("cache"), Some(name)) => {
				files.insert(name.to_owned());
			},
			_ => {},
		}
	}
	Ok(files.difference(&marked).cloned().collect())
}
