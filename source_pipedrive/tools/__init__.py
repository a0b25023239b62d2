"""The tools: commands for a person at a terminal, beside the four verbs of the protocol.

`command.py` runs one. Each tool is a module, or a package, with a function `run(job)` that
returns a `Report`, which `report.py` prints as text, or as JSON with --json. Their options are in
`source_pipedrive/arguments.py`, their pages in docs/.
"""
