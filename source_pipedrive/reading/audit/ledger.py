"""What is kept of one object from pass to pass, and from sync to sync.

{"closed": "2026-11-16T10:00:00Z",  when the last complete pass began
 "viewer": "5f3a...",               who read then (viewer.py)
 "present": "eJ...",                what was there then (P)
 "existing": 12000,                 how many the pass found
 "highest": 12400,                  the highest id until then (M)
 "top": 12500,                      the same, if ids above M have not been asked about
 "reported": "eJ...",               what has been declared deleted and has not come back
 "hidden": "eJ...",                 what has been reported as unreachable
 "declared": [["2026-...", "eJ..."]],   what was declared lately, and when
 "parents": "eJ... eJ...",          the deals of products or installments
 "held": 1200,                      a finding that waits for the user's word
 "flagged": "eJ...",                what Pipedrive reported while no audit was asked for, and what a
                                    pass that has not closed did
 "stopped": true,                   the object had too many ids to keep
 "asked": "2026-11-16T10:00:00Z",   when a pass ended without being complete
 "tokens": 460,                     what the last pass over its lists cost
 "pass": {"begun", "viewer", "seen", "settled", "absent", "marked", "unsure", "walks", "tokens",
          "tries", "verified", "failed"}}     a pass under way: see `Current`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from source_pipedrive.reading.audit.declarations import Declarations
from source_pipedrive.reading.audit.ids import Numbers, Uuids
from source_pipedrive.reading.audit.parents import Parents
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.stream.audited import Audited

# Sets of one kind; a pass never mixes them.
Ids = Any
TRIES = 3


@dataclass
class Current:
    """A pass under way. begun: in seconds since 1970; viewer: the mark of who reads; seen: ids
    that were found; settled: the highest id that was assigned before the sync; absent, marked,
    unsure: what verification said; walks: how far each list is; tokens: what they have cost;
    verified: what is gone, by the time of the rows that the verifying sync would have written;
    tries: syncs that have begun to ask about children, which cannot be resumed; postponed: what was
    assigned since the last pass is left to the next one; failed: the last group about which no
    request was answered."""

    begun: int
    viewer: str
    seen: Ids
    absent: Ids
    marked: Ids
    unsure: Ids
    settled: int = 0
    walks: list[dict[str, Any]] = field(default_factory=list)
    tokens: int = 0
    verified: list[tuple[int, Ids]] = field(default_factory=list)
    tries: int = 0
    postponed: bool = False
    failed: Ids = field(default_factory=Numbers)

    def find(self, postponed: bool) -> None:
        """The candidates are known."""
        self.postponed = postponed

    def try_again(self) -> bool:
        """Counts a sync that asks about children; False if enough have been cut short."""
        self.tries += 1
        return self.tries <= TRIES

    def fail(self, ids: Ids) -> None:
        """A request for these fails, so they are asked about in smaller ones."""
        self.failed = ids

    def verify(self, time: int, ids: Ids) -> None:
        """These are gone, as of this time."""
        if self.verified and self.verified[-1][0] == time:
            ids = self.verified.pop()[1] | ids
        if len(ids):
            self.verified.append((time, ids))

    def miss(self, time: int, ids: Ids) -> None:
        """No list has these, as of this time, and the user sees what the pass began with."""
        self.absent = self.absent | ids
        self.verify(time, ids)

    def verified_at(self, id_: Any) -> int | None:
        """The time as of which this id is gone."""
        return next((time for time, ids in reversed(self.verified) if id_ in ids), None)

    def spend(self, tokens: int) -> None:
        """A page has been read."""
        self.tokens += tokens

    def settle(self, id_: int) -> None:
        """This id was assigned before the sync."""
        self.settled = max(self.settled, id_)

    def forget(self, ids: Ids) -> None:
        """These were seen, or judged, but a row says by now what became of them."""
        self.seen, self.absent = self.seen - ids, self.absent - ids
        self.marked, self.unsure = self.marked - ids, self.unsure - ids
        self.verified = [(time, known - ids) for time, known in self.verified]

    def save(self, walks: list[dict[str, Any]]) -> None:
        """The lists have been read so far."""
        self.walks = walks

    @property
    def gone(self) -> Ids:
        """What is not there any more, or not to be seen."""
        # A later sync may have seen what came back since an earlier one verified it.
        return (self.absent | self.marked) - self.seen


class Kept:
    """One object's part of the state. It has so many attributes because each is a part of that
    state (see above), and a pass changes them together."""

    def __init__(self, audited: Audited, saved: Mapping[str, Any]) -> None:
        """saved: what `dump` returned. Raises KeyError, TypeError, ValueError or AttributeError if
        it cannot be read."""
        self.audited = audited
        self.present = self._load(saved.get("present", ""))
        self.reported = self._load(saved.get("reported", ""))
        self.hidden = self._load(saved.get("hidden", ""))
        self.declared = Declarations(saved.get("declared", ()), self._load)
        self.parents = Parents(saved.get("parents", ""))
        self.flagged = self._load(saved.get("flagged", ""))
        self.existing = int(saved.get("existing", len(self.present)))
        self.highest = int(saved.get("highest", 0))
        self.top = int(saved.get("top", self.highest))
        self.closed = instant(saved["closed"]) if "closed" in saved else 0
        self.viewer = str(saved.get("viewer", ""))
        self.asked = instant(saved["asked"]) if "asked" in saved else 0
        self.tokens = int(saved.get("tokens", 0))
        self.held = int(saved.get("held", 0))
        self.stopped = bool(saved.get("stopped"))
        self.current = self._load_pass(saved["pass"]) if "pass" in saved else None

    def _load(self, text: str) -> Ids:
        return (Uuids if self.audited.uuids else Numbers).load(text)

    def _load_pass(self, saved: Mapping[str, Any]) -> Current:
        seen, uuids = saved["seen"], self.audited.uuids
        return Current(
            begun=instant(saved["begun"]),
            viewer=str(saved["viewer"]),
            seen=Uuids.load(seen, self.present) if uuids else self._load(seen),
            **{name: self._load(saved[name]) for name in ("absent", "marked", "unsure")},
            settled=int(saved["settled"]),
            walks=list(saved["walks"]),
            tokens=int(saved["tokens"]),
            tries=int(saved.get("tries", 0)),
            verified=[(instant(time), self._load(ids)) for time, ids in saved.get("verified", ())],
            failed=self._load(saved.get("failed", "")),
        )

    def ids(self, ids: Iterable[Any] = ()) -> Ids:
        """A set of this object's ids."""
        return Uuids(ids) if self.audited.uuids else Numbers(ids)

    @property
    def price(self) -> int | None:
        """About how many tokens the lists will cost; None before the first complete pass."""
        if not self.closed:
            return None
        return max(0, self.tokens - (self.current.tokens if self.current else 0))

    def begin(self, now: int, viewer: str) -> Current:
        """Begins a pass; one under way starts over."""
        self.held, self.stopped = 0, False
        self.current = Current(now, viewer, self.ids(), self.ids(), self.ids(), self.ids())
        return self.current

    def discard(self) -> None:
        """Forgets the pass under way."""
        self.current = None

    def hold(self, finding: int) -> None:
        """The pass waits for the user's word on so many records."""
        self.held = finding

    def postpone(self, now: int) -> None:
        """Ends the pass under way. The next one begins when it is due, counted from `now`."""
        self.current, self.asked = None, now

    def report(self, ids: Iterable[Any], unreachable: bool = False, time: int = 0) -> None:
        """These are being reported as deleted, or as unreachable, in rows with this time. A pass
        under way may have seen them before."""
        new = self.ids(ids)
        if unreachable:
            self.hidden = self.hidden | new
        else:
            # Pipedrive reports it for a month only, and no later pass asks about it.
            self.declared.add(time, new - self.reported)
            self.reported = self.reported | new
        if self.current is not None:
            self.current.forget(new)

    def reopen(self, ids: Iterable[Any]) -> None:
        """Pipedrive shows these. A pass under way asks again about those that it has not found."""
        if self.current is not None:
            self.current.forget(self.ids(ids) & self.current.gone)

    def flag(self, ids: Iterable[Any]) -> bool:
        """These are being reported while no audit is asked for. The next pass asks about them all
        the same, because they may come back and be deleted again before it begins. False if no
        audit was ever asked for, or these are known."""
        new = self.ids(ids) - self.flagged - self.reported
        if not len(new) or not (self.closed or self.current):
            return False
        self.flagged = self.flagged | new
        if self.current is not None:
            self.current.forget(new)
        return True

    def wrote(self, ids: Iterable[Any]) -> None:
        """Rows of a pass that has not closed. It may start over, and find that they came back."""
        self.flagged = self.flagged | self.ids(ids)

    def has_reported(self, id_: Any) -> bool:
        """Whether it was reported as deleted and has not come back."""
        return id_ in self.reported or id_ in self.flagged

    def take_back(self, ids: Iterable[Any]) -> list[Any]:
        """Returns those of these ids that were reported. They count as present from now on."""
        back = [id_ for id_ in ids if self.has_reported(id_)]
        found = self.ids(back)
        self.reported, self.flagged = self.reported - found, self.flagged - found
        self.present = self.present | found
        self.declared.remove(found)
        return back

    def close(self, deleted: Ids, hidden: Ids, back: Ids, time: int = 0) -> None:
        """The pass is complete, and its rows are out. time: when the sync began."""
        now = self.current
        assert now is not None
        self.present = now.seen | now.unsure
        self.reported = (self.reported | deleted) - back
        self.hidden = (self.hidden | hidden) - back - deleted
        self.declared.remove(back)
        for rows, ids in [*now.verified, (time, deleted)]:
            self.declared.add(time, ids & deleted, rows)
            deleted = deleted - ids
        self.parents.keep(self.present | self.reported | self.hidden)
        self.flagged = self.flagged - now.seen - self.reported
        self.existing = len(now.seen)
        self.top = max(self.top, now.settled)
        if not now.postponed:
            self.highest = self.top
        self.closed, self.viewer, self.tokens = now.begun, now.viewer, now.tokens
        self.current, self.held = None, 0

    def stop(self, now: int) -> None:
        """Keeps no ids until another pass begins, which will be the first."""
        self.present, self.reported, self.hidden = self.ids(), self.ids(), self.ids()
        self.declared, self.flagged = Declarations((), self._load), self.ids()
        self.current, self.held, self.closed, self.tokens = None, 0, 0, 0
        self.stopped, self.asked = True, now

    def dump(self) -> dict[str, Any]:
        """Its part of the state; empty if there was no pass yet."""
        found: dict[str, Any] = {
            "closed": rfc3339(self.closed) if self.closed else None,
            "viewer": self.viewer,
            "asked": rfc3339(self.asked) if self.asked else None,
            "present": self.present.dump(),
            "highest": self.highest,
            "top": self.top if self.top > self.highest else 0,
            "flagged": self.flagged.dump(),
            "reported": self.reported.dump(),
            "hidden": self.hidden.dump(),
            "declared": self.declared.dump(),
            "parents": self.parents.dump(),
            "tokens": self.tokens,
            "held": self.held,
            "stopped": self.stopped,
            "pass": self._dump_pass(),
        }
        found = {name: value for name, value in found.items() if value}
        return {**found, "existing": self.existing} if self.closed else found

    def _dump_pass(self) -> dict[str, Any]:
        if (now := self.current) is None:
            return {}
        return {
            "begun": rfc3339(now.begun),
            "viewer": now.viewer,
            "seen": now.seen.dump(self.present) if self.audited.uuids else now.seen.dump(),
            "settled": now.settled,
            **{name: getattr(now, name).dump() for name in ("absent", "marked", "unsure")},
            "walks": now.walks,
            "tokens": now.tokens,
            "tries": now.tries,
            **({"failed": now.failed.dump()} if len(now.failed) else {}),
            "verified": [[rfc3339(time), ids.dump()] for time, ids in now.verified],
        }
