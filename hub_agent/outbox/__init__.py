"""Where batches wait: the only user of SQLite."""
