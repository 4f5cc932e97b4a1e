//! Where a file goes, and that there is room for it until it is all there. Room is counted by file system:
//! two stores on one disk do not have it twice.

use std::collections::BTreeMap;

use holdfast_primitives::SectorSize;

use super::{files::occupied, sector_of, Disks, FileType, Folder, SectorPaths, StoreMeta};
use crate::database::{from_row, to_row, Database, DatabaseError, Millis};

/// A store that was not heard of for so long is not written to.
pub const HEARTBEAT_MILLIS: Millis = 50_000;

/// What the room is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
	/// A sector is sealed there.
	Sealing,
	/// A copy is kept there.
	Storing,
}

impl Purpose {
	pub(super) const fn name(self) -> &'static str {
		match self {
			Self::Sealing => "sealing",
			Self::Storing => "storing",
		}
	}
}

/// How many bytes the sealing of a sector takes at most, its unsealed data and replica included.
pub fn sealing_bytes(size: SectorSize) -> u64 {
	let layers = if size.is_sound() { 11 } else { 2 };
	// Unsealed data, replica, layers, the data tree (twice the data), and the two trees of arity eight
	// (together a little over 8/7 of the data each; 3 is enough for both).
	size.bytes().saturating_mul(1 + 1 + layers + 2 + 3)
}

/// A store that may be chosen.
#[derive(Clone, Debug)]
pub struct Candidate {
	/// Its description.
	pub meta: StoreMeta,
	/// How many bytes can still be promised there.
	pub available: u64,
	/// When it was heard of last.
	pub heard_at: Option<Millis>,
	/// Whether something was wrong with it then.
	pub broken: bool,
}

/// What is to be put somewhere.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
	/// What for.
	pub purpose: Purpose,
	/// Which types.
	pub kinds: &'a [FileType],
	/// How many bytes.
	pub bytes: u64,
	/// The store that the files come from.
	pub from: Option<&'a StoreMeta>,
}

/// The stores that can take it, the best first: those with the most weighted room.
pub fn best_alloc<'a>(
	candidates: &'a [Candidate],
	wanted: Wanted<'_>,
	now: Millis,
) -> Vec<&'a Candidate> {
	let mut fitting: Vec<_> = candidates
		.iter()
		.filter(|store| {
			let purpose = match wanted.purpose {
				Purpose::Sealing => store.meta.can_seal,
				Purpose::Storing => store.meta.can_store,
			};
			let heard = store
				.heard_at
				.is_some_and(|at| now.saturating_sub(at) <= HEARTBEAT_MILLIS);
			purpose
				&& heard && !store.broken
				&& wanted.kinds.iter().all(|kind| store.meta.takes(*kind))
				&& wanted.from.is_none_or(|from| from.may_move_to(&store.meta))
				&& store.available >= wanted.bytes
		})
		.collect();
	let score = |store: &Candidate| {
		u128::from(store.available).saturating_mul(u128::from(store.meta.weight))
	};
	fitting.sort_by(|one, other| {
		score(other)
			.cmp(&score(one))
			.then_with(|| one.meta.id.cmp(&other.meta.id))
	});
	fitting
}

/// Room that is promised.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Reservation {
	/// For what.
	pub name: String,
	/// Why.
	pub purpose: String,
	/// Where.
	pub store: String,
	/// How much in all.
	pub bytes: i64,
}

/// How much of a reservation is not on disk yet.
fn outstanding(folder: &Folder, reservation: &Reservation) -> u64 {
	let bytes = u64::try_from(reservation.bytes).unwrap_or(0);
	let there = if reservation.purpose == Purpose::Sealing.name() {
		sector_of(&reservation.name).map_or(0, |number| on_disk(&folder.sector(number)))
	} else {
		FileType::ALL.into_iter().fold(0u64, |sum, kind| {
			sum.saturating_add(occupied(&folder.fetching(kind, &reservation.name)))
		})
	};
	bytes.saturating_sub(there)
}

