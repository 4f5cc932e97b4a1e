//! Where a task is done: in the worker's own store, in one of the daemon's that it reaches, or with copies of what the
//! step reads.

use std::path::PathBuf;

use holdfast_primitives::{CommP, SectorNumber};
use tracing::info;

use super::Agent;
use crate::{
	remote::{fetch::fetch, give::give, protocol::Lent},
	sealer::{compute, job, Step},
	store::{piece_name, remove_any, sector_name, Folder, LockMode, SectorPart, SectorPaths},
	tasks::{Companion, Kind, Place, TaskError},
	worker::Response,
};

/// What a step reads of a sector.
const fn reads(step: Step) -> &'static [SectorPart] {
	match step {
		Step::AddPieces | Step::Give => &[],
		Step::PreCommit1 => &[SectorPart::Unsealed],
		Step::PreCommit2 | Step::Finalize => &SectorPart::ALL,
		Step::Commit1 { .. } => &[SectorPart::Sealed, SectorPart::Cache, SectorPart::Work],
		Step::Commit2 { .. } => &[SectorPart::Work],
		Step::Take => &SectorPart::KEPT,
	}
}

/// What a step makes of a sector, or changes.
const fn makes(step: Step) -> &'static [SectorPart] {
	match step {
		Step::AddPieces => &[SectorPart::Unsealed],
		Step::PreCommit1 | Step::PreCommit2 => {
			&[SectorPart::Sealed, SectorPart::Cache, SectorPart::Work]
		},
		Step::Commit1 { .. } => &[SectorPart::Work],
		Step::Commit2 { .. } | Step::Finalize | Step::Give | Step::Take => &[],
	}
}

impl Agent {
	/// Does a task. Unless it has its share of what the machine has, it waits for that first.
	pub(super) async fn perform(
		&self,
		lent: &Lent,
		companion: Option<Companion>,
		has_share: bool,
	) -> Result<Response, TaskError> {
		let subject = &lent.order.subject;
		let kind = Kind::from_name(&lent.kind);
		let size = subject.sector_size;
		let needs = kind.map_or_else(Default::default, |kind| self.sealing.needs(kind, size));
		let _share = if has_share {
			None
		} else {
			Some(self.budget.take(needs).await)
		};
		info!(task = lent.kind, sector = subject.sector, "begins");
		match (&lent.place, lent.order.step) {
			(Place::Shared(id), _) => {
				let folder = self.shared.iter().find(|folder| folder.meta.id == *id);
				let folder = folder.ok_or_else(|| {
					TaskError::later(format!("the store {id} is not reached here"))
				})?;
				self.perform_in(folder, lent, companion).await
			},
			(Place::Visit, Step::Commit2 { .. }) => self.make_proofs(lent).await,
			_ => self.perform_at_home(lent, companion).await,
		}
	}

	/// Does a step in a store of the daemon's.
	async fn perform_in(
		&self,
		folder: &Folder,
		lent: &Lent,
		companion: Option<Companion>,
	) -> Result<Response, TaskError> {
		let (subject, step) = (&lent.order.subject, lent.order.step);
		if step == Step::AddPieces {
			self.bring_pieces(lent).await?;
		}
		let job = job(subject, folder.sector(subject.sector));
		let own = self.pieces(subject.sector);
		let pieces = |piece: &CommP| {
			let mut shared = self.shared.iter().map(|folder| folder.piece(piece));
			let found = shared.find(|path| path.is_file());
			found.unwrap_or_else(|| own.join(piece_name(piece)))
		};
		let done = compute(
			&self.worker,
			self.sealing.nice,
			job,
			step,
			pieces,
			companion,
		)
		.await;
		remove_any(&own)?;
		done
	}

