#![allow(clippy::unwrap_used)]
use std::{collections::BTreeMap, fs, time::Duration};

use super::{copies::Step, files::occupied, *};
use crate::database::{scratch, Sector, SectorState};
use proptest::prelude::*;

const SIZE: SectorSize = SectorSize::KiB2;

/// One file system of limited size with all stores on it.
#[derive(Debug)]
struct SharedDisk {
	roots: Vec<PathBuf>,
	capacity: u64,
}

impl SharedDisk {
	fn used(&self) -> u64 {
		self.roots.iter().map(|root| occupied(root)).sum()
	}
}

impl Disks for SharedDisk {
	fn stat(&self, path: &Path) -> io::Result<DiskStat> {
		fs::metadata(path)?;
		Ok(DiskStat {
			file_system: 1,
			free: self.capacity.saturating_sub(self.used()),
			total: self.capacity,
		})
	}
}

/// A database and a configured store.
struct Stores {
	folder: tempfile::TempDir,
	database: Database,
	store: Store,
}

impl Stores {
	async fn new() -> Self {
		let (folder, database) = scratch().await;
		let root = folder.path().join("base");
		let store = Store::open(database.clone(), &root, 0).await.unwrap();
		Self {
			folder,
			database,
			store,
		}
	}

	/// The daemon was killed and starts again.
	async fn restart(&mut self) {
		let root = self.folder.path().join("base");
		self.store = Store::open(self.database.clone(), &root, 0).await.unwrap();
	}

	async fn attach(&self, name: &str, change: impl FnOnce(&mut StoreMeta)) -> String {
		let mut meta = StoreMeta::default();
		change(&mut meta);
		let root = self.folder.path().join(name);
		self.store.attach(&root, meta).await.unwrap().meta.id
	}

	async fn sector(&self, state: SectorState) -> SectorNumber {
		let number = self
			.database
			.create_sector(&[], 0, 1)
			.await
			.unwrap()
			.unwrap();
		self.enter(number, state).await;
		number
	}

	async fn enter(&self, number: SectorNumber, state: SectorState) {
		let sector = self.database.sector(number).await.unwrap().unwrap();
		let sector = Sector { state, ..sector };
		self.database
			.save_sector(&sector, None, None, 1)
			.await
			.unwrap();
	}

	/// A sealed sector's files, in the places that it has.
	async fn seal(&self, number: SectorNumber) {
		let paths = self.store.sector(number).await.unwrap();
		let byte = u8::try_from(number % 200).unwrap();
		fs::write(&paths.unsealed, vec![byte; 2048]).unwrap();
		fs::write(&paths.sealed, vec![byte.wrapping_add(1); 2048]).unwrap();
		fs::create_dir_all(&paths.cache).unwrap();
		fs::create_dir_all(&paths.work).unwrap();
		for name in ["p_aux", "t_aux", "sc-02-data-tree-r-last.dat"] {
			fs::write(paths.cache.join(name), vec![byte; 96]).unwrap();
		}
		self.store.declare_sector(number).await.unwrap();
	}

	/// A sector that is proven and kept.
	async fn kept(&self) -> SectorNumber {
		let number = self.sector(SectorState::Active).await;
		self.seal(number).await;
		self.store.remove_sealing_files(number).await.unwrap();
		self.keep(number).await;
		number
	}

	async fn keep(&self, number: SectorNumber) {
		let lock = self.store.lock(number, LockMode::Write).await.unwrap();
		let lock = lock.unwrap();
		self.store.keep(number, &lock).await.unwrap();
		lock.release().await.unwrap();
	}

	async fn is_provable(&self, number: SectorNumber) -> bool {
		is_provable(&self.store.sector(number).await.unwrap(), SIZE)
	}

	/// The stores of a file's copies, the primary first.
	async fn copies(&self, kind: FileType, number: SectorNumber) -> Vec<String> {
		let found = self.database.find_file(kind, &sector_name(number)).await;
		let found = found.unwrap();
		let primaries = found.iter().filter(|row| row.is_primary).count();
		assert_eq!(primaries, usize::from(!found.is_empty()), "one primary");
		found.into_iter().map(|row| row.store).collect()
	}
}

