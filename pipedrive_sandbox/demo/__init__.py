"""`make demo`: sync a sandbox into DuckDB and report the cost; a second run reads only changes."""
