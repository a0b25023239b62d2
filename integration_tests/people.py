"""People who work in a sandbox's company: what they do in a few hours, chosen at random."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from integration_tests import program
from integration_tests.conftest import Box, call

HOUR, DAY = 3_600, 86_400
ARCHIVABLE = ("deals", "leads", "projects")
OBJECTS = (
    *("deals", "persons", "organizations", "products", "activities"),
    *("notes", "files", "leads", "projects", "tasks"),
)
MERGEABLE = ("deals", "persons", "organizations")
LISTS = (*OBJECTS, *(f"{name}_archived" for name in ARCHIVABLE))
FEW = 4
PAUSES = (1, 7, 90, HOUR)


BREAK = 0.1  # seconds between two rounds of changes


@contextmanager
def at_work(box: Box, seed: int, *wanted: dict[str, Any]) -> Iterator[None]:
    """Makes these changes again and again, in a process of its own, while others sync."""
    child, output = program.fork(_work, [box.url, f"{seed}", f"{os.getpid()}", json.dumps(wanted)])
    try:
        yield
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(output)


def _work(arguments: list[str]) -> None:
    url, seed, parent, wanted = arguments
    chance = Random(int(seed))
    while os.getppid() == int(parent):  # if that is killed, nobody ends this process
        for changes in json.loads(wanted):
            call(url, "mutate", {"seed": chance.randrange(10**6), **changes})
            call(url, "clock", {"advance_seconds": 1})
        time.sleep(BREAK)


class People:
    """Changes records, and remembers which are gone. changed_at: when they last did."""

    def __init__(self, box: Box, chance: Random) -> None:
        self.changed_at = ""
        self.hidden: dict[str, list[Any]] = {}
        self._box = box
        self._chance = chance
        self._deleted: defaultdict[str, list[Any]] = defaultdict(list)

    def work(self, edits: int = 12) -> None:
        """Edits, additions, deletions, restored, merged, purged, archived and converted records."""
        chance = self._chance
        for wanted in (
            {"edits": edits, "objects": OBJECTS},
            {"edits": 6, "objects": ["deals"], "edit_kinds": ["products"]},
            {"adds": 12, "objects": OBJECTS},
            {"deletes": chance.randrange(5), "objects": OBJECTS},
            {"restores": chance.randrange(3), "objects": ["deals", "persons", "projects"]},
            {"archives": 4, "objects": ARCHIVABLE},
            {"unarchives": 3, "objects": ARCHIVABLE},
            {"conversions": chance.randrange(2)},
        ):
            self._mutate(**wanted)
        for name in chance.sample(OBJECTS, 3):
            self.change("delete", name, 1)
        for name in chance.sample(OBJECTS, 2):
            self.change("purge", name, 1)
        for name in chance.sample(MERGEABLE, 1):
            self.change("merge", name, 2)
        for name in chance.sample(OBJECTS, 3):
            self._restore(name)
        self.wait(90)  # nothing changed in the current second, nor in the last minute

    def _mutate(self, **wanted: Any) -> None:
        self._box.control("mutate", {"seed": self._chance.randrange(10**6), **wanted})
        self._changed()

    def change(self, action: str, name: str, count: int) -> list[Any]:
        """Does this to some records, unless few are left, and returns their ids."""
        ids = sorted(self.ids(name), key=str)
        ids = self._chance.sample(ids, count) if len(ids) > FEW else []
        self._change(action, name, ids)
        self._deleted[name] += {"delete": ids, "merge": ids[1:]}.get(action, [])
        return ids

    def _restore(self, name: str) -> None:
        hidden = self.hidden.get(name, ())
        deleted = self._deleted[name] = [i for i in self._deleted[name] if i not in hidden]
        if deleted:
            self._change("restore", name, [deleted.pop(self._chance.randrange(len(deleted)))])

    def _change(self, action: str, name: str, ids: list[Any]) -> None:
        self._box.control("change-records", {"action": action, "object": name, "ids": ids})
        self._changed()

    def hide(self, **counts: int) -> None:
        """The token's user loses access to some records of each object."""
        for name, count in counts.items():
            self.hidden[name] = self.change("hide", name, count)
        self.wait(90)

    def show(self) -> None:
        """The user gets access to all of them again."""
        for name, ids in self.hidden.items():
            self._change("show", name, ids)
        self.hidden = {}
        self.wait(90)

    def ids(self, name: str) -> set[Any]:
        """The ids of an object that the API lists, in its archive too."""
        lists = [each for each in (name, f"{name}_archived") if each in LISTS]
        found = [record for each in lists for record in self._box.control(f"records/{each}")]
        return {record["id"] for record in found if not record.get("is_deleted")}

    def _changed(self) -> None:
        self.changed_at = self._box.control("clock")["now"]
        self.wait(self._chance.choice(PAUSES))

    def wait(self, seconds: float) -> None:
        """Nobody does anything for so long."""
        self._box.control("clock", {"advance_seconds": seconds})