/// A data folder of the time when there was one store without an index.
#[tokio::test]
async fn an_old_data_folder_is_taken_over() {
	let (folder, database) = scratch().await;
	let root = folder.path().join("base");
	for name in ["sealed", "cache/s-7", "pieces", "staging"] {
		fs::create_dir_all(root.join(name)).unwrap();
	}
	fs::write(
		root.join(META_FILE),
		r#"{"ID":"0011","Weight":10,"CanSeal":true,"CanStore":true,"MaxStorage":0}"#,
	)
	.unwrap();
	fs::write(root.join("sealed/s-7"), vec![1; 2048]).unwrap();
	for name in ["p_aux", "t_aux", "sc-02-data-tree-r-last.dat"] {
		fs::write(root.join("cache/s-7").join(name), "x").unwrap();
	}
	let piece = CommP([3; 32]);
	fs::write(root.join("pieces").join(piece_name(&piece)), "car").unwrap();
	let store = Store::open(database.clone(), &root, 0).await.unwrap();
	assert_eq!(store.id(), "0011");
	assert!(is_provable(&store.sector(7).await.unwrap(), SIZE));
	assert!(store.piece(&piece).is_file());
	let rows = database.store_files(None).await.unwrap();
	assert_eq!(rows.len(), 3);
	assert!(rows.iter().all(|row| row.is_primary && row.store == "0011"));
	// The folder may be elsewhere the next time.
	let moved = folder.path().join("moved");
	fs::rename(&root, &moved).unwrap();
	let store = Store::open(database, &moved, 0).await.unwrap();
	assert!(is_provable(&store.sector(7).await.unwrap(), SIZE));
}

/// A folder that is configured by mistake is refused, and nothing of it is remembered.
#[tokio::test]
async fn another_configured_store_is_refused() {
	let stores = Stores::new().await;
	let id = stores.store.id().to_owned();
	stores.database.set_meta(STORE_META, &id).await.unwrap();
	let other = stores.folder.path().join("other");
	let opened = Store::open(stores.database.clone(), &other, 0).await;
	assert!(matches!(opened, Err(StoreError::Other { .. })));
	assert_eq!(stores.database.stores().await.unwrap().len(), 1);
}

/// Row 58: attaching writes a description; the same ID at two places is refused; a file in a store that is
/// detached is not found, and one that is attached again is.
#[tokio::test]
async fn stores_are_attached_and_detached() {
	let stores = Stores::new().await;
	let id = stores.attach("b", |_| ()).await;
	let root = stores.folder.path().join("b");
	assert_eq!(StoreMeta::read(&root).unwrap().unwrap().id, id);
	let copy = stores.folder.path().join("c");
	fs::create_dir(&copy).unwrap();
	fs::copy(root.join(META_FILE), copy.join(META_FILE)).unwrap();
	assert!(matches!(
		stores.store.attach(&copy, StoreMeta::default()).await,
		Err(StoreError::InUse { .. })
	));
	let base = stores.store.id().to_owned();
	assert!(stores.store.detach(&base, true).await.is_err());
	assert!(stores.store.detach("none", false).await.is_err());

	let number = stores.kept().await;
	stores.store.move_sector(number, Some(&id)).await.unwrap();
	let error = stores.store.detach(&id, false).await.unwrap_err();
	assert!(error.to_string().contains("needed"), "{error}");
	assert!(stores.is_provable(number).await);
	stores.store.detach(&id, true).await.unwrap();
	assert!(!stores.is_provable(number).await);
	assert_eq!(stores.attach("b", |_| ()).await, id);
	assert!(stores.is_provable(number).await);
}

