"""What an audit costs, and how large its state is."""

from __future__ import annotations

import json
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import commands
from benchmarks.programs import run
from benchmarks.records import last_states
from benchmarks.service import Service

# What happens between two audits. Purged records, and those that were merged into others, leave no
# trace.
DELETED, MERGED, PURGED, EDITED = 1_000, 200, 50, 2_000
ANNOUNCED = re.compile(r"the audit (?:reads|of \w+ asks) .* about ([0-9,]+) tokens")
COMPLETE = re.compile(r"audited (\w+): ([0-9,]+) exist")
VERIFY = {"mode": "verify", "share_of_day": 100}
WEEK = {"advance_seconds": 7 * 86_400}


@dataclass(frozen=True)
class Figures:
    """announced, spent: tokens; found: deletions of which it was the first to report; records:
    those whose ids are whole numbers; bytes: their state; leads, lead_bytes: the same for UUIDs."""

    announced: int
    spent: int
    found: int
    records: int
    bytes: int
    leads: int
    lead_bytes: int


def measure(service: Service, files: Path) -> Figures:
    """The second audit of everything in `service`, a week after the first. Raises LookupError if it
    does not run to its end."""
    command = commands.read(service, "deleted_records", None, files, find_deleted_records=VERIFY)
    state = files / f"{service.pid}-audit-state.json"
    state.write_text(json.dumps(last_states(_messages(command, files))), encoding="utf-8")
    service.control("clock", WEEK)
    _delete(service)
    return _figures(_messages([*command, "--state", str(state)], files))


def _delete(service: Service) -> None:
    wanted = {"edits": EDITED, "deletes": DELETED, "adds": 0, "archives": 0}
    service.control("mutate", {"seed": 1, **wanted})
    for action, name, count in (("merge", "persons", MERGED + 1), ("purge", "activities", PURGED)):
        ids = [record["id"] for record in service.control(f"records/{name}")[:count]]
        service.control("change-records", {"action": action, "object": name, "ids": ids})
        if action == "merge":
            service.control("change-records", {"action": "purge", "object": name, "ids": ids[1:]})


def _messages(command: list[str], files: Path) -> list[dict[str, Any]]:
    with tempfile.TemporaryFile(dir=files) as output:
        run(command, output)
        output.seek(0)
        return list(map(json.loads, output))


def _figures(messages: list[dict[str, Any]]) -> Figures:
    (saved,) = last_states(messages)
    audit = saved["stream"]["stream_state"]["audit"]
    log = "\n".join(m["log"]["message"] for m in messages if m["type"] == "LOG")
    under_way = any("pass" in each for each in audit["objects"].values())
    if not (announced := ANNOUNCED.findall(log)) or under_way:
        raise LookupError("the log announces no tokens, or the audit is not complete")
    exist = {name: _number(count) for name, count in COMPLETE.findall(log)}
    rows = [m["record"]["data"] for m in messages if m["type"] == "RECORD"]
    leads, size = exist.pop("leads"), len(json.dumps(audit))
    lead_bytes = len(json.dumps(audit["objects"]["leads"]))
    return Figures(
        announced=sum(map(_number, announced)),
        spent=audit["spent"]["tokens"],
        found=sum(row.get("evidence") == "audit" for row in rows),
        records=sum(exist.values()),
        bytes=size - lead_bytes,
        leads=leads,
        lead_bytes=lead_bytes,
    )


def _number(text: str) -> int:
    return int(text.replace(",", ""))
