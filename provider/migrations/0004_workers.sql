-- Machines that do computing tasks: the daemon itself, and workers that ask it for some.
CREATE TABLE workers (
	name TEXT PRIMARY KEY,
	-- Another one for each start of the worker.
	session TEXT NOT NULL,
	seen_at INTEGER NOT NULL,
	cordoned INTEGER NOT NULL DEFAULT 0,
	-- What it told of itself, as JSON.
	about TEXT NOT NULL DEFAULT '{}'
);

-- The worker whose own stores have the sector's files; none if they are in stores that the daemon has.
ALTER TABLE sectors ADD COLUMN home TEXT;
CREATE INDEX sectors_by_home ON sectors (home) WHERE home IS NOT NULL;

ALTER TABLE tasks ADD COLUMN started_at INTEGER;

-- What became of tasks; trimmed by number and age.
CREATE TABLE task_history (
	id INTEGER PRIMARY KEY,
	kind TEXT NOT NULL,
	subject TEXT NOT NULL,
	worker TEXT NOT NULL,
	started_at INTEGER NOT NULL,
	finished_at INTEGER NOT NULL,
	error TEXT
);
CREATE INDEX task_history_by_end ON task_history (finished_at);