/// Row 58: what a store does not take is not put there.
#[tokio::test]
async fn sectors_are_sealed_where_a_description_allows_it() {
	let stores = Stores::new().await;
	for (name, weight, can_seal) in [("read-only", 0, true), ("cold", 1 << 40, false)] {
		stores
			.attach(name, |meta| {
				meta.weight = weight;
				meta.can_seal = can_seal;
			})
			.await;
	}
	stores
		.attach("no-cache", |meta| {
			meta.weight = 1 << 41;
			meta.deny_types = vec![FileType::Cache];
		})
		.await;
	let best = stores.attach("best", |meta| meta.weight = 1 << 20).await;
	stores.store.allocate(0, SIZE).await.unwrap();
	let sealed = stores.store.sector(0).await.unwrap().sealed;
	assert!(sealed.starts_with(stores.folder.path().join("best")));
	let error = stores.store.detach(&best, true).await.unwrap_err();
	assert!(error.to_string().contains("s-0"), "{error}");
}

/// Row 60: a restart changes nothing, a copied file appears, and a removed one goes when that is said.
#[tokio::test]
async fn the_index_survives_restarts_and_follows_the_disk() {
	let mut stores = Stores::new().await;
	let number = stores.kept().await;
	let before = stores.database.store_files(None).await.unwrap();
	stores.restart().await;
	assert_eq!(stores.database.store_files(None).await.unwrap(), before);
	let base = stores.store.folders().remove(0);
	fs::copy(base.sector(number).sealed, base.sector(77).sealed).unwrap();
	fs::remove_file(base.sector(number).sealed).unwrap();
	let found = stores.store.redeclare(None, false).await.unwrap();
	assert_eq!((found.added, found.missing), (1, 1));
	assert_eq!(stores.copies(FileType::Sealed, 77).await.len(), 1);
	assert_eq!(stores.copies(FileType::Sealed, number).await.len(), 1);
	let found = stores.store.redeclare(None, true).await.unwrap();
	assert_eq!((found.added, found.missing), (0, 1));
	assert!(stores.copies(FileType::Sealed, number).await.is_empty());
}

/// Row 61: two stores on one file system with room for one sector: the second one waits until the first one
/// is done, and a crash gives nothing away and keeps nothing.
#[tokio::test]
async fn a_second_sector_waits_for_room() {
	let mut stores = Stores::new().await;
	stores.attach("b", |_| ()).await;
	let (first, second) = (
		stores.sector(SectorState::AddingPiece).await,
		stores.sector(SectorState::AddingPiece).await,
	);
	let mut disk = SharedDisk {
		roots: ["base", "b"]
			.map(|name| stores.folder.path().join(name))
			.into(),
		capacity: 0,
	};
	disk.capacity = disk.used() + sealing_bytes(SIZE) * 3 / 2;
	let disk = Arc::new(disk);
	stores.store.disks = disk.clone();
	stores.store.allocate(first, SIZE).await.unwrap();
	stores.store.allocate(first, SIZE).await.unwrap();
	let error = stores.store.allocate(second, SIZE).await.unwrap_err();
	assert!(error.is_outage(), "{error}");
	// Killed while it waits and seals: the promise still holds.
	stores.restart().await;
	stores.store.disks = disk;
	assert!(stores.store.allocate(second, SIZE).await.is_err());
	// Killed after the sector was given up and before its files were removed.
	stores.seal(first).await;
	stores.enter(first, SectorState::Failed).await;
	stores.store.tidy().await.unwrap();
	assert!(stores.copies(FileType::Sealed, first).await.is_empty());
	let paths = stores.store.sector(first).await.unwrap();
	assert!(!paths.sealed.exists() && !paths.work.exists());
	stores.store.allocate(second, SIZE).await.unwrap();
	assert_eq!(stores.database.reservations(1).await.unwrap().len(), 1);
}

