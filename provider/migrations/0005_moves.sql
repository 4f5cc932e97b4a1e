-- Where proven sectors are to go that are, or are to be, with workers.
CREATE TABLE moves (
	sector INTEGER PRIMARY KEY,
	-- The worker that is to have it; none if it is to be in a store of the daemon's.
	worker TEXT,
	-- That store; none for the best one.
	store TEXT
);
