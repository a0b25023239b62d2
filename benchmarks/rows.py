"""The table of what is measured: one entry a row. A new row is a function and an entry."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks import image
from benchmarks.bench import Bench, own_peak
from benchmarks.programs import Cost


@dataclass(frozen=True)
class Measured:
    """value: in the row's unit, nan where it could not be measured; how: what it is made of."""

    value: float
    how: str


NO_ENGINE = Measured(math.nan, "no Docker engine answered")


@dataclass(frozen=True)
class Row:
    """what: the row's name; at_most, at_least: what is wanted, in `unit`; neither: to be read."""

    what: str
    unit: str
    measure: Callable[[Bench], Measured]
    at_most: float | None = None
    at_least: float | None = None

    @property
    def wanted(self) -> str:
        """The bound, in words."""
        if self.at_most is not None:
            return f"at most {self.at_most:,g}"
        return "" if self.at_least is None else f"at least {self.at_least:,g}"

    def holds(self, value: float) -> bool | None:
        """Whether `value` is what is wanted; None where nothing is, or none was measured."""
        if math.isnan(value):
            return None
        if self.at_most is not None:
            return value <= self.at_most
        return None if self.at_least is None else value >= self.at_least


def reader(workers: int) -> Callable[[Bench], Measured]:
    """The connector's CPU time over the floor's, both without their start-up."""

    def measure(bench: Bench) -> Measured:
        cost = bench.reading
        ours = cost[f"connector {workers}"].cpu - cost["connector 1 start"].cpu
        floor = cost["floor"].cpu - cost["floor start"].cpu
        each = 1e6 / bench.records
        return Measured(ours / floor, f"{ours * each:.1f} µs a record over {floor * each:.1f} µs")

    return measure


def reader_with_start(workers: int) -> Callable[[Bench], Measured]:
    """The same of the whole programs."""

    def measure(bench: Bench) -> Measured:
        ours, floor = bench.reading[f"connector {workers}"], bench.reading["floor"]
        return ratio(ours, floor)

    return measure


def memory(bench: Bench) -> Measured:
    """Peak of the connector over all deals."""
    return peak(bench.reading["connector 8"], bench.deals)


def memory_of_few(bench: Bench) -> Measured:
    """Peak of the connector over half of them."""
    return peak(bench.reading_few, bench.few)


def memory_of_chosen(bench: Bench) -> Measured:
    """Peak with as many workers as the connector chooses, where an answer takes long."""
    return peak(bench.sharing[None], bench.deals, "as many workers as it chooses, 200 ms a request")


def memory_growth(bench: Bench) -> Measured:
    """The one over the other."""
    many, few = bench.reading["connector 8"].peak, bench.reading_few.peak
    return Measured(many / few, f"{many:.0f} MB over {few:.0f} MB")


def spec(bench: Bench) -> Measured:
    """The `spec` command over an import of the CDK, CPU time."""
    return ratio(bench.starting["spec"], bench.starting["import"])


def image_size(bench: Bench) -> Measured:
    """The image over its base with nothing but the CDK."""
    if not bench.images:
        return NO_ENGINE
    ours, theirs = bench.images[image.CONNECTOR] / 1e6, bench.images[image.CDK] / 1e6
    return Measured(ours / theirs, f"{ours:.0f} MB over {theirs:.0f} MB")


def image_spec(bench: Bench) -> Measured:
    """What a container adds to the time of `spec` on the clock."""
    if not bench.containing:
        return NO_ENGINE
    ours, theirs = (bench.containing[name].wall for name in ("image", "environment"))
    return Measured(ours - theirs, f"{ours:.2f} s less {theirs:.2f} s")


def served(bench: Bench) -> Measured:
    """Pages that the sandbox serves in a second of its own CPU time."""
    cpu = bench.serving.cpu
    return Measured(1 / cpu, f"{cpu * 1e3:.2f} ms of CPU a page")


def fetched(bench: Bench) -> Measured:
    """Pages that one client gets in a second, over one connection that it keeps."""
    wall = bench.serving.wall
    return Measured(1 / wall, f"{wall * 1e3:.2f} ms a page")


def sharing(bench: Bench) -> Measured:
    """One worker's time over eight workers', without start-up, where every request takes 200 ms."""
    start = bench.sharing[0].wall
    alone, together = (bench.sharing[workers].wall - start for workers in (1, 8))
    return Measured(alone / together, f"{alone:.0f} s over {together:.0f} s")


def sharing_requests(bench: Bench) -> Measured:
    """Requests of eight workers beyond those of one."""
    assert bench.sharing
    fewest, asked = (bench.requests[workers] for workers in (1, 8))
    return Measured(asked - fewest, f"{asked} requests over {fewest}")


