//! A 2 KiB sector through the phases, with crashes and mistakes in between.
#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, path::Path, sync::OnceLock};

use common::{piece, unsealed, Sector};
use holdfast_primitives::{
	piece::{compute_comm_d, PieceError},
	CommP, CommR, KeyId, ProofKind, SectorSize,
};
use holdfast_prover::{
	add_pieces, check_sealed_sector, clear_sealing_cache, generate_window_post, reference,
	seal_commit_phase1, seal_commit_phase2, seal_pre_commit_phase1, seal_pre_commit_phase2,
	AddPiecesError, Commit1Output, KeyError, KeyStore, PoStError, PreCommit1Output, SealError,
};
use tempfile::TempDir;

const SEED: [u8; 32] = [5; 32];
const RANDOMNESS: [u8; 32] = [6; 32];

/// All tests of this process share a key store with the small window PoSt key.
fn keys() -> &'static KeyStore {
	static KEYS: OnceLock<(TempDir, KeyStore)> = OnceLock::new();
	&KEYS
		.get_or_init(|| {
			let directory = tempfile::tempdir().unwrap();
			let store = KeyStore::open(directory.path()).unwrap();
			let key = KeyId {
				kind: ProofKind::WindowPoSt,
				sector_size: SectorSize::KiB2,
			};
			store.ensure(key, &|_| {}).unwrap();
			(directory, store)
		})
		.1
}

fn state_file(sector: &Sector) -> std::path::PathBuf {
	sector.paths.cache.join("holdfast-sealing.json")
}

fn set_stage(sector: &Sector, from: &str, to: &str) {
	let text = fs::read_to_string(state_file(sector)).unwrap();
	assert!(text.contains(from), "{text}");
	fs::write(state_file(sector), text.replace(from, to)).unwrap();
}

#[test]
fn the_phases_follow_each_other_through_other_processes() {
	keys();
	let sector = unsealed(1);
	assert_eq!(fs::metadata(&sector.paths.unsealed).unwrap().len(), 2048);
	let phase1 = seal_pre_commit_phase1(&sector.subject, &sector.paths).unwrap();
	// What another process gets.
	let text = serde_json::to_string(&phase1).unwrap();
	let phase1: PreCommit1Output = serde_json::from_str(&text).unwrap();
	let (comm_r, comm_d) = seal_pre_commit_phase2(&phase1, &sector.paths).unwrap();
	assert_eq!(
		Ok(comm_d),
		compute_comm_d(SectorSize::KiB2, &sector.subject.pieces)
	);
	let commit = seal_commit_phase1(&sector.subject, &sector.paths, comm_r, &SEED).unwrap();
	let text = serde_json::to_string(&commit).unwrap();
	let commit: Commit1Output = serde_json::from_str(&text).unwrap();
	assert_eq!((commit.comm_r, commit.seed), (comm_r, SEED));
	// The PoRep key takes minutes to make; here it is missing.
	assert!(matches!(
		seal_commit_phase2(&commit),
		Err(SealError::Key(KeyError::Missing { .. }))
	));
}

#[test]
fn a_sector_without_pieces_can_be_sealed() {
	keys();
	let mut sector = unsealed(2);
	sector.subject.pieces.clear();
	sector.sources.clear();
	sector.add_pieces();
	assert_eq!(fs::read(&sector.paths.unsealed).unwrap(), vec![0; 2048]);
	let comm_r = sector.seal();
	seal_commit_phase1(&sector.subject, &sector.paths, comm_r, &SEED).unwrap();
}

#[test]
fn pieces_lie_where_the_chain_expects_them() {
	let sector = unsealed(3);
	let bytes = fs::read(&sector.paths.unsealed).unwrap();
	// 256 at 0, 128 at 256, 512 at 512; the rest is zero, as is what the short source left of its piece.
	assert_ne!(bytes[..32], [0; 32]);
	assert_ne!(bytes[256..288], [0; 32]);
	assert_eq!(bytes[256 + 104..512], [0; 152]);
	assert_ne!(bytes[512..544], [0; 32]);
	assert_eq!(bytes[1024..], [0; 1024]);
}

#[test]
fn wrong_data_for_a_piece_is_refused_and_leaves_no_sector() {
	let sector = unsealed(4);
	fs::remove_file(&sector.paths.unsealed).unwrap();
	let directory = sector.directory.path();
	let (mut info, path) = piece(directory, 77, 100, 128);
	let expected = CommP([1; 32]);
	let found = std::mem::replace(&mut info.commitment, expected);
	let error = add_pieces(SectorSize::KiB2, &[(info, &path)], &sector.paths.unsealed).unwrap_err();
	assert!(matches!(
		error,
		AddPiecesError::CommitmentMismatch { index: 0, expected: e, found: f } if e == expected && f == found
	));
	assert!(!sector.paths.unsealed.exists());
}