	/// Makes the Groth16 proofs of a sector that stays where it is: they take nothing but the vanilla proof.
	async fn make_proofs(&self, lent: &Lent) -> Result<Response, TaskError> {
		let (subject, step) = (&lent.order.subject, lent.order.step);
		let root = self.base.join("visits").join(sector_name(subject.sector));
		let paths = SectorPaths {
			unsealed: root.join("unsealed"),
			sealed: root.join("sealed"),
			cache: root.join("cache"),
			work: root.join("work"),
		};
		self.bring(subject.sector, &paths, reads(step)).await?;
		let job = job(subject, paths);
		let nowhere = |piece: &CommP| self.pieces(subject.sector).join(piece_name(piece));
		let done = compute(&self.worker, self.sealing.nice, job, step, nowhere, None).await;
		remove_any(&root)?;
		done
	}

	/// Does a step in the worker's own store: of a sector that is at home there, or of a copy of it.
	async fn perform_at_home(
		&self,
		lent: &Lent,
		companion: Option<Companion>,
	) -> Result<Response, TaskError> {
		let (subject, step) = (&lent.order.subject, lent.order.step);
		let sector = subject.sector;
		let lock = self.store.lock(sector, LockMode::Write).await?;
		let lock = lock.ok_or_else(|| TaskError::later("the sector's files are being used"))?;
		let done = async {
			let parts = match lent.place {
				Place::Fetched if step != Step::Take => &SectorPart::ALL,
				Place::Fetched | Place::Visit => reads(step),
				_ => &[],
			};
			if !parts.is_empty() {
				self.store.allocate(sector, subject.sector_size).await?;
				let paths = self.store.sector(sector).await?;
				self.bring(sector, &paths, parts).await?;
			}
			if step == Step::Give {
				self.give_back(lent, &SectorPart::KEPT).await?;
				return Ok(Response::Done);
			}
			if step == Step::AddPieces {
				self.bring_pieces(lent).await?;
			}
			let sealer = self.sealer.with_pieces(self.pieces(sector));
			let response = sealer.perform(&lent.order, companion, &lock).await?;
			match (&lent.place, step) {
				(Place::Visit, _) => {
					self.give_back(lent, makes(step)).await?;
					self.sealer.remove(sector, &lock).await?;
				},
				// Somebody else makes the Groth16 proofs of it.
				(_, Step::Commit1 { .. }) if !self.proves() => {
					self.give_back(lent, makes(step)).await?;
				},
				_ => {},
			}
			Ok(response)
		};
		let done = done.await;
		lock.release().await?;
		if done.is_ok() {
			remove_any(&self.pieces(sector))?;
		}
		done
	}

	/// Whether it makes Groth16 proofs.
	fn proves(&self) -> bool {
		self.kinds.iter().any(|kind| kind == Kind::Commit2.name())
	}

	async fn give_back(&self, lent: &Lent, parts: &[SectorPart]) -> Result<(), TaskError> {
		let paths = self.store.sector(lent.order.subject.sector).await?;
		give(&self.client, &self.name, lent.id, &paths, parts).await
	}

	/// Fetches parts of a sector from the daemon.
	async fn bring(
		&self,
		sector: SectorNumber,
		paths: &SectorPaths,
		parts: &[SectorPart],
	) -> Result<(), TaskError> {
		let name = sector_name(sector);
		for part in parts {
			fetch(&self.client, part.name(), &name, part.of(paths)).await?;
		}
		Ok(())
	}

	/// Where the pieces of a sector are while they are added to it.
	pub(super) fn pieces(&self, sector: SectorNumber) -> PathBuf {
		self.base.join("pieces").join(sector_name(sector))
	}

	/// Fetches the pieces that are in no store that both reach.
	async fn bring_pieces(&self, lent: &Lent) -> Result<(), TaskError> {
		let folder = self.pieces(lent.order.subject.sector);
		for piece in &lent.order.subject.pieces {
			let is_shared = |shared: &Folder| shared.piece(&piece.commitment).is_file();
			let copies = matches!(lent.place, Place::Own | Place::Fetched);
			if !copies && self.shared.iter().any(is_shared) {
				continue;
			}
			let name = piece_name(&piece.commitment);
			let path = folder.join(&name);
			if !fetch(&self.client, "piece", &name, &path).await? {
				return Err(TaskError::later(format!("the daemon has no piece {name}")));
			}
		}
		Ok(())
	}
}
