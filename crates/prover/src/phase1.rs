//! Pre-commit phase 1, of one sector or of two side by side.

use std::{fs, io, path::PathBuf, thread};

use filecoin_proofs::SealPreCommitPhase1Output;
use holdfast_primitives::{CommD, Digest};
use holdfast_verifier::porep;
use merkletree::store::StoreConfig;
use storage_proofs_core::cache_key::CacheKey;
use storage_proofs_porep::stacked::Labels;

use crate::{
	error::SealError,
	keys::KeyStore,
	labels::{write_data_tree, write_labels, Engine, Labelled},
	parameters::{layers, nodes, Tree},
	parents::ensure_parents,
	seal::{check_unsealed, file_error, PreCommit1Output, SealSubject, SectorPaths, Stage, State},
};

/// Pre-commit phase 1: copies the unsealed sector to the replica's place, builds the data's tree and labels
/// the graph. The labels, nearly all of the work, are serial and bound by one core.
///
/// It always starts over and deletes the sector's cache folder, but refuses to do so once
/// [`crate::clear_sealing_cache`] has run: then the replica is in use and must not be lost to a mistake.
pub fn seal_pre_commit_phase1(
	subject: &SealSubject,
	paths: &SectorPaths,
) -> Result<PreCommit1Output, SealError> {
	let sector = Phase1::begin(subject, paths)?;
	let (labels, [data]) = label_and_copy([&sector]);
	data.and(labels)?;
	sector.finish()
}

/// Pre-commit phase 1 of two sectors. If they are of equal size, their graphs are labelled side by side on
/// one core, which takes hardly longer than one of them, and twice the memory.
pub fn seal_pre_commit_phase1_pair(
	sectors: [(&SealSubject, &SectorPaths); 2],
) -> [Result<PreCommit1Output, SealError>; 2] {
	match sectors.map(|(subject, paths)| Phase1::begin(subject, paths)) {
		[Ok(first), Ok(second)] if first.subject.sector_size == second.subject.sector_size => {
			let (labels, [first_data, second_data]) = label_and_copy([&first, &second]);
			let finish = |sector: Phase1<'_>, data: Result<(), SealError>| {
				data?;
				if labels.is_err() {
					// What kept them from being labelled together may concern only one of them.
					label([&sector])?;
				}
				sector.finish()
			};
			[finish(first, first_data), finish(second, second_data)]
		},
		begun => begun.map(|sector| {
			let sector = sector?;
			let (labels, [data]) = label_and_copy([&sector]);
			data.and(labels)?;
			sector.finish()
		}),
	}
}

/// A sector in phase 1, its cache folder empty.
struct Phase1<'a> {
	subject: &'a SealSubject,
	paths: &'a SectorPaths,
	comm_d: CommD,
	replica_id: Digest,
	/// The file of the data's tree.
	data_tree: PathBuf,
	/// The labels' files, by layer.
	layers: Vec<PathBuf>,
	/// What phase 2 is told.
	output: SealPreCommitPhase1Output<Tree>,
}

impl<'a> Phase1<'a> {
	fn begin(subject: &'a SealSubject, paths: &'a SectorPaths) -> Result<Self, SealError> {
		let comm_d = subject.check()?;
		KeyStore::opened()?;
		check_unsealed(subject, paths)?;
		if State::read(paths).is_some_and(|state| state.stage == Stage::Cleared) {
			return Err(SealError::Cleared {
				sector: subject.sector,
			});
		}
		match fs::remove_dir_all(&paths.cache) {
			Err(error) if error.kind() != io::ErrorKind::NotFound => {
				return Err(file_error("delete", &paths.cache, error));
			},
			_ => {},
		}
		fs::create_dir_all(&paths.cache)
			.map_err(|source| file_error("create", &paths.cache, source))?;

		let replica_id = replica_id(subject, comm_d);
		let leaves = nodes(subject.sector_size);
		let (config, data_tree) = store(paths, CacheKey::CommDTree.to_string(), 2 * leaves - 1);
		let (configs, layers) = (1..=layers(subject.sector_size))
			.map(|layer| store(paths, CacheKey::label_layer(layer), leaves))
			.unzip();
		Ok(Self {
			subject,
			paths,
			comm_d,
			replica_id,
			data_tree,
			layers,
			output: SealPreCommitPhase1Output {
				labels: Labels::new(configs),
				config,
				comm_d: comm_d.0,
			},
		})
	}