/// Row 62: a move that is killed at any step leaves one whole primary, and can be made again.
#[tokio::test]
async fn a_move_can_be_killed_at_any_step() {
	for step in Step::ALL {
		let mut stores = Stores::new().await;
		let id = stores.attach("b", |_| ()).await;
		let number = stores.kept().await;
		let paths = stores.store.sector(number).await.unwrap();
		let before = [&paths.sealed, &paths.cache].map(|path| digest(path).unwrap());
		let lock = stores.store.lock(number, LockMode::Write).await.unwrap();
		let lock = lock.unwrap();
		let error = stores
			.store
			.move_locked(number, Some(&id), &lock, &|at| at == step)
			.await
			.unwrap_err();
		assert!(matches!(error, StoreError::Move { .. }), "{error}");
		// As after a kill, the lock and the room are still taken.
		std::mem::forget(lock);
		stores.restart().await;
		assert!(stores.database.reservations(1).await.unwrap().is_empty());
		let paths = stores.store.sector(number).await.unwrap();
		let after = [&paths.sealed, &paths.cache].map(|path| digest(path).unwrap());
		assert_eq!(before, after, "{step:?}");
		assert!(stores.is_provable(number).await);

		let moved = stores.store.move_sector(number, Some(&id)).await.unwrap();
		assert_eq!(moved, id);
		let now = crate::database::now();
		stores.store.mark_garbage(now).await.unwrap();
		stores
			.store
			.sweep_garbage(Duration::ZERO, now)
			.await
			.unwrap();
		for kind in FileType::KEPT {
			assert_eq!(
				stores.copies(kind, number).await,
				std::slice::from_ref(&id),
				"{step:?}"
			);
		}
		let base = stores.store.base.clone();
		assert!(!base.sector(number).sealed.exists() && !base.sector(number).cache.exists());
		let leftovers = fs::read_dir(stores.folder.path().join("b/fetching")).unwrap();
		assert_eq!(leftovers.count(), 0);
	}
}

/// Rows 64 and 66: while a proof reads, a move makes the new copy and leaves the old one; it is removed
/// later, and only it.
#[tokio::test]
async fn a_move_takes_nothing_from_a_proof() {
	let stores = Stores::new().await;
	let id = stores.attach("b", |_| ()).await;
	let number = stores.kept().await;
	let other = stores.kept().await;
	let pinned = stores.store.pin(&[number]).await.unwrap();
	stores.store.move_sector(number, Some(&id)).await.unwrap();
	assert!(is_provable(&pinned.paths[0], SIZE));
	assert!(stores.is_provable(number).await);
	let base = stores.store.id().to_owned();
	assert_eq!(
		stores.copies(FileType::Sealed, number).await,
		[id.clone(), base]
	);
	let now = crate::database::now();
	assert_eq!(stores.store.mark_garbage(now).await.unwrap().len(), 2);
	let sweep = async || {
		let swept = stores.store.sweep_garbage(Duration::ZERO, now).await;
		swept.unwrap().len()
	};
	assert_eq!(sweep().await, 0);
	let old = pinned.paths[0].clone();
	stores.store.unpin(pinned).await.unwrap();
	assert_eq!(sweep().await, 2);
	assert!(!old.sealed.exists());
	assert!(stores.is_provable(number).await && stores.is_provable(other).await);
	// A writer in the middle of something, or one that crashed there, does not keep a proof waiting.
	let _lock = stores.store.lock(number, LockMode::Write).await.unwrap();
	assert!(stores.store.pin(&[number]).await.is_ok());
	assert!(stores.store.move_sector(number, None).await.is_err());
}