fn on_disk(paths: &SectorPaths) -> u64 {
	[&paths.unsealed, &paths.sealed, &paths.cache, &paths.work]
		.into_iter()
		.fold(0u64, |sum, path| sum.saturating_add(occupied(path)))
}

/// How many bytes can still be promised in each store: what its file system has, less `min_free_bytes` and
/// what is promised on the same file system; and no more than its own limit.
pub fn available(
	folders: &[Folder],
	reservations: &[Reservation],
	used: &BTreeMap<String, u64>,
	disks: &dyn Disks,
	min_free_bytes: u64,
) -> BTreeMap<String, u64> {
	// What is on disk is looked at first: what is written in between then counts twice and not never.
	let promised: Vec<_> = reservations
		.iter()
		.filter_map(|reservation| {
			let folder = folders
				.iter()
				.find(|folder| folder.meta.id == reservation.store)?;
			Some((folder, outstanding(folder, reservation)))
		})
		.collect();
	let stats: Vec<_> = folders
		.iter()
		.map(|folder| disks.stat(&folder.root).ok())
		.collect();
	let system_of = |id: &str| {
		folders
			.iter()
			.zip(&stats)
			.find(|(folder, _)| folder.meta.id == id)
			.and_then(|(_, stat)| stat.map(|stat| stat.file_system))
	};
	folders
		.iter()
		.zip(&stats)
		.filter_map(|(folder, stat)| {
			let stat = (*stat)?;
			let sum = |of: &dyn Fn(&Folder) -> bool| {
				promised
					.iter()
					.filter(|(other, _)| of(other))
					.fold(0u64, |sum, (_, bytes)| sum.saturating_add(*bytes))
			};
			let on_system = sum(&|other| system_of(&other.meta.id) == Some(stat.file_system));
			let mut free = stat
				.free
				.saturating_sub(min_free_bytes)
				.saturating_sub(on_system);
			if folder.meta.max_storage > 0 {
				let here = sum(&|other| other.meta.id == folder.meta.id);
				let used = used.get(&folder.meta.id).copied().unwrap_or(0);
				free = free.min(
					folder
						.meta
						.max_storage
						.saturating_sub(used)
						.saturating_sub(here),
				);
			}
			Some((folder.meta.id.clone(), free))
		})
		.collect()
}

impl Database {
	/// Everything that is promised now.
	pub async fn reservations(&self, now: Millis) -> Result<Vec<Reservation>, DatabaseError> {
		Ok(sqlx::query_as(
			"SELECT name, purpose, store, bytes FROM store_reservations \
			 WHERE until IS NULL OR until > ? ORDER BY name, purpose",
		)
		.bind(now)
		.fetch_all(self.pool())
		.await?)
	}

	/// The store in which a sector is sealed, and where that is.
	pub(super) async fn sealing_store(
		&self,
		name: &str,
	) -> Result<Option<(String, String)>, DatabaseError> {
		Ok(sqlx::query_as(
			"SELECT stores.id, path FROM store_reservations \
			 JOIN stores ON stores.id = store_reservations.store \
			 WHERE name = ? AND purpose = 'sealing'",
		)
		.bind(name)
		.fetch_optional(self.pool())
		.await?)
	}

	/// Promises room, unless others were promised some since `known` was read. `false` then.
	pub(super) async fn reserve(
		&self,
		name: &str,
		wanted: Wanted<'_>,
		store: &str,
		holder: Option<(&str, Millis)>,
		known: &[Reservation],
		now: Millis,
	) -> Result<bool, DatabaseError> {
		let mut transaction = self.write().await?;
		let all: Vec<Reservation> = sqlx::query_as(
			"SELECT name, purpose, store, bytes FROM store_reservations \
			 WHERE until IS NULL OR until > ? ORDER BY name, purpose",
		)
		.bind(now)
		.fetch_all(&mut *transaction)
		.await?;
		if all.iter().any(|found| !known.contains(found)) {
			return Ok(false);
		}
		sqlx::query(
			"INSERT INTO store_reservations (name, purpose, store, bytes, holder, until) \
			 VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (name, purpose) DO UPDATE SET \
			 store = excluded.store, bytes = excluded.bytes, holder = excluded.holder, \
			 until = excluded.until",
		)
		.bind(name)
		.bind(wanted.purpose.name())
		.bind(store)
		.bind(to_row(wanted.bytes, "the size")?)
		.bind(holder.map(|(holder, _)| holder))
		.bind(holder.map(|(_, until)| until))
		.execute(&mut *transaction)
		.await?;
		transaction.commit().await?;
		Ok(true)
	}

