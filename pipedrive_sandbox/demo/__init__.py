"""`make demo`: a sandbox, a sync into DuckDB, and what it cost; again, and only the changes."""
