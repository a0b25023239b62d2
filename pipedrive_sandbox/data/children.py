"""Child records: generated on request from the parent's id and the seed, stored once changed.

Until then nothing is stored, so the children of 400,000 deals take no memory.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from ..clock import moment
from ..record import Record, Row
from ..table import Table
from .company import Sizes
from .random_values import RandomValues

POOL = 499  # number of sets of counts, chosen by the record's id
MAX_GENERATED = 50  # more than a record's generated children of one kind
RECURRING = 0.2
INSTALLMENTS = 0.15  # of the deals with products that are not recurring
_PRODUCTS = (0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4, 5, 5)
_FOLLOWERS = (1, 1, 1, 1, 1, 2, 3)  # the creator of a record follows it
_MAIL = (0, 0, 0, 0, 1, 2, 5)
# {table: {kind of child: (the opt-in field that counts them, possible counts)}}
COUNTED: dict[str, dict[str, tuple[str, tuple[int, ...]]]] = {
    "deals": {
        "products": ("products_count", _PRODUCTS),
        "participants": ("participants_count", (0, 1, 1, 1, 2, 3)),
        "followers": ("followers_count", _FOLLOWERS),
        "mail_messages": ("email_messages_count", _MAIL),
    },
    "persons": {
        "followers": ("followers_count", _FOLLOWERS),
        "mail_messages": ("email_messages_count", _MAIL),
    },
    "organizations": {
        "followers": ("followers_count", _FOLLOWERS),
        "mail_messages": ("email_messages_count", _MAIL),
    },
    "products": {"followers": ("followers_count", _FOLLOWERS)},
}
_TIMES = ("stage_change_time", "close_time")


@dataclass(frozen=True)
class Counts:
    """The number of children of a record that was never changed."""

    shown: Mapping[str, int]  # by opt-in field
    recurring: bool
    installments: int


@dataclass(frozen=True)
class Parent:
    """What child records are generated from: the parent as it was before any change."""

    children: Children
    table: str
    record: Record
    counts: Counts

    @property
    def id(self) -> int:
        return int(self.record["id"])

    @property
    def sizes(self) -> Sizes:
        return self.children.sizes

    def count(self, kind: str) -> int:
        name, _ = COUNTED[self.table][kind]
        return self.children.shown(self.table, self.record)[name]

    @cached_property
    def added(self) -> int:
        return int(moment(self.record["add_time"]))

    @cached_property
    def last(self) -> int:
        """The last second of any child. A deal's does not depend on its update time."""
        if self.table == "deals":
            times = [self.record[name] for name in _TIMES if self.record[name]]
        else:
            times = [self.record["update_time"]] if self.record["update_time"] else []
        return int(max([self.added, *map(moment, times)]))

    def number(self, kind: str, at: int) -> int:
        """The id of child `at` (1, 2, ...) if ids count up from the first parent's children."""
        return self.children.before(self.table, kind, self.id) + at

    def siblings(self, kind: str) -> list[Record]:
        """The parent's children of another kind, as generated."""
        return self.children.make(kind, self)


ChildGenerator = Callable[[RandomValues, Parent], list[Record]]