def chosen(bench: Bench) -> Measured:
    """The time of as many workers as the connector chooses over eight workers', both without
    start-up, where every request takes 200 ms."""
    start = bench.sharing[0].wall
    ours, eight = (bench.sharing[workers].wall - start for workers in (None, 8))
    requests = bench.requests[None]
    return Measured(ours / eight, f"{ours:.1f} s over {eight:.1f} s, {requests} requests")


def pace(rate_limit: int, rows: int, stream: str = "deals") -> Callable[[Bench], Measured]:
    """Requests over those that the account allows. rows: of a page, 0 for full ones."""

    def measure(bench: Bench) -> Measured:
        pace = bench.pace(rate_limit, rows, stream)
        return Measured(pace.used, str(pace))

    return measure


def quiet(bench: Bench) -> Measured:
    """API tokens of a sync of the lists that tell what changed in which nothing has changed."""
    spent = bench.quiet
    streams = ", ".join(f"{name} {tokens}" for name, (_, tokens) in sorted(spent.items()))
    return Measured(sum(tokens for _, tokens in spent.values()), streams)


def quiet_requests(bench: Bench) -> Measured:
    """Requests of that sync: one a stream, and one that asks whose credentials these are."""
    spent = bench.quiet
    return Measured(sum(requests for requests, _ in spent.values()), f"{len(spent) - 1} streams")


def products(bench: Bench) -> Measured:
    """API tokens for the products of 10,000 deals, the list of deals included."""
    return Measured(bench.hanging[0], "one deal at a time: 100,000")


def products_changed(bench: Bench) -> Measured:
    """API tokens for those of the deals that changed, one in a hundred."""
    return Measured(bench.hanging[1], "of 10,000 deals 100 changed")


def custom_fields(bench: Bench) -> Measured:
    """CPU of a read with a column for each of 40 custom fields over one with the raw object."""
    return ratio(bench.filling["columns"], bench.filling["raw"])


def ratio(ours: Cost, theirs: Cost) -> Measured:
    """CPU time over CPU time."""
    return Measured(ours.cpu / theirs.cpu, f"{ours.cpu:.2f} s over {theirs.cpu:.2f} s")


def peak(cost: Cost, deals: int, workers: str = "8 workers") -> Measured:
    """Peak memory. Raises RuntimeError where the benchmark's own hides it."""
    if cost.peak <= own_peak():
        raise RuntimeError("the benchmark itself takes more memory than what it measures")
    return Measured(cost.peak, f"{deals:,} deals, {workers}")


ROWS = (
    Row("reader, 8 workers", "x the floor", reader(8), at_most=2.5),
    Row("reader, 1 worker", "x the floor", reader(1), at_most=2.5),
    Row("reader, 8 workers, with start-up", "x the floor", reader_with_start(8)),
    Row("reader, 1 worker, with start-up", "x the floor", reader_with_start(1)),
    Row("40 custom fields", "x raw", custom_fields, at_most=1.5),
    Row("memory", "MB", memory, at_most=200),
    Row("memory, half of the deals", "MB", memory_of_few, at_most=200),
    Row("memory, growth", "x half of them", memory_growth, at_most=1.1),
    Row("memory, workers chosen", "MB", memory_of_chosen, at_most=200),
    Row("spec", "x the CDK's import", spec, at_most=1.2),
    Row("image, size", "x base and CDK", image_size, at_most=1.15),
    Row("image, spec", "s more", image_spec, at_most=0.5),
    Row("sharing, 8 workers", "x one worker", sharing, at_least=6),
    Row("sharing, extra requests", "requests", sharing_requests, at_most=16),
    Row("workers chosen, 480 per 2 s at 200 ms", "x the time of 8", chosen),
    Row("pace, 20 per 2 s", "of the limit", pace(20, 140), at_least=0.9),
    Row("pace, 80 per 2 s", "of the limit", pace(80, 40), at_least=0.9),
    Row("pace, 160 per 2 s", "of the limit", pace(160, 20), at_least=0.9),
    Row("pace, 480 per 2 s", "of the limit", pace(480, 0, "deal_changelog"), at_least=0.9),
    Row("pace, 480 per 2 s, small pages", "of the limit", pace(480, 4)),
    Row("pace, 480 per 2 s, full pages", "of the limit", pace(480, 0)),
    Row("nothing changed, requests", "requests", quiet_requests, at_most=15),
    Row("nothing changed", "tokens", quiet),
    Row("deal_products, 10,000 deals", "tokens", products, at_most=1_300),
    Row("deal_products, 1 % changed", "tokens", products_changed, at_most=60),
    Row("sandbox", "pages a CPU second", served, at_least=500),
    Row("sandbox, one client", "pages a second", fetched),
)
