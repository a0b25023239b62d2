"""A sync without an audit does not pay for one: nothing of it runs for each record."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from integration_tests import program
from integration_tests.conftest import Start
from source_pipedrive.reading import audit
from source_pipedrive.run import main

FOLDER = Path(*audit.__path__)
READ = ("deals", "persons", "activities", "notes", "users", "pipelines", "deleted_records")
# What Pipedrive reports as changed and deleted is looked at with or without an audit.
OF_REPORTS = (
    *("reported.py", "merges.py", "verdicts.py:is_marked"),
    *("audit.py:Audit.has_reported", "audit.py:Audit.shown", "audit.py:Audit.note"),
)
# Of these streams, the larger company has more records. Waiting workers, and states that are saved
# every few seconds, call some functions more often on a busy machine, but not once for each record.
GROWING = ("deals", "persons", "activities", "notes")


def calls(start: Start, scale: float, file: Path) -> tuple[Counter[str], int]:
    """How often each function of reading/audit/ is called in a sync of a company of this size, and
    how many records its smallest growing stream has."""
    box = start(scale=scale, rate_limit=100_000)
    found: list[str] = []  # several threads add to it

    def note(frame: FrameType, event: str, argument: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.parent == FOLDER:
            found.append(f"{path.name}:{frame.f_code.co_qualname}")

    def counted(arguments: list[str]) -> None:
        threading.setprofile(note)
        sys.setprofile(note)
        try:
            main(arguments)
        finally:
            sys.setprofile(None)
            file.write_text(json.dumps(Counter(found)))

    catalog = box.file(program.catalog_of(box.streams(), *READ))
    arguments = ["read", "--config", box.file(box.config()), "--catalog", catalog]
    process, read = program.fork(counted, arguments, None)
    with os.fdopen(read, "rb") as output:
        messages = [json.loads(line) for line in output]
    _, status = os.waitpid(process, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    records = Counter(m["record"]["stream"] for m in messages if m["type"] == "RECORD")
    return Counter(json.loads(file.read_text())), min(records[name] for name in GROWING)


def test_nothing_of_the_audit_runs_for_each_record(start: Start, tmp_path: Path) -> None:
    small, few = calls(start, 0.1, tmp_path / "small.json")
    large, many = calls(start, 0.3, tmp_path / "large.json")
    assert many - few > 100
    assert large["reported.py:is_deleted"] - small["reported.py:is_deleted"] > many - few
    grown = {name for name, count in large.items() if count - small[name] >= many - few}
    assert [name for name in sorted(grown) if not name.startswith(OF_REPORTS)] == []