	/// Gives a sector's room back.
	pub(super) async fn release_sealing(&self, name: &str) -> Result<(), DatabaseError> {
		sqlx::query("DELETE FROM store_reservations WHERE name = ? AND purpose = 'sealing'")
			.bind(name)
			.execute(self.pool())
			.await?;
		Ok(())
	}

	/// Gives the room back that was promised to sectors that are not being sealed any more. Returns how many.
	pub(super) async fn release_ended_sealing(&self) -> Result<u64, DatabaseError> {
		let promised: Vec<(String,)> =
			sqlx::query_as("SELECT name FROM store_reservations WHERE purpose = 'sealing'")
				.fetch_all(self.pool())
				.await?;
		let mut released = 0u64;
		for (name,) in promised {
			let Some(number) = sector_of(&name) else {
				continue;
			};
			let changed = sqlx::query(
				"DELETE FROM store_reservations WHERE name = ? AND purpose = 'sealing' AND EXISTS \
				 (SELECT 1 FROM sectors WHERE number = ? AND state IN ('active', 'failed', 'expired'))",
			)
			.bind(name)
			.bind(to_row(number, "the sector number")?)
			.execute(self.pool())
			.await?;
			released = released.saturating_add(changed.rows_affected());
		}
		Ok(released)
	}

	/// How many bytes the known files of each store have.
	pub(super) async fn used_bytes(&self) -> Result<BTreeMap<String, u64>, DatabaseError> {
		let rows: Vec<(String, i64)> =
			sqlx::query_as("SELECT store, SUM(bytes) FROM store_files GROUP BY store")
				.fetch_all(self.pool())
				.await?;
		rows.into_iter()
			.map(|(store, bytes)| Ok((store, from_row(bytes, "size")?)))
			.collect()
	}
}

#[cfg(test)]
mod tests {
	#![allow(clippy::unwrap_used)]
	use super::*;
	use crate::store::DiskStat;
	use proptest::prelude::*;
	use std::{fs, io, path::Path};

	fn candidate(id: &str, available: u64, weight: u64) -> Candidate {
		Candidate {
			meta: StoreMeta {
				id: id.into(),
				weight,
				..StoreMeta::default()
			},
			available,
			heard_at: Some(100_000),
			broken: false,
		}
	}