/// Row 74: a proven sector leaves the store that may only seal.
#[tokio::test]
async fn what_is_kept_goes_to_a_store_that_keeps() {
	let stores = Stores::new().await;
	let fast = stores
		.attach("fast", |meta| {
			meta.weight = 1 << 30;
			meta.can_store = false;
			meta.allow_to = vec!["cold".into()];
		})
		.await;
	let number = stores.sector(SectorState::Finalizing).await;
	stores.store.allocate(number, SIZE).await.unwrap();
	stores.seal(number).await;
	assert_eq!(
		stores.copies(FileType::Cache, number).await,
		std::slice::from_ref(&fast)
	);
	stores.store.remove_sealing_files(number).await.unwrap();
	// The configured store is in no group that it may be moved to.
	let lock = stores.store.lock(number, LockMode::Write).await.unwrap();
	let lock = lock.unwrap();
	assert!(stores.store.keep(number, &lock).await.is_err());
	lock.release().await.unwrap();
	let cold = stores
		.attach("cold", |meta| {
			meta.can_seal = false;
			meta.groups = vec!["cold".into()];
		})
		.await;
	stores.keep(number).await;
	for kind in FileType::KEPT {
		assert_eq!(
			stores.copies(kind, number).await,
			std::slice::from_ref(&cold)
		);
	}
	assert!(stores.is_provable(number).await);
	assert!(stores.copies(FileType::Unsealed, number).await.is_empty());
	assert!(stores.database.reservations(1).await.unwrap().is_empty());
}

/// Row 75: a missing, a cut and a changed file are each found by the check that can see it.
#[tokio::test]
async fn damage_is_found() {
	let stores = Stores::new().await;
	let (gone, cut, changed) = (
		stores.kept().await,
		stores.kept().await,
		stores.kept().await,
	);
	assert!(stores.store.check(SIZE).await.unwrap().is_empty());
	let scrubbed = stores.store.scrub().await.unwrap();
	assert_eq!((scrubbed.intact, scrubbed.recorded), (6, 0));
	let paths = async |number| stores.store.sector(number).await.unwrap();
	fs::remove_file(paths(gone).await.cache.join("t_aux")).unwrap();
	fs::write(paths(cut).await.sealed, vec![0; 2047]).unwrap();
	let mut bytes = fs::read(paths(changed).await.sealed).unwrap();
	bytes[1000] ^= 1;
	fs::write(paths(changed).await.sealed, bytes).unwrap();
	let found = stores.store.check(SIZE).await.unwrap();
	let names: Vec<_> = found
		.iter()
		.map(|problem| (problem.kind.as_str(), problem.name.clone()))
		.collect();
	assert_eq!(
		names,
		[("sealed", sector_name(cut)), ("cache", sector_name(gone))]
	);
	let scrubbed = stores.store.scrub().await.unwrap();
	assert_eq!(scrubbed.intact, 3);
	let mut names: Vec<_> = scrubbed
		.problems
		.iter()
		.map(|problem| problem.name.clone())
		.collect();
	names.sort();
	assert_eq!(
		names,
		[sector_name(gone), sector_name(cut), sector_name(changed)]
	);
	// A store that is gone is a problem of its own.
	let id = stores.attach("b", |_| ()).await;
	fs::remove_file(stores.folder.path().join("b").join(META_FILE)).unwrap();
	let found = stores.store.check(SIZE).await.unwrap();
	assert_eq!((found[0].kind.as_str(), &found[0].name), ("store", &id));
	assert!(found[0].problem.contains("mounted"));
}

/// Row 77: what is live is never marked, what is marked stays until it is swept, and what is needed again
/// loses its mark.
#[tokio::test]
async fn garbage_is_marked_first_and_removed_later() {
	let stores = Stores::new().await;
	let live = stores.kept().await;
	let over = stores.kept().await;
	let revived = stores.kept().await;
	let base = stores.store.base.clone();
	// Of this sector the database knows nothing: it may be live all the same.
	fs::write(base.sector(900).sealed, "x").unwrap();
	fs::write(base.piece(&CommP([4; 32])), "car").unwrap();
	assert_eq!(stores.store.mark_garbage(10).await.unwrap().len(), 1);
	stores.enter(over, SectorState::Expired).await;
	stores.enter(revived, SectorState::Failed).await;
	let marked = stores.store.mark_garbage(20).await.unwrap();
	assert_eq!(marked.len(), 5);
	assert_eq!(marked[0].marked_at, 10);
	let names: Vec<_> = marked.iter().map(|garbage| &garbage.name).collect();
	assert!(!names.contains(&&sector_name(live)) && !names.contains(&&sector_name(900)));
	assert!(base.sector(over).sealed.exists() && base.piece(&CommP([4; 32])).exists());

	stores.enter(revived, SectorState::Active).await;
	let grace = Duration::from_millis(10);
	let sweep = async |at| stores.store.sweep_garbage(grace, at).await.unwrap().len();
	assert_eq!(sweep(19).await, 0);
	assert_eq!(sweep(20).await, 1);
	assert!(base.sector(over).sealed.exists());
	assert_eq!(sweep(30).await, 2);
	assert!(!base.sector(over).sealed.exists() && !base.sector(over).cache.exists());
	assert!(stores.is_provable(live).await && stores.is_provable(revived).await);
	assert!(base.sector(900).sealed.exists());
	assert!(stores.store.mark_garbage(40).await.unwrap().is_empty());
}