#[test]
fn pieces_that_do_not_fit_are_refused() {
	let sector = unsealed(5);
	let (info, path) = piece(sector.directory.path(), 78, 100, 2048);
	let unsealed = &sector.paths.unsealed;
	assert!(matches!(
		add_pieces(SectorSize::KiB2, &[(info, &path), (info, &path)], unsealed),
		Err(AddPiecesError::Layout(PieceError::TooLarge))
	));
	let (info, path) = piece(sector.directory.path(), 79, 127, 128);
	fs::write(&path, [1; 128]).unwrap();
	assert!(matches!(
		add_pieces(SectorSize::KiB2, &[(info, &path)], unsealed),
		Err(AddPiecesError::SourceTooLong {
			index: 0,
			length: 128,
			room: 127
		})
	));
	assert!(matches!(
		add_pieces(SectorSize::KiB2, &[(info, Path::new("/nowhere"))], unsealed),
		Err(AddPiecesError::File { .. })
	));
}

#[test]
fn lost_labels_send_the_sector_back_to_phase_1() {
	keys();
	let sector = unsealed(6);
	let expected = sector.seal();
	let phase1 = seal_pre_commit_phase1(&sector.subject, &sector.paths).unwrap();
	fs::remove_file(sector.paths.cache.join("sc-02-data-layer-2.dat")).unwrap();
	assert!(matches!(
		seal_pre_commit_phase2(&phase1, &sector.paths),
		Err(SealError::RepeatPhase1 { sector: 6, .. })
	));
	fs::remove_dir_all(&sector.paths.cache).unwrap();
	assert!(matches!(
		seal_pre_commit_phase2(&phase1, &sector.paths),
		Err(SealError::RepeatPhase1 { sector: 6, .. })
	));
	assert_eq!(sector.seal(), expected);
}

#[test]
fn phase_2_starts_over_after_a_crash() {
	keys();
	let sector = unsealed(7);
	let phase1 = seal_pre_commit_phase1(&sector.subject, &sector.paths).unwrap();
	let (expected, _) = seal_pre_commit_phase2(&phase1, &sector.paths).unwrap();
	// As if it had died in the middle: the replica half encoded, a tree half written.
	set_stage(&sector, "\"sealed\",\"commR\"", "\"encoding\",\"commR\"");
	let mut replica = fs::read(&sector.paths.sealed).unwrap();
	replica[1024..].fill(7);
	fs::write(&sector.paths.sealed, replica).unwrap();
	fs::remove_file(sector.paths.cache.join("p_aux")).unwrap();
	fs::write(sector.paths.cache.join("sc-02-data-tree-c.dat"), [1; 10]).unwrap();
	let (comm_r, _) = seal_pre_commit_phase2(&phase1, &sector.paths).unwrap();
	assert_eq!(comm_r, expected);
	seal_commit_phase1(&sector.subject, &sector.paths, comm_r, &SEED).unwrap();

	set_stage(&sector, "\"sealed\",\"commR\"", "\"encoding\",\"commR\"");
	fs::remove_file(&sector.paths.unsealed).unwrap();
	assert!(matches!(
		seal_pre_commit_phase2(&phase1, &sector.paths),
		Err(SealError::UnsealedLength { .. })
	));
}

#[test]
fn a_completed_phase_2_is_not_repeated() {
	keys();
	let sector = unsealed(8);
	let phase1 = seal_pre_commit_phase1(&sector.subject, &sector.paths).unwrap();
	let first = seal_pre_commit_phase2(&phase1, &sector.paths).unwrap();
	fs::remove_file(&sector.paths.unsealed).unwrap();
	let replica = fs::read(&sector.paths.sealed).unwrap();
	assert_eq!(
		seal_pre_commit_phase2(&phase1, &sector.paths).unwrap(),
		first
	);
	assert!(fs::read(&sector.paths.sealed).unwrap() == replica);
}

