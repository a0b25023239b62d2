"""The table of measurements, one entry per row. To add a row, add a function and an entry."""

from __future__ import annotations

import math
from collections.abc import Callable

from benchmarks import image
from benchmarks.bench import RECORDS, Bench, Costs
from benchmarks.programs import Cost, own_peak
from benchmarks.row import Measured, Row

NO_ENGINE = Measured(math.nan, "no Docker engine responded")


def reader(workers: int) -> Callable[[Bench], Measured]:
    """The connector's CPU time over the floor's for all deals, both without start-up."""
    return lambda bench: over_floor(bench.reading, workers)


def reader_with_start(workers: int) -> Callable[[Bench], Measured]:
    """The same, including start-up."""

    def measure(bench: Bench) -> Measured:
        ours, floor = bench.reading[f"connector {workers}"], bench.reading["floor"]
        return ratio(ours, floor)

    return measure


def reader_of(stream: str, workers: int) -> Callable[[Bench], Measured]:
    """The same for another list."""
    return lambda bench: over_floor(bench.others[stream], workers)


def columns(workers: int) -> Callable[[Bench], Measured]:
    """The same for deals with 40 custom fields, each in a column."""
    return lambda bench: over_floor(bench.custom_fields, workers)


def full_pages(bench: Bench) -> Measured:
    """Records that the connector reads in a second of its CPU time, with the highest limit and as
    many workers as it chooses, over those that the floor reads."""
    cost, start = bench.reading, bench.reading["connector 1 start"].cpu
    ours = bench.records / (bench.pace(480, 0, "deals").cpu - start)
    floor = bench.records / (cost["floor"].cpu - cost["floor start"].cpu)
    return Measured(ours / floor, f"{ours:,.0f} records a CPU second over {floor:,.0f}")


def over_floor(costs: Costs, workers: int) -> Measured:
    """The connector's CPU time over the floor's, both without start-up."""
    ours = costs[f"connector {workers}"].cpu - costs["connector 1 start"].cpu
    floor = costs["floor"].cpu - costs["floor start"].cpu
    return Measured(ours / floor, f"{ours:.2f} s over {floor:.2f} s")


def workers(bench: Bench) -> Measured:
    """The connector's CPU time with 8 workers over that with one, without start-up."""
    start = bench.reading["connector 1 start"].cpu
    eight, one = (bench.reading[f"connector {count}"].cpu - start for count in (8, 1))
    return Measured(eight / one, f"{eight:.2f} s over {one:.2f} s")


def asking(bench: Bench) -> Measured:
    """The connector's CPU time for one request per parent, without start-up."""
    cost, requests = bench.asking
    cpu = cost["connector 1"].cpu - cost["connector 1 start"].cpu
    return Measured(1e3 * cpu / requests, f"{requests:,} requests in {cpu:.2f} s")


def changed(bench: Bench) -> Measured:
    """The CPU time of a second sync of which little has changed, without start-up."""
    cost, records = bench.changed
    cpu = cost["connector"].cpu - cost["connector start"].cpu
    return Measured(cpu, f"{records:,} of {RECORDS:,} records read again")


def memory(bench: Bench) -> Measured:
    """The connector's peak memory when it reads all deals."""
    return peak(bench.reading["connector 8"], bench.deals)


def memory_of_half(bench: Bench) -> Measured:
    """The connector's peak memory when it reads half of them."""
    return peak(bench.reading_half, bench.half_of_deals)


def memory_of_chosen(bench: Bench) -> Measured:
    """The peak memory with as many workers as the connector chooses, at a high latency."""
    return peak(bench.sharing[None], bench.deals, "as many workers as it chooses, 200 ms a request")


def memory_growth(bench: Bench) -> Measured:
    """The peak for all deals over the peak for half of them."""
    all_, half = bench.reading["connector 8"].peak, bench.reading_half.peak
    return Measured(all_ / half, f"{all_:.0f} MB over {half:.0f} MB")


def spec(bench: Bench) -> Measured:
    """The CPU time of the `spec` command over that of importing the CDK."""
    return ratio(bench.start_up["spec"], bench.start_up["import"])


def read_start(bench: Bench) -> Measured:
    """The CPU time of a `read` of a few records over that of importing the CDK."""
    return ratio(bench.start_up["read"], bench.start_up["import"])