#[tokio::test]
async fn removing_takes_exactly_the_sector() {
	let stores = Stores::new().await;
	let (one, eleven) = (stores.kept().await, stores.kept().await);
	stores.seal(one).await;
	stores.store.remove_sealing_files(one).await.unwrap();
	let paths = stores.store.sector(one).await.unwrap();
	assert!(paths.sealed.exists() && !paths.unsealed.exists());
	for _ in 0..2 {
		stores.store.remove_sector(one).await.unwrap();
	}
	assert!(!paths.sealed.exists() && !paths.cache.exists());
	assert!(stores.is_provable(eleven).await);
}

#[tokio::test]
async fn free_space_leaves_the_reserve_alone_and_counts_a_disk_once() {
	let stores = Stores::new().await;
	stores.attach("b", |_| ()).await;
	let mut store = stores.store.clone();
	store.disks = Arc::new(SharedDisk {
		roots: Vec::new(),
		capacity: 1000,
	});
	assert_eq!(store.free_bytes().unwrap(), 1000);
	store.min_free_bytes = 400;
	assert_eq!(store.free_bytes().unwrap(), 600);
	store.min_free_bytes = 2000;
	assert_eq!(store.free_bytes().unwrap(), 0);
}

#[test]
fn full_disks_are_recognised() {
	let error = io::Error::from_raw_os_error(28);
	assert!(is_full_disk(&error.to_string()));
	let full = StoreError::Files {
		path: "/x".into(),
		source: error,
	};
	assert!(full.is_outage());
	assert!(!is_full_disk("permission denied"));
}

#[derive(Clone, Debug)]
enum Op {
	Begin,
	Seal(u8),
	Finish(u8),
	GiveUp(u8),
	End(u8),
	Move(u8, bool),
	Pin(u8),
	Unpin,
	Mark,
	Sweep,
	Restart,
}

fn operations() -> impl Strategy<Value = Vec<Op>> {
	let one = prop_oneof![
		3 => Just(Op::Begin),
		3 => (0u8..6).prop_map(Op::Seal),
		3 => (0u8..6).prop_map(Op::Finish),
		1 => (0u8..6).prop_map(Op::GiveUp),
		1 => (0u8..6).prop_map(Op::End),
		3 => (0u8..6, any::<bool>()).prop_map(|(sector, to)| Op::Move(sector, to)),
		1 => (0u8..6).prop_map(Op::Pin),
		1 => Just(Op::Unpin),
		1 => Just(Op::Mark),
		2 => Just(Op::Sweep),
		1 => Just(Op::Restart),
	];
	proptest::collection::vec(one, 1..40)
}

