-- The gateway tells what was here once from what never was.
CREATE INDEX deals_by_root ON deals (root);