#[test]
fn a_damaged_unsealed_sector_is_named() {
	keys();
	let sector = unsealed(10);
	let mut bytes = fs::read(&sector.paths.unsealed).unwrap();
	bytes[5] ^= 1;
	fs::write(&sector.paths.unsealed, &bytes).unwrap();
	assert!(matches!(
		seal_pre_commit_phase1(&sector.subject, &sector.paths),
		Err(SealError::UnsealedDamaged { .. })
	));
	fs::write(&sector.paths.unsealed, &bytes[..2047]).unwrap();
	assert!(matches!(
		seal_pre_commit_phase1(&sector.subject, &sector.paths),
		Err(SealError::UnsealedLength { expected: 2048, .. })
	));
}

#[test]
fn phases_out_of_order_say_what_to_do() {
	keys();
	let sector = unsealed(11);
	let early = seal_commit_phase1(&sector.subject, &sector.paths, CommR([1; 32]), &SEED);
	assert!(matches!(early, Err(SealError::RepeatPhase2 { sector: 11 })));
	let phase1 = seal_pre_commit_phase1(&sector.subject, &sector.paths).unwrap();
	let early = seal_commit_phase1(&sector.subject, &sector.paths, CommR([1; 32]), &SEED);
	assert!(matches!(early, Err(SealError::RepeatPhase2 { sector: 11 })));
	assert!(matches!(
		clear_sealing_cache(&sector.subject, &sector.paths),
		Err(SealError::RepeatPhase2 { sector: 11 })
	));
	let (comm_r, _) = seal_pre_commit_phase2(&phase1, &sector.paths).unwrap();

	let mut other = sector.subject.clone();
	other.ticket = [4; 32];
	assert!(matches!(
		seal_commit_phase1(&other, &sector.paths, comm_r, &SEED),
		Err(SealError::OtherSector)
	));
	assert!(matches!(
		seal_commit_phase1(&sector.subject, &sector.paths, CommR([1; 32]), &SEED),
		Err(SealError::OtherSector)
	));
	let mut stale = phase1.clone();
	stale.subject = other.clone();
	assert!(matches!(
		seal_pre_commit_phase2(&stale, &sector.paths),
		Err(SealError::OtherSector)
	));
	assert!(matches!(
		clear_sealing_cache(&other, &sector.paths),
		Err(SealError::OtherSector)
	));

	fs::remove_file(sector.paths.cache.join("sc-02-data-tree-d.dat")).unwrap();
	assert!(matches!(
		seal_commit_phase1(&sector.subject, &sector.paths, comm_r, &SEED),
		Err(SealError::RepeatPhase1 { sector: 11, .. })
	));
}

#[test]
fn a_cleared_sector_cannot_be_sealed_over() {
	keys();
	let sector = unsealed(12);
	let comm_r = sector.seal();
	for _ in 0..2 {
		clear_sealing_cache(&sector.subject, &sector.paths).unwrap();
	}
	assert!(!sector.paths.cache.join("sc-02-data-layer-1.dat").exists());
	assert!(matches!(
		seal_commit_phase1(&sector.subject, &sector.paths, comm_r, &SEED),
		Err(SealError::Cleared { sector: 12 })
	));
	assert!(matches!(
		seal_pre_commit_phase1(&sector.subject, &sector.paths),
		Err(SealError::Cleared { sector: 12 })
	));
	check_sealed_sector(
		SectorSize::KiB2,
		&common::PROVER,
		&RANDOMNESS,
		&sector.to_prove(comm_r),
	)
	.unwrap();
}

#[test]
fn requests_that_cannot_be_proven_are_refused() {
	keys();
	let sector = unsealed(13);
	let mut subject = sector.subject.clone();
	subject.prover_id = [0xff; 32];
	assert!(matches!(
		seal_pre_commit_phase1(&subject, &sector.paths),
		Err(SealError::NotCanonical("prover identity"))
	));
	let mut subject = sector.subject.clone();
	subject.ticket = [0xff; 32];
	assert!(matches!(
		seal_pre_commit_phase1(&subject, &sector.paths),
		Err(SealError::NotCanonical("ticket"))
	));
	assert!(matches!(
		seal_commit_phase1(&sector.subject, &sector.paths, CommR([1; 32]), &[0x40; 32]),
		Err(SealError::NotCanonical("seed"))
	));
	let mut subject = sector.subject.clone();
	subject.sector_size = SectorSize::GiB32;
	assert!(matches!(
		seal_pre_commit_phase1(&subject, &sector.paths),
		Err(SealError::UnsupportedSize(SectorSize::GiB32))
	));
	let mut subject = sector.subject.clone();
	subject.pieces = vec![subject.pieces[2]; 5];
	assert!(matches!(
		seal_pre_commit_phase1(&subject, &sector.paths),
		Err(SealError::Layout(PieceError::TooLarge))
	));
}