proptest! {
	#![proptest_config(ProptestConfig::with_cases(24))]

	/// Rows 59, 61, 62, 64 and 77 over random sequences: what is proven stays provable, of every file exactly
	/// one copy counts, what a proof reads stays, promises never exceed the disk, and in the end nothing is
	/// left over.
	#[test]
	fn nothing_is_lost_and_nothing_leaks(operations in operations()) {
		let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
		runtime.block_on(async {
			let mut stores = Stores::new().await;
			let other = stores.attach("b", |_| ()).await;
			let mut states: BTreeMap<SectorNumber, SectorState> = BTreeMap::new();
			let mut sealed: Vec<SectorNumber> = Vec::new();
			let mut pinned: Vec<Pinned> = Vec::new();
			let mut clock = crate::database::now();
			for operation in operations {
				clock += 10;
				let known = |index: u8| states.iter().nth(usize::from(index)).map(|(n, s)| (*n, *s));
				match operation {
					Op::Begin => {
						let number = stores.sector(SectorState::AddingPiece).await;
						stores.store.allocate(number, SIZE).await.unwrap();
						states.insert(number, SectorState::AddingPiece);
					},
					Op::Seal(index) => if let Some((number, SectorState::AddingPiece)) = known(index) {
						stores.seal(number).await;
						sealed.push(number);
					},
					Op::Finish(index) => if let Some((number, SectorState::AddingPiece)) = known(index) {
						if sealed.contains(&number) {
							stores.store.remove_sealing_files(number).await.unwrap();
							stores.keep(number).await;
							stores.enter(number, SectorState::Active).await;
							states.insert(number, SectorState::Active);
						}
					},
					Op::GiveUp(index) => if let Some((number, SectorState::AddingPiece)) = known(index) {
						// The crash comes before the files are removed.
						stores.enter(number, SectorState::Failed).await;
						states.insert(number, SectorState::Failed);
					},
					Op::End(index) => if let Some((number, SectorState::Active)) = known(index) {
						stores.enter(number, SectorState::Expired).await;
						states.insert(number, SectorState::Expired);
					},
					Op::Move(index, to) => if let Some((number, SectorState::Active)) = known(index) {
						let base = stores.store.id().to_owned();
						let to = if to { &other } else { &base };
						stores.store.move_sector(number, Some(to)).await.unwrap();
					},
					Op::Pin(index) => if let Some((number, SectorState::Active)) = known(index) {
						pinned.push(stores.store.pin(&[number]).await.unwrap());
					},
					Op::Unpin => if let Some(last) = pinned.pop() {
						stores.store.unpin(last).await.unwrap();
					},
					Op::Mark => { stores.store.mark_garbage(clock).await.unwrap(); },
					Op::Sweep => { stores.store.sweep_garbage(Duration::from_millis(5), clock).await.unwrap(); },
					Op::Restart => {
						// Proofs end with the daemon.
						pinned.clear();
						stores.restart().await;
					},
				}
				for (number, state) in &states {
					if *state == SectorState::Active {
						prop_assert!(stores.is_provable(*number).await);
						for kind in FileType::KEPT {
							prop_assert!(!stores.copies(kind, *number).await.is_empty());
						}
					}
				}
				for pin in &pinned {
					prop_assert!(is_provable(&pin.paths[0], SIZE));
				}
			}
			for pin in pinned {
				stores.store.unpin(pin).await.unwrap();
			}
			stores.store.tidy().await.unwrap();
			clock += 10;
			stores.store.mark_garbage(clock).await.unwrap();
			stores.store.sweep_garbage(Duration::ZERO, clock).await.unwrap();
			let promised = stores.database.reservations(clock).await.unwrap();
			let sealing = states.values().filter(|state| **state == SectorState::AddingPiece).count();
			prop_assert_eq!(promised.len(), sealing);
			for row in stores.database.store_files(None).await.unwrap() {
				let state = states[&sector_of(&row.name).unwrap()];
				prop_assert!(matches!(state, SectorState::Active | SectorState::AddingPiece), "{row:?}");
				prop_assert!(state != SectorState::Active || (row.is_primary && row.kind != "unsealed"));
			}
			// What the index does not know is not on disk either.
			for folder in stores.store.folders() {
				let rows = stores.database.store_files(Some(&folder.meta.id)).await.unwrap();
				prop_assert_eq!(folder.scan().unwrap().len(), rows.len());
			}
			Ok(())
		})?;
	}
}