class Children:
    """All child records of a world. `generators` create them, by (parent's table, kind).
    `generated` is the highest id in each table when the world was complete."""

    def __init__(
        self,
        seed: int,
        sizes: Sizes,
        created_at: float,
        tables: Mapping[str, Table],
        generators: Mapping[tuple[str, str], ChildGenerator],
    ) -> None:
        self.sizes = sizes
        self.tables = tables
        self._seed = seed
        self.created_at = created_at
        self._generators = generators
        self._pools = {table: self._pool(table) for table in COUNTED}
        self._originals: dict[tuple[str, int], Record] = {}
        self._numbers: dict[tuple[str, str, int], int] = {}
        self._ids: dict[tuple[str, str], int] = {}
        self.generated: Mapping[str, int] = {}
        self._sums: dict[tuple[str, str], list[int]] = {}
        self._changed: dict[tuple[str, int], dict[str, list[Record]]] = {}

    def _pool(self, table: str) -> list[Counts]:
        rng = RandomValues(self._seed, f"{table}:children", 0)
        most = {"followers": self.sizes.users, "participants": self.sizes.persons}
        pool = []
        for _ in range(POOL):
            shown = {
                name: min(rng.pick(numbers), most.get(kind, 99))
                for kind, (name, numbers) in COUNTED[table].items()
            }
            recurring = rng.chance(RECURRING)
            planned = bool(shown.get("products_count")) and not recurring
            payments = rng.number(2, 12) if planned and rng.chance(INSTALLMENTS) else 0
            pool.append(Counts(shown, recurring, payments))
        return pool

    # -- reading

    def rows(self, table: str, kind: str, row: Row) -> list[Record]:
        """The current children of `row`; a log starts with its oldest entry."""
        changed = self._changed.get((table, row.id))
        if changed and kind in changed:
            return changed[kind]
        return self.make(kind, self.parent(table, row))

    def parent(self, table: str, row: Row) -> Parent:
        record = self._originals.get((table, row.id), row.record)
        return Parent(self, table, record, self._counts(table, record))

    def make(self, kind: str, parent: Parent) -> list[Record]:
        rng = RandomValues(self._seed, f"{parent.table}:{kind}:{parent.id}", self.created_at)
        return self._generators[parent.table, kind](rng, parent)

    def shown(self, table: str, record: Record) -> Mapping[str, int]:
        """The original counts of a record, by opt-in field."""
        counts = self._counts(table, record).shown
        if record.get("person_id") and not counts.get("participants_count", 1):
            return {**counts, "participants_count": 1}  # a deal's person is a participant
        return counts

    def typical_counts(self, table: str) -> list[Mapping[str, int]]:
        """The counts of the records with ids 0, 1, 2, ...; the ids are taken modulo the length."""
        return [counts.shown for counts in self._pools[table]]

    def correct_counts(self, table: str, row: Row, counts: dict[str, int]) -> None:
        """Adjust the typical `counts` to the current children of `row`."""
        if not counts.get("participants_count", 1) and row.record["person_id"]:
            counts["participants_count"] = 1
        if (table, row.id) in self._changed:
            changed = self._changed[table, row.id]
            for kind, (name, _) in COUNTED[table].items():
                if kind in changed:
                    counts[name] = len(changed[kind])

    def before(self, table: str, kind: str, id_: int) -> int:
        """The number of generated products or installments of all parents with a smaller id."""
        sums = self._sums.get((table, kind))
        if sums is None:
            name = COUNTED[table][kind][0] if kind in COUNTED[table] else ""
            counts = (c.shown[name] if name else c.installments for c in self._pools[table])
            sums = self._sums[table, kind] = list(accumulate(counts, initial=0))
        rounds, rest = divmod(id_, POOL)
        return rounds * sums[-1] + sums[rest]

    def _counts(self, table: str, record: Record) -> Counts:
        return self._pools[table][record["id"] % POOL] if table in self._pools else _NONE

    # -- changes

    def keep_original(self, table: str, row: Row) -> None:
        """Call before the record of `row` changes, so that its children stay the same."""
        if table in COUNTED:
            self._originals.setdefault((table, row.id), dict(row.record))

    def next_number(self, table: str, kind: str, id_: int) -> int:
        """A number that no child of that record has had."""
        key = (table, kind, id_)
        self._numbers[key] = self._numbers.get(key, MAX_GENERATED) + 1
        return self._numbers[key]

    def next_id(self, table: str, kind: str) -> int:
        """An id above those that children of this kind ever had: Pipedrive's ids count up."""
        key = (table, kind)
        if key not in self._ids:
            self._ids[key] = self.before(table, kind, self.generated[table] + 1)
        self._ids[key] += 1
        return self._ids[key]

    def change(self, table: str, kind: str, row: Row) -> list[Record]:
        """The children of `row`, stored in a list that the caller may change."""
        self.keep_original(table, row)
        changed = self._changed.setdefault((table, row.id), {})
        if kind not in changed:
            changed[kind] = list(self.rows(table, kind, row))
        return changed[kind]


_NONE = Counts({}, False, 0)