#[test]
fn window_post_proves_one_sector_or_two() {
	keys();
	let (first, second) = (unsealed(14), unsealed(20));
	let sectors = [first.to_prove(first.seal()), second.to_prove(second.seal())];
	clear_sealing_cache(&second.subject, &second.paths).unwrap();
	let prove = |count: usize, randomness| {
		generate_window_post(
			SectorSize::KiB2,
			&common::PROVER,
			randomness,
			&sectors[..count],
		)
	};
	// The proofs are verified before they are returned.
	let one = prove(1, &RANDOMNESS).unwrap();
	let two = prove(2, &RANDOMNESS).unwrap();
	assert_ne!(one, two);
	prove(2, &[7; 32]).unwrap();
}

#[test]
fn a_damaged_sector_is_named_and_the_other_one_proven() {
	keys();
	let (first, second) = (unsealed(30), unsealed(31));
	let sectors = [first.to_prove(first.seal()), second.to_prove(second.seal())];
	let prove = |sectors: &[_]| {
		generate_window_post(SectorSize::KiB2, &common::PROVER, &RANDOMNESS, sectors)
	};
	let named =
		|result: Result<_, PoStError>| matches!(result, Err(PoStError::Sector { sector: 31, .. }));
	let replica = fs::read(&second.paths.sealed).unwrap();
	fs::write(&second.paths.sealed, vec![0; 2048]).unwrap();
	assert!(named(prove(&sectors)));
	fs::write(&second.paths.sealed, &replica[..1024]).unwrap();
	assert!(named(prove(&sectors)));
	fs::remove_file(&second.paths.sealed).unwrap();
	assert!(named(prove(&sectors)));
	fs::write(&second.paths.sealed, &replica).unwrap();
	prove(&sectors).unwrap();
	let mut wrong = sectors.clone();
	wrong[1].comm_r = sectors[0].comm_r;
	assert!(named(prove(&wrong)));
	fs::remove_file(second.paths.cache.join("p_aux")).unwrap();
	assert!(named(prove(&sectors)));
	prove(&sectors[..1]).unwrap();
}

#[test]
fn window_post_requests_must_be_what_the_chain_expects() {
	keys();
	let sector = unsealed(40);
	let sector = sector.to_prove(CommR([1; 32]));
	let prove = |size, prover, randomness, numbers: &[u64]| {
		let sectors: Vec<_> = numbers
			.iter()
			.map(|number| holdfast_prover::PoStSector {
				number: *number,
				..sector.clone()
			})
			.collect();
		generate_window_post(size, prover, randomness, &sectors)
	};
	let (good, bad) = (&[1; 32], &[0x80; 32]);
	let size = SectorSize::KiB2;
	assert!(matches!(
		prove(size, good, good, &[]),
		Err(PoStError::SectorCount { count: 0, most: 2 })
	));
	assert!(matches!(
		prove(size, good, good, &[1, 2, 3]),
		Err(PoStError::SectorCount { count: 3, most: 2 })
	));
	assert!(matches!(
		prove(size, good, good, &[2, 1]),
		Err(PoStError::NotAscending(1))
	));
	assert!(matches!(
		prove(size, good, good, &[2, 2]),
		Err(PoStError::NotAscending(2))
	));
	assert!(matches!(
		prove(size, bad, good, &[1]),
		Err(PoStError::NotCanonical("prover identity"))
	));
	assert!(matches!(
		prove(size, good, bad, &[1]),
		Err(PoStError::NotCanonical("randomness"))
	));
	assert!(matches!(
		prove(SectorSize::GiB64, good, good, &[1]),
		Err(PoStError::UnsupportedSize(SectorSize::GiB64))
	));
	assert!(matches!(
		prove(SectorSize::MiB8, good, good, &[1]),
		Err(PoStError::Key(KeyError::Missing { .. }))
	));
}

#[test]
fn the_window_post_is_bellpersons_with_the_same_randomness() {
	keys();
	let sector = unsealed(60);
	let comm_r = sector.seal();
	let sectors = [sector.to_prove(comm_r)];
	let [ours, theirs] = reference::window_post_with_both(
		SectorSize::KiB2,
		&common::PROVER,
		&RANDOMNESS,
		&sectors,
		[1; 32],
	)
	.unwrap();
	assert_eq!(ours, theirs);
	// Both are accepted as they come, too: each call verifies what it has made.
	for prove in [generate_window_post, reference::generate_window_post] {
		prove(SectorSize::KiB2, &common::PROVER, &RANDOMNESS, &sectors).unwrap();
	}
}
