"""One sync. The way of a page to standard output:

1. `SyncRun` (sync.py) makes a `StreamRun` with its reader for each selected stream, and the graph
   adds runs for lists that only dependents need.
2. A worker (workers.py) takes the next task from the `Schedule` (schedule.py), in the order of
   priority.py and within limits.py.
3. The task, a generator of the reader's, requests a page and yields a `Batch`.
4. `StreamRun` (stream_run.py) shapes and renders the records, advances the progress and puts the
   records and the state that includes them into the `WriteBuffer` (output.py). What they remove
   from other streams' tables goes before them (tombstones.py).
5. It hands the records to the dependents (handovers.py), which may yield batches of their own.
   What an audit reads goes into its own stream as well (copies.py).
6. The worker resumes the task. The main thread takes the output from the buffer and writes it.
7. When all runs have ended, the main thread writes `sync_reports` (report_rows.py), if selected.
"""
