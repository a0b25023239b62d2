"""Seeded random values: words from Faker, and record times within the last three years."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import TypeVar

from faker import Faker

from ..clock import DAY

T = TypeVar("T")

HISTORY = 3 * 365 * DAY
IMPORTS = (410 * DAY, 130 * DAY, 9 * DAY)  # ages of bulk imports: many records in one second
IMPORTED = 0.06
EDITED = 0.7


@dataclass(frozen=True)
class Words:
    """Pools of words, generated once per seed because Faker is slow."""

    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    companies: tuple[str, ...]
    jobs: tuple[str, ...]
    phrases: tuple[str, ...]
    sentences: tuple[str, ...]
    words: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    states: tuple[str, ...]


@lru_cache(maxsize=8)
def words(seed: int) -> Words:
    """The pools of words for a seed."""
    fake = Faker("en_US")
    fake.seed_instance(seed)
    return Words(
        first_names=tuple(fake.first_name() for _ in range(300)),
        last_names=tuple(fake.last_name() for _ in range(300)),
        companies=tuple(fake.company() for _ in range(400)),
        jobs=tuple(fake.job() for _ in range(100)),
        phrases=tuple(fake.catch_phrase() for _ in range(200)),
        sentences=tuple(fake.sentence() for _ in range(200)),
        words=tuple(fake.word() for _ in range(200)),
        streets=tuple(fake.street_name() for _ in range(120)),
        cities=tuple(fake.city() for _ in range(120)),
        states=tuple(fake.state() for _ in range(50)),
    )


@dataclass(frozen=True)
class RecordTimes:
    """When a record was created and last changed, in seconds since 1970 (never after now)."""

    added: int
    updated: int


class RandomValues:
    """The random source of one kind of record: equal seed, kind and clock give equal values."""

    def __init__(self, seed: int, kind: str, now: float) -> None:
        self.random = Random(f"{seed}:{kind}")
        self.words = words(seed)
        self.now = int(now)

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def pick(self, pool: Sequence[T]) -> T:
        return pool[int(self.random.random() * len(pool))]

    def number(self, low: int, high: int) -> int:
        """An integer from `low` to `high`, inclusive."""
        return low + int(self.random.random() * (high - low + 1))

    def some(self, value: T, share: float) -> T | None:
        """`value` in `share` of all cases, otherwise None."""
        return value if self.random.random() < share else None

    def hex(self, digits: int) -> str:
        return f"{self.random.getrandbits(digits * 4):0{digits}x}"

    def uuid(self) -> str:
        text = self.hex(32)
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def record_times(self, count: int) -> list[RecordTimes]:
        """The times of `count` records, oldest first; recent times are more frequent."""
        ages = sorted((HISTORY * self.random.random() ** 2 for _ in range(count)), reverse=True)
        return [self._record_times(self.now - int(age)) for age in ages]

    def _record_times(self, added: int) -> RecordTimes:
        if self.chance(IMPORTED):
            for age in IMPORTS:
                if added <= self.now - age:
                    return RecordTimes(added, self.now - age)
        if not self.chance(EDITED):
            return RecordTimes(added, added)
        return RecordTimes(added, self.between(added, self.now))

    def between(self, start: float, end: float) -> int:
        return int(start + (end - start) * self.random.random())

    def before(self, moment: float, days: float) -> int:
        """A second within the `days` before `moment`."""
        return int(moment - self.random.random() * days * DAY)

    def name(self) -> tuple[str, str]:
        return self.pick(self.words.first_names), self.pick(self.words.last_names)

    def phone(self) -> str:
        return f"+1{self.number(2_000_000_000, 9_899_999_999)}"

    def address(self) -> dict[str, str]:
        """A postal address in v2's format."""
        street, city = self.pick(self.words.streets), self.pick(self.words.cities)
        number, code = str(self.number(1, 999)), f"{self.number(10_000, 99_950)}"
        state = self.pick(self.words.states)
        return {
            "value": f"{number} {street}, {city}, {state} {code}, USA",
            "country": "USA",
            "admin_area_level_1": state,
            "admin_area_level_2": f"{city} County",
            "locality": city,
            "sublocality": "",
            "route": street,
            "street_number": number,
            "subpremise": "",
            "postal_code": code,
        }
