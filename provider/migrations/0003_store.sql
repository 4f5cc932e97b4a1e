-- Where files are. A store is known by the ID in its `sectorstore.json`.

CREATE TABLE stores (
	id TEXT PRIMARY KEY,
	path TEXT NOT NULL,
	attached INTEGER NOT NULL DEFAULT 1,
	attached_at INTEGER NOT NULL,
	checked_at INTEGER,
	error TEXT
);

-- The files: a sector's are named `s-<number>`, a piece's `<CommP>.car`. Of all copies one is the primary,
-- which is never removed while the file is needed.
CREATE TABLE store_files (
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	store TEXT NOT NULL REFERENCES stores (id),
	is_primary INTEGER NOT NULL,
	bytes INTEGER NOT NULL,
	digest TEXT,
	declared_at INTEGER NOT NULL,
	PRIMARY KEY (kind, name, store)
);
CREATE UNIQUE INDEX store_files_primary ON store_files (kind, name) WHERE is_primary;
CREATE INDEX store_files_by_name ON store_files (name);
CREATE INDEX store_files_by_store ON store_files (store);

-- Room that is promised. That of a sector lasts until it is finalized or given up; that of a copy has the
-- holder of its lock, and ends with it.
CREATE TABLE store_reservations (
	name TEXT NOT NULL,
	purpose TEXT NOT NULL,
	store TEXT NOT NULL REFERENCES stores (id),
	bytes INTEGER NOT NULL,
	holder TEXT,
	until INTEGER,
	PRIMARY KEY (name, purpose)
);

-- Who works on which files, until when. A pin is a proof's: it waits for nobody, and while it lasts nothing
-- is removed.
CREATE TABLE store_locks (
	name TEXT NOT NULL,
	holder TEXT NOT NULL,
	mode TEXT NOT NULL,
	until INTEGER NOT NULL,
	PRIMARY KEY (name, holder)
);

-- What nothing needs any more, to be removed after a while.
CREATE TABLE store_garbage (
	kind TEXT NOT NULL,
	name TEXT NOT NULL,
	store TEXT NOT NULL,
	reason TEXT NOT NULL,
	bytes INTEGER NOT NULL,
	marked_at INTEGER NOT NULL,
	PRIMARY KEY (kind, name, store)
);