def image_size(bench: Bench) -> Measured:
    """The size of the image over that of its base with nothing but the CDK."""
    if not bench.images:
        return NO_ENGINE
    ours, theirs = bench.images[image.CONNECTOR] / 1e6, bench.images[image.CDK] / 1e6
    return Measured(ours / theirs, f"{ours:.0f} MB over {theirs:.0f} MB")


def image_spec(bench: Bench) -> Measured:
    """The elapsed time that a container adds to `spec`."""
    if not bench.container_start:
        return NO_ENGINE
    ours, theirs = (bench.container_start[name].wall for name in ("image", "environment"))
    return Measured(ours - theirs, f"{ours:.2f} s less {theirs:.2f} s")


def served(bench: Bench) -> Measured:
    """Pages that the sandbox serves per second of its own CPU time."""
    cpu = bench.serving.cpu
    return Measured(1 / cpu, f"{cpu * 1e3:.2f} ms of CPU a page")


def fetched(bench: Bench) -> Measured:
    """Pages per second for one client with a persistent connection."""
    wall = bench.serving.wall
    return Measured(1 / wall, f"{wall * 1e3:.2f} ms a page")


def sharing(bench: Bench) -> Measured:
    """One worker's time over eight workers', without start-up, at 200 ms per request."""
    start = bench.sharing[0].wall
    alone, together = (bench.sharing[workers].wall - start for workers in (1, 8))
    return Measured(alone / together, f"{alone:.0f} s over {together:.0f} s")


def sharing_requests(bench: Bench) -> Measured:
    """How many more requests eight workers make than one."""
    assert bench.sharing
    fewest, asked = (bench.requests[workers] for workers in (1, 8))
    return Measured(asked - fewest, f"{asked} requests over {fewest}")


def chosen(bench: Bench) -> Measured:
    """The time of as many workers as the connector chooses over eight workers', without start-up,
    at 200 ms per request."""
    start = bench.sharing[0].wall
    ours, eight = (bench.sharing[workers].wall - start for workers in (None, 8))
    requests = bench.requests[None]
    return Measured(ours / eight, f"{ours:.1f} s over {eight:.1f} s, {requests} requests")


def chosen_sharing(bench: Bench) -> Measured:
    """One worker's time over that of as many workers as the connector chooses, in the same way."""
    start = bench.sharing[0].wall
    alone, ours = (bench.sharing[workers].wall - start for workers in (1, None))
    return Measured(alone / ours, f"{alone:.0f} s over {ours:.1f} s")


def chosen_requests(bench: Bench) -> Measured:
    """How many more requests they make than one worker."""
    assert bench.sharing
    fewest, asked = (bench.requests[workers] for workers in (1, None))
    return Measured(asked - fewest, f"{asked} requests over {fewest}")


def pace(rate_limit: int, rows: int, stream: str = "deals") -> Callable[[Bench], Measured]:
    """Requests over those that the account allows. rows: the size of a page, 0 for full pages."""

    def measure(bench: Bench) -> Measured:
        pace = bench.pace(rate_limit, rows, stream)
        return Measured(pace.used, str(pace))

    return measure


def unchanged(bench: Bench) -> Measured:
    """The API tokens of an incremental sync when nothing has changed."""
    spent = bench.unchanged
    streams = ", ".join(f"{name} {tokens}" for name, (_, tokens) in sorted(spent.items()))
    return Measured(sum(tokens for _, tokens in spent.values()), streams)


def unchanged_requests(bench: Bench) -> Measured:
    """The requests of that sync: one per stream, and one that identifies the user."""
    spent = bench.unchanged
    return Measured(sum(requests for requests, _ in spent.values()), f"{len(spent) - 1} streams")


def products(bench: Bench) -> Measured:
    """The API tokens for the products of 10,000 deals, including the list of deals."""
    return Measured(bench.child_tokens[0], "one deal at a time: 100,000")


def products_changed(bench: Bench) -> Measured:
    """The API tokens for the products of deals that changed, one in a hundred."""
    return Measured(bench.child_tokens[1], "of 10,000 deals 100 changed")


def audit_tokens(bench: Bench) -> Measured:
    """What an audit costs over what its log announced."""
    found = bench.audit
    how = f"{found.spent:,} tokens over {found.announced:,} announced, {found.found:,} deleted"
    return Measured(found.spent / found.announced, how)