	/// Copies the data to the replica's place and builds the tree over it.
	fn copy(&self) -> Result<(), SealError> {
		let Self { subject, paths, .. } = self;
		fs::copy(&paths.unsealed, &paths.sealed)
			.map_err(|source| file_error("write", &paths.sealed, source))?;
		let leaves = nodes(subject.sector_size);
		let root = write_data_tree(Engine::detect(), leaves, &paths.unsealed, &self.data_tree)
			.map_err(|source| file_error("write", &self.data_tree, source))?;
		if root == self.comm_d.0 {
			Ok(())
		} else {
			Err(SealError::UnsealedDamaged {
				path: paths.unsealed.clone(),
				expected: self.comm_d,
				found: CommD(root),
			})
		}
	}

	fn labelled(&self) -> Labelled<'_> {
		Labelled {
			replica_id: self.replica_id,
			files: &self.layers,
		}
	}

	fn finish(self) -> Result<PreCommit1Output, SealError> {
		let labels = serde_json::to_value(&self.output).map_err(|error| {
			file_error("describe the labels in", &self.paths.cache, error.into())
		})?;
		State {
			subject: self.subject.clone(),
			stage: Stage::Labelled,
			comm_r: None,
		}
		.write(self.paths)?;
		Ok(PreCommit1Output {
			subject: self.subject.clone(),
			labels,
		})
	}
}

/// What a replica's labels are bound to.
pub(crate) fn replica_id(subject: &SealSubject, comm_d: CommD) -> Digest {
	porep::Statement {
		sector_bytes: subject.sector_size.bytes(),
		porep_id: subject.sector_size.porep_id(),
		prover_id: subject.prover_id,
		sector_number: subject.sector,
		comm_d: comm_d.0,
		comm_r: Digest::default(),
		ticket: subject.ticket,
		seed: Digest::default(),
	}
	.replica_id()
}

/// How filecoin-proofs describes a file of `nodes` nodes in a sector's cache folder, and its path.
fn store(paths: &SectorPaths, id: String, nodes: usize) -> (StoreConfig, PathBuf) {
	let file = StoreConfig::data_path(&paths.cache, &id);
	let mut config = StoreConfig::new(&paths.cache, id, 0);
	config.size = Some(nodes);
	(config, file)
}

/// Labels the graphs of sectors of equal size. Meanwhile another thread sees to the data, from which nothing
/// is needed for that: CommD follows from the pieces.
fn label_and_copy<const N: usize>(
	sectors: [&Phase1<'_>; N],
) -> (Result<(), SealError>, [Result<(), SealError>; N]) {
	thread::scope(|scope| {
		let data = scope.spawn(move || sectors.map(Phase1::copy));
		let labels = label(sectors);
		match data.join() {
			Ok(data) => (labels, data),
			Err(panic) => std::panic::resume_unwind(panic),
		}
	})
}

/// Labels the graphs of sectors of equal size.
fn label<const N: usize>(sectors: [&Phase1<'_>; N]) -> Result<(), SealError> {
	let Some(first) = sectors.first() else {
		return Ok(());
	};
	let size = first.subject.sector_size;
	let parents = ensure_parents(KeyStore::opened()?, size)?;
	let labelled = sectors.map(Phase1::labelled);
	write_labels(Engine::detect(), nodes(size), &parents, labelled)
		.map_err(|error| file_error(error.action, &error.path, error.source))
}