	fn wanted(bytes: u64) -> Wanted<'static> {
		Wanted {
			purpose: Purpose::Storing,
			kinds: &FileType::KEPT,
			bytes,
			from: None,
		}
	}

	fn ids(candidates: &[Candidate], wanted: Wanted<'_>, now: Millis) -> Vec<String> {
		best_alloc(candidates, wanted, now)
			.iter()
			.map(|store| store.meta.id.clone())
			.collect()
	}

	/// Row 59: what is dead, broken, full or does not take it is left out; the rest is in order.
	#[test]
	fn the_best_store_has_the_most_weighted_room() {
		let mut all = vec![
			candidate("a", 100, 1),
			candidate("b", 60, 2),
			candidate("c", 10, 100),
		];
		assert_eq!(ids(&all, wanted(50), 100_000), ["b", "a"]);
		assert_eq!(ids(&all, wanted(10), 100_000), ["c", "b", "a"]);
		assert_eq!(ids(&all, wanted(10), 150_000).len(), 3);
		assert!(ids(&all, wanted(10), 150_001).is_empty());
		all[0].broken = true;
		all[1].meta.can_store = false;
		assert_eq!(ids(&all, wanted(10), 100_000), ["c"]);
		all[2].heard_at = None;
		assert!(ids(&all, wanted(10), 100_000).is_empty());
		let mut sealing = wanted(10);
		sealing.purpose = Purpose::Sealing;
		assert_eq!(ids(&all, sealing, 100_000), ["b"]);
		let from = StoreMeta {
			allow_to: vec!["cold".into()],
			..StoreMeta::default()
		};
		sealing.from = Some(&from);
		assert!(ids(&all, sealing, 100_000).is_empty());
	}

	proptest! {
		/// Row 59: every chosen store fits, none that fits is left out, and the order is that of the score.
		#[test]
		fn a_choice_is_complete_and_sorted(
			stores in proptest::collection::vec(
				(0u64..100, 0u64..4, any::<bool>(), any::<bool>(), 0i64..100_000),
				0..12,
			),
			bytes in 0u64..100,
		) {
			let all: Vec<_> = (0..).zip(&stores).map(|(index, (available, weight, can, broken, at))| {
				let mut store = candidate(&format!("s{index}"), *available, *weight);
				store.meta.can_store = *can;
				store.broken = *broken;
				store.heard_at = Some(*at);
				store
			}).collect();
			let chosen = best_alloc(&all, wanted(bytes), 100_000);
			let fits = |store: &Candidate| store.meta.can_store && !store.broken && store.meta.weight > 0
				&& store.available >= bytes && store.heard_at.unwrap() >= 50_000;
			prop_assert_eq!(chosen.len(), all.iter().filter(|store| fits(store)).count());
			prop_assert!(chosen.iter().all(|store| fits(store)));
			let scores: Vec<_> = chosen.iter().map(|store| store.available * store.meta.weight).collect();
			prop_assert!(scores.windows(2).all(|pair| pair[0] >= pair[1]));
		}
	}

	#[derive(Debug)]
	struct OneDisk(u64);

	impl Disks for OneDisk {
		fn stat(&self, _: &Path) -> io::Result<DiskStat> {
			Ok(DiskStat {
				file_system: 1,
				free: self.0,
				total: 1 << 30,
			})
		}
	}

	/// Row 61: two stores on one file system do not have its room twice, and what is written does not count
	/// twice either.
	#[test]
	fn room_is_counted_by_file_system() {
		let folder = tempfile::tempdir().unwrap();
		let mut folders: Vec<_> = ["a", "b"]
			.map(|name| Folder::open(&folder.path().join(name)).unwrap())
			.into();
		let id = folders[0].meta.id.clone();
		let reservations = [Reservation {
			name: "s-1".into(),
			purpose: "sealing".into(),
			store: id.clone(),
			bytes: 600_000,
		}];
		let room = |folders: &[Folder], disk: u64, min_free| -> Vec<u64> {
			let used = BTreeMap::from([(id.clone(), 30_000)]);
			let all = available(folders, &reservations, &used, &OneDisk(disk), min_free);
			folders.iter().map(|folder| all[&folder.meta.id]).collect()
		};
		assert_eq!(room(&folders, 1_000_000, 0), [400_000, 400_000]);
		assert_eq!(room(&folders, 1_000_000, 300_000), [100_000, 100_000]);
		assert_eq!(room(&folders, 500_000, 0), [0, 0]);
		// What the sector has on disk is not promised any more.
		fs::write(folders[0].sector(1).sealed, vec![1; 131_072]).unwrap();
		assert_eq!(room(&folders, 868_928, 0), [400_000, 400_000]);
		// A store's own limit counts what is in it and what is promised in it.
		folders[0].meta.max_storage = 700_000;
		folders[1].meta.max_storage = 100_000;
		let left = 700_000 - 30_000 - (600_000 - 131_072);
		assert_eq!(room(&folders, 868_928, 0), [left, 100_000]);
	}
}