def audit_state(bench: Bench) -> Measured:
    """The size of an audit's state, except for the UUIDs of leads."""
    found = bench.audit
    leads = f"{found.lead_bytes / 1e3:.0f} kB more for {found.leads:,} leads"
    return Measured(found.bytes / 1e3, f"{found.records:,} whole numbers; {leads}")


def ratio(ours: Cost, theirs: Cost) -> Measured:
    """CPU time over CPU time."""
    return Measured(ours.cpu / theirs.cpu, f"{ours.cpu:.2f} s over {theirs.cpu:.2f} s")


def peak(cost: Cost, deals: int, workers: str = "8 workers") -> Measured:
    """Peak memory. Raises RuntimeError if the benchmark's own memory hides it."""
    if cost.peak <= own_peak():
        raise RuntimeError("the benchmark itself uses more memory than the program it measures")
    return Measured(cost.peak, f"{deals:,} deals, {workers}")


ROWS = (
    Row("reader, 8 workers", "x the floor", reader(8), at_most=0.85),
    Row("reader, 1 worker", "x the floor", reader(1), at_most=0.75),
    Row("reader, 8 workers, with start-up", "x the floor", reader_with_start(8)),
    Row("reader, 1 worker, with start-up", "x the floor", reader_with_start(1)),
    Row("persons, 8 workers", "x the floor", reader_of("persons", 8)),
    Row("persons, 1 worker", "x the floor", reader_of("persons", 1)),
    Row("activities, 8 workers", "x the floor", reader_of("activities", 8)),
    Row("activities, 1 worker", "x the floor", reader_of("activities", 1)),
    Row("40 columns, 8 workers", "x the floor", columns(8), at_most=1.5),
    Row("40 columns, 1 worker", "x the floor", columns(1), at_most=1.3),
    Row("full pages, 480 per 2 s", "x the floor's rate", full_pages, at_least=1.2),
    Row("workers, 8", "x the CPU of one", workers),
    Row("children, a request each", "ms of CPU a request", asking, at_most=0.6),
    Row("1 % of 400,000 records changed", "s of CPU", changed, at_most=1.5),
    Row("memory", "MB", memory, at_most=140),
    Row("memory, half of the deals", "MB", memory_of_half, at_most=140),
    Row("memory, growth", "x half of them", memory_growth, at_most=1.1),
    Row("memory, workers chosen", "MB", memory_of_chosen, at_most=200),
    Row("spec", "x the CDK's import", spec, at_most=0.85),
    Row("start of read", "x the CDK's import", read_start, at_most=0.85),
    Row("image, size", "x base and CDK", image_size, at_most=1.15),
    Row("image, spec", "s more", image_spec, at_most=0.5),
    Row("sharing, 8 workers", "x one worker", sharing, at_least=6),
    Row("sharing, extra requests", "requests", sharing_requests, at_most=16),
    Row("workers chosen, 480 per 2 s at 200 ms", "x the time of 8", chosen),
    Row("workers chosen, sharing", "x one worker", chosen_sharing, at_least=10),
    Row("workers chosen, extra requests", "requests", chosen_requests, at_most=24),
    Row("pace, 20 per 2 s", "of the limit", pace(20, 140), at_least=0.9),
    Row("pace, 80 per 2 s", "of the limit", pace(80, 40), at_least=0.9),
    Row("pace, 160 per 2 s", "of the limit", pace(160, 20), at_least=0.9),
    Row("pace, 480 per 2 s", "of the limit", pace(480, 0, "deal_changelog"), at_least=0.9),
    Row("pace, 480 per 2 s, small pages", "of the limit", pace(480, 4)),
    Row("pace, 480 per 2 s, full pages", "of the limit", pace(480, 0)),
    Row("nothing changed, requests", "requests", unchanged_requests, at_most=15),
    Row("nothing changed", "tokens", unchanged),
    Row("deal_products, 10,000 deals", "tokens", products, at_most=1_300),
    Row("deal_products, 1 % changed", "tokens", products_changed, at_most=60),
    Row("audit, tokens", "of those announced", audit_tokens, at_most=1.05, at_least=0.95),
    Row("audit, state", "kB", audit_state, at_most=40),
    Row("sandbox", "pages a CPU second", served, at_least=500),
    Row("sandbox, one client", "pages a second", fetched),
)
