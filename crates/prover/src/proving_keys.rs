//! The proving keys that this process has mapped. They stay mapped for as long as it lives.

use std::{
	collections::HashMap,
	path::PathBuf,
	sync::{Arc, Mutex, OnceLock},
};

use holdfast_primitives::KeyId;

use crate::{
	error::KeyError,
	groth16::{ProvingKey, ProvingKeyError},
	keys::KeyStore,
};

/// The mapped keys by their file, with the digest of what was mapped.
type Mapped = HashMap<PathBuf, (String, Arc<ProvingKey>)>;

static MAPPED: OnceLock<Mutex<Mapped>> = OnceLock::new();

/// A key that has been checked, mapped for good.
pub(crate) fn proving_key(store: &KeyStore, key: KeyId) -> Result<Arc<ProvingKey>, KeyError> {
	let (path, digest) = store.checked_parameters(key)?;
	let mut mapped = MAPPED
		.get_or_init(Mutex::default)
		.lock()
		.unwrap_or_else(|poisoned| poisoned.into_inner());
	if let Some((_, key)) = mapped.get(&path).filter(|(known, _)| *known == digest) {
		return Ok(key.clone());
	}
	let key = ProvingKey::open(&path).map_err(|error| match error {
		ProvingKeyError::Read(source) if source.kind() != std::io::ErrorKind::InvalidData => {
			KeyError::File {
				action: "map",
				path: path.clone(),
				source,
			}
		},
		ProvingKeyError::Read(_) | ProvingKeyError::Length { .. } => {
			KeyError::Damaged { path: path.clone() }
		},
	})?;
	let key = Arc::new(key);
	mapped.insert(path, (digest, key.clone()));
	Ok(key)
}
