//! filecoin-proofs' configuration of each key, and the circuits behind the keys.
//!
//! Only the sizes whose trees are plain octal trees are here: those are the sizes that a devnet key can be
//! made for. The others need the keys of a ceremony.

use filecoin_proofs::{
	constants::{DefaultPieceHasher, SectorShapeBase, WINDOW_POST_CHALLENGE_COUNT},
	parameters::{public_params, window_post_public_params},
	PoRepConfig, PoStConfig, PoStType,
};
use holdfast_primitives::{sector::NODE_SIZE, KeyId, ProofKind, SectorSize};
use storage_proofs_core::{
	api_version::ApiVersion,
	compound_proof::CompoundProof,
	parameter_cache::{metadata_id, parameter_id, verifying_key_id},
};
use storage_proofs_porep::stacked::{StackedCircuit, StackedCompound, StackedDrg};
use storage_proofs_post::fallback::{FallbackPoSt, FallbackPoStCircuit, FallbackPoStCompound};

/// The tree over a replica of 2 KiB, 8 MiB or 512 MiB.
pub(crate) type Tree = SectorShapeBase;

/// The only version of filecoin-proofs' protocol that this network knows.
pub(crate) const API_VERSION: ApiVersion = ApiVersion::V1_2_0;

/// Whether this crate can seal and prove sectors of the size.
pub const fn is_supported(sector_size: SectorSize) -> bool {
	match sector_size {
		SectorSize::KiB2 | SectorSize::MiB8 | SectorSize::MiB512 => true,
		SectorSize::GiB32 | SectorSize::GiB64 => false,
	}
}

pub(crate) fn porep_config(sector_size: SectorSize) -> PoRepConfig {
	PoRepConfig::new_groth16(sector_size.bytes(), sector_size.porep_id(), API_VERSION)
}

pub(crate) fn window_post_config(sector_size: SectorSize) -> PoStConfig {
	PoStConfig {
		sector_size: sector_size.bytes().into(),
		challenge_count: WINDOW_POST_CHALLENGE_COUNT,
		sector_count: usize::try_from(sector_size.window_post_partition_sectors())
			.unwrap_or(usize::MAX),
		typ: PoStType::Window,
		priority: false,
		api_version: API_VERSION,
	}
}

/// How many layers of labels a sector of the size has.
pub(crate) const fn layers(sector_size: SectorSize) -> usize {
	match sector_size {
		SectorSize::KiB2 | SectorSize::MiB8 | SectorSize::MiB512 => 2,
		SectorSize::GiB32 | SectorSize::GiB64 => 11,
	}
}

/// How many nodes a sector of the size has.
pub(crate) fn nodes(sector_size: SectorSize) -> usize {
	usize::try_from(sector_size.bytes() / NODE_SIZE).unwrap_or(usize::MAX)
}

/// The names of a key's files, as filecoin-proofs looks them up.
#[derive(Clone, Debug)]
pub(crate) struct FileNames {
	pub(crate) parameters: String,
	pub(crate) verifying_key: String,
	pub(crate) metadata: String,
}

pub(crate) fn file_names(key: KeyId) -> anyhow::Result<FileNames> {
	let identifier = match key.kind {
		ProofKind::PoRep => porep_config(key.sector_size).get_cache_identifier::<Tree>()?,
		ProofKind::WindowPoSt => {
			window_post_config(key.sector_size).get_cache_identifier::<Tree>()?
		},
	};
	Ok(FileNames {
		parameters: parameter_id(&identifier),
		verifying_key: verifying_key_id(&identifier),
		metadata: metadata_id(&identifier),
	})
}

/// The blank PoRep circuit of a size.
pub(crate) fn porep_circuit(
	sector_size: SectorSize,
) -> anyhow::Result<StackedCircuit<Tree, DefaultPieceHasher>> {
	let parameters = public_params::<Tree>(&porep_config(sector_size))?;
	Ok(
		<StackedCompound<Tree, DefaultPieceHasher> as CompoundProof<
			StackedDrg<'_, Tree, DefaultPieceHasher>,
			_,
		>>::blank_circuit(&parameters),
	)
}

/// The blank window PoSt circuit of a size.
pub(crate) fn window_post_circuit(
	sector_size: SectorSize,
) -> anyhow::Result<FallbackPoStCircuit<Tree>> {
	let parameters = window_post_public_params::<Tree>(&window_post_config(sector_size))?;
	Ok(<FallbackPoStCompound<Tree> as CompoundProof<
		FallbackPoSt<'_, Tree>,
		FallbackPoStCircuit<Tree>,
	>>::blank_circuit(&parameters))
}

/// About how many constraints a circuit has; for estimates of time only.
pub(crate) const fn expected_constraints(key: KeyId) -> u64 {
	match (key.kind, key.sector_size) {
		(ProofKind::PoRep, SectorSize::KiB2) => 2_688_000,
		(ProofKind::PoRep, SectorSize::MiB8) => 3_845_000,
		(ProofKind::PoRep, _) => 4_424_000,
		(ProofKind::WindowPoSt, SectorSize::KiB2) => 22_000,
		(ProofKind::WindowPoSt, SectorSize::MiB8) => 65_000,
		(ProofKind::WindowPoSt, _) => 86_000,
	}
}

/// About how large a key's parameters are; for finding out early that there is no room for them.
pub(crate) const fn expected_bytes(key: KeyId) -> u64 {
	match (key.kind, key.sector_size) {
		(ProofKind::PoRep, SectorSize::KiB2) => 1_115_000_000,
		(ProofKind::PoRep, SectorSize::MiB8) => 1_430_000_000,
		(ProofKind::PoRep, _) => 2_000_000_000,
		(ProofKind::WindowPoSt, SectorSize::KiB2) => 11_600_000,
		(ProofKind::WindowPoSt, SectorSize::MiB8) => 31_000_000,
		(ProofKind::WindowPoSt, _) => 41_000_000,
	}
}
