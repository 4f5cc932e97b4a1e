-- What the daemon remembers. Times are milliseconds since 1970, unsigned numbers that can exceed
-- 2^63 are decimal text, hashes are lower-case hexadecimal.

CREATE TABLE meta (
	name TEXT PRIMARY KEY,
	value TEXT NOT NULL
);

CREATE TABLE deals (
	id TEXT PRIMARY KEY,
	proposal BLOB NOT NULL,
	signature BLOB NOT NULL,
	client TEXT NOT NULL,
	nonce TEXT NOT NULL,
	comm_p TEXT NOT NULL,
	piece_bytes INTEGER NOT NULL,
	payload_bytes INTEGER NOT NULL,
	root TEXT NOT NULL,
	state TEXT NOT NULL,
	received INTEGER NOT NULL DEFAULT 0,
	deal_id INTEGER,
	sector INTEGER REFERENCES sectors (number),
	error TEXT,
	created_at INTEGER NOT NULL,
	changed_at INTEGER NOT NULL,
	UNIQUE (client, nonce)
);
CREATE INDEX deals_by_state ON deals (state, changed_at);
CREATE INDEX deals_by_piece ON deals (comm_p);
CREATE INDEX deals_by_sector ON deals (sector);

CREATE TABLE deal_events (
	id INTEGER PRIMARY KEY,
	deal TEXT NOT NULL REFERENCES deals (id),
	state TEXT NOT NULL,
	at INTEGER NOT NULL,
	block INTEGER,
	extrinsic TEXT
);
CREATE INDEX deal_events_by_deal ON deal_events (deal, id);

-- A published batch, written before it is sent: after a crash the chain is asked what became of it.
CREATE TABLE submissions (
	id INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	from_block INTEGER NOT NULL,
	at INTEGER NOT NULL,
	block INTEGER,
	extrinsic TEXT,
	outcome TEXT
);
CREATE INDEX submissions_by_subject ON submissions (kind, subject, id);

CREATE TABLE sectors (
	number INTEGER PRIMARY KEY,
	state TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	changed_at INTEGER NOT NULL,
	ticket_block INTEGER,
	ticket TEXT,
	comm_d TEXT,
	comm_r TEXT,
	expiration INTEGER,
	pre_commit_block INTEGER,
	pre_commit_extrinsic TEXT,
	seed TEXT,
	prove_commit_block INTEGER,
	prove_commit_extrinsic TEXT,
	deadline INTEGER,
	partition INTEGER,
	error TEXT
);

-- The pieces of a sector, in their order within it.
CREATE TABLE sector_pieces (
	sector INTEGER NOT NULL REFERENCES sectors (number),
	position INTEGER NOT NULL,
	deal TEXT NOT NULL UNIQUE REFERENCES deals (id),
	PRIMARY KEY (sector, position)
);

CREATE TABLE sector_stages (
	sector INTEGER NOT NULL REFERENCES sectors (number),
	stage TEXT NOT NULL,
	started_at INTEGER NOT NULL,
	finished_at INTEGER,
	runs INTEGER NOT NULL DEFAULT 1,
	PRIMARY KEY (sector, stage)
);

CREATE TABLE tasks (
	id INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	heavy INTEGER NOT NULL,
	priority INTEGER NOT NULL,
	state TEXT NOT NULL DEFAULT 'queued',
	attempts INTEGER NOT NULL DEFAULT 0,
	next_run_at INTEGER NOT NULL,
	lease_owner TEXT,
	lease_until INTEGER,
	error TEXT,
	created_at INTEGER NOT NULL,
	UNIQUE (kind, subject)
);
CREATE INDEX tasks_due ON tasks (state, heavy, next_run_at);

CREATE TABLE posts (
	window_open INTEGER NOT NULL,
	deadline INTEGER NOT NULL,
	partition INTEGER NOT NULL,
	sectors TEXT NOT NULL,
	block INTEGER NOT NULL,
	extrinsic TEXT,
	at INTEGER NOT NULL,
	PRIMARY KEY (window_open, deadline, partition)
);

CREATE TABLE refusals (
	id INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	error TEXT NOT NULL,
	block INTEGER NOT NULL,
	at INTEGER NOT NULL
);

CREATE TABLE settlements (
	id INTEGER PRIMARY KEY,
	deal_id INTEGER NOT NULL,
	blocks INTEGER NOT NULL,
	amount TEXT NOT NULL,
	block INTEGER NOT NULL,
	extrinsic TEXT NOT NULL,
	at INTEGER NOT NULL,
	UNIQUE (extrinsic, block, deal_id)
);

-- Where the blocks of the stored CAR files are.
CREATE TABLE blocks (
	cid TEXT NOT NULL,
	comm_p TEXT NOT NULL,
	position INTEGER NOT NULL,
	length INTEGER NOT NULL,
	PRIMARY KEY (cid, comm_p)
) WITHOUT ROWID;
CREATE INDEX blocks_by_piece ON blocks (comm_p);
