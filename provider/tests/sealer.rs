//! The sealer on a real 2 KiB sector: every step of specs-storage's interface, and the way back to the data.

#![allow(clippy::unwrap_used)]

mod common;

use std::{fs, path::PathBuf, process::Command};

use common::{accepted, config, run, test_data, Fixture};
use holdfast_primitives::piece::compute_comm_d;
use holdfast_prover::SealSubject;
use holdfast_provider::{
	restore::restore_pieces,
	sealer::{Order, Step},
	store::{is_provable, LockMode},
	tasks::{Kind, Outcome},
	worker::Response,
};

fn keys() -> PathBuf {
	let directory = holdfast_prover::default_directory().unwrap();
	let made = Command::new(env!("CARGO_BIN_EXE_holdfast-provider"))
		.args(["keys", "--sector-size", "2KiB", "--directory"])
		.arg(&directory)
		.status()
		.unwrap();
	assert!(made.success());
	directory
}

/// Row 73: add pieces, both phases of both halves, finalize, read a piece whose unsealed data is gone, unseal, and
/// remove. Every step is done twice, as after a crash.
#[tokio::test(flavor = "multi_thread")]
async fn a_sector_goes_through_every_step_and_back_to_its_data() {
	let fixture = Fixture::with(config(), &keys()).await;
	let (store, sealer) = (&fixture.app.store, &fixture.app.sealer);
	let size = fixture.chain.sector_size;
	let data = [test_data(1000, 1), test_data(300, 2)];
	for piece in &data {
		fs::write(store.piece(&piece.piece.commitment), &piece.car).unwrap();
	}
	let subject = SealSubject {
		sector_size: size,
		prover_id: [7; 32],
		sector: 5,
		ticket: [8; 32],
		pieces: data.iter().map(|data| data.piece).collect(),
	};
	let lock = store.lock(5, LockMode::Write).await.unwrap().unwrap();
	let perform = async |step| {
		let order = Order {
			subject: subject.clone(),
			step,
		};
		let first = sealer.perform(&order, None, &lock).await.unwrap();
		let again = sealer.perform(&order, None, &lock).await.unwrap();
		(first, again)
	};
	let done = (Response::Done, Response::Done);
	assert_eq!(perform(Step::AddPieces).await, done);
	assert_eq!(perform(Step::PreCommit1).await, done);
	let (sealed, again) = perform(Step::PreCommit2).await;
	assert_eq!(sealed, again);
	let Response::Sealed { comm_r, comm_d } = sealed else {
		panic!("{sealed:?}");
	};
	assert_eq!(comm_d, compute_comm_d(size, &subject.pieces).unwrap());
	let paths = store.sector(5).await.unwrap();
	let unsealed = fs::read(&paths.unsealed).unwrap();
	let commit = Step::Commit1 {
		seed: [9; 32],
		comm_r,
		comm_d,
	};
	assert_eq!(perform(commit).await, done);
	let (proofs, _) = perform(Step::Commit2 { seed: [9; 32] }).await;
	assert!(matches!(proofs, Response::Proofs { proofs } if !proofs.is_empty()));
	// A piece is read from the unsealed data while it is there.
	let target = fixture.folder.path().join("piece");
	for (index, piece) in data.iter().enumerate() {
		let bytes = piece.car.len() as u64;
		sealer
			.read_piece(&subject, index, bytes, &target, &lock)
			.await
			.unwrap();
		assert_eq!(fs::read(&target).unwrap(), piece.car);
	}
	assert!(paths.unsealed.exists());
	assert_eq!(perform(Step::Finalize).await, done);
	assert!(!paths.unsealed.exists() && !paths.work.exists());
	assert!(is_provable(&paths, size));
	// And from the replica afterwards, which leaves nothing behind.
	for (index, piece) in data.iter().enumerate() {
		let bytes = piece.car.len() as u64;
		sealer
			.read_piece(&subject, index, bytes, &target, &lock)
			.await
			.unwrap();
		assert_eq!(fs::read(&target).unwrap(), piece.car);
		assert!(!paths.unsealed.exists() && !paths.work.exists());
	}
	let database = &fixture.app.database;
	assert!(database.reservations(0).await.unwrap().is_empty());
	for _ in 0..2 {
		sealer.unseal(&subject, &lock).await.unwrap();
		assert_eq!(fs::read(&paths.unsealed).unwrap(), unsealed);
	}
	assert!(is_provable(&paths, size));
	for _ in 0..2 {
		sealer.remove(5, &lock).await.unwrap();
		assert!(!paths.unsealed.exists() && !paths.sealed.exists() && !paths.cache.exists());
	}
	assert!(database.reservations(0).await.unwrap().is_empty());
	lock.release().await.unwrap();
}

/// A piece whose file is lost comes back from the sector that it was sealed in.
#[tokio::test(flavor = "multi_thread")]
async fn a_lost_piece_is_restored_from_its_sector() {
	let fixture = Fixture::with(config(), &keys()).await;
	let data = test_data(1000, 1);
	accepted(&fixture, &data, 1).await;
	run(&fixture, Kind::Publish, "").await.unwrap();
	run(&fixture, Kind::Pack, "").await.unwrap();
	let mut kind = Kind::AddPiece;
	loop {
		match run(&fixture, kind, "0").await.unwrap() {
			Outcome::Then(next) => kind = next,
			Outcome::Again(_) => fixture.chain.with(|state| state.block += 1),
			Outcome::Done => break,
		}
	}
	let app = &fixture.app;
	let restore = || {
		restore_pieces(
			&app.database,
			&app.store,
			&app.sealer,
			fixture.chain.sector_size,
			app.prover_id(),
		)
	};
	assert!(restore().await.unwrap().is_empty());
	let path = app.store.piece(&data.piece.commitment);
	for damage in [Some("cut"), None] {
		match damage {
			Some(text) => fs::write(&path, text).unwrap(),
			None => fs::remove_file(&path).unwrap(),
		}
		let restored = restore().await.unwrap();
		assert_eq!(restored.len(), 1);
		assert_eq!((restored[0].sector, &restored[0].error), (Some(0), &None));
		assert_eq!(fs::read(&path).unwrap(), data.car);
	}
	// A damaged replica gives nothing, and nothing is left of the attempt.
	fs::remove_file(&path).unwrap();
	let sealed = app.store.sector(0).await.unwrap().sealed;
	let mut replica = fs::read(&sealed).unwrap();
	replica[100] ^= 1;
	fs::write(&sealed, replica).unwrap();
	let restored = restore().await.unwrap();
	assert!(restored[0].error.as_ref().unwrap().contains("damaged"));
	assert!(!path.exists());
}
