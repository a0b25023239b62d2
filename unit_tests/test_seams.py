"""Where pages and requests meet: a sync emits each record once, unless it changes meanwhile."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from source_pipedrive.http.errors import CONFIG, StreamError
from source_pipedrive.http.request import Request
from source_pipedrive.reading import pending
from source_pipedrive.reading.children import Children
from source_pipedrive.reading.instants import instant, rfc3339, seconds_of
from source_pipedrive.reading.seams import in_order
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.limits import WorkerLimits
from unit_tests.deals import Deals
from unit_tests.fakes import NOW
from unit_tests.sorted_lists import Record, SortedList, records_at, short_pages
from unit_tests.test_order import SORTED, ids_of, read, repeats, status_of
from unit_tests.turns import Turns, records_of, run_of, states_of

START, UNTIL = instant("2026-01-01"), seconds_of(NOW)
WHOLE = ["pipelines", "stages", "projects", "roles", "tasks"]


class BusyAccount:
    """Users who edit, import and delete while a sync runs, and a server that refuses cursors."""

    def __init__(self, name: str, seed: int) -> None:
        chance = self.chance = random.Random(seed)
        times: list[int | None] = []
        while len(times) < 90:  # an import puts many records into one second
            times += [START + 60 * chance.randrange(100)] * chance.choice([1, 1, 1, 4, 30])
        times += [None] * chance.choice([0, 0, 3, 12])
        chance.shuffle(times)
        self.server = SortedList(records_at(times), chance.choice(["first", "last"]))
        self.server.sort = chance.choice(["keys", "first", "refused"])
        self.server.bounded_nulls = chance.random() < 0.5
        self.server.changing = self.work
        self.server.before = self.refuse
        self.kept = {record["id"] for record in self.server.records}
        self.stream = short_pages(name)
        self.now = UNTIL
        self.refusals = chance.choice([0, 0, 2])
        self.rate = chance.choice([0.0, 0.3, 1.5])

    def work(self) -> None:
        """Changes some records between two requests."""
        records, chance = self.server.records, self.chance
        while chance.random() < self.rate / (1 + self.rate):
            action = chance.choice(["edit", "edit", "import", "delete"])
            self.now += chance.choice([0, 0, 1])
            if action == "import":
                number = chance.choice([1, 3])
                first = max(record["id"] for record in records) + 1
                records += records_at([self.now] * number, first=first)
            elif action == "edit":
                chance.choice(records)["update_time"] = rfc3339(self.now)
            elif len(records) > 50:
                self.kept.discard(records.pop(chance.randrange(len(records)))["id"])

    def refuse(self, request: Request) -> None:
        """Refuses a cursor now and then, as if it had expired."""
        resuming = "updated_since" in request.params and "cursor" in request.params
        if resuming and self.refusals and self.chance.random() < 0.2:
            self.refusals -= 1
            raise StreamError("bad cursor", CONFIG, 400)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("name", [*SORTED, *WHOLE])
def test_a_sync_emits_a_record_once_for_each_change(
    name: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyAirbyte keeps every repeat within a batch in the user's table forever."""
    busy = BusyAccount(name, seed)
    workers = 1 + seed % 3
    lower = busy.chance.choice([0, START, START + 1_000])
    run = run_of(busy.server, busy.stream, workers=workers, lower=lower)  # type: ignore[arg-type]
    monkeypatch.setattr(WorkerLimits, "over_memory", lambda *_: busy.chance.random() < 0.2)
    turns = Turns(run, busy.server, seed, workers)  # type: ignore[arg-type]
    before = busy.server.before
    busy.server.before = lambda request: (before(request), busy.refuse(request))
    messages = turns.messages()
    assert repeats(messages, name) == []
    if status_of(messages) != "COMPLETE":  # a cursor was refused inside a second
        assert any("bad cursor" in str(m.trace) for m in messages if m.trace)
        return
    times = {record["id"]: record["update_time"] for record in busy.server.records}
    since = rfc3339(lower) if STREAMS[name].incremental.history_field else ""
    edited = {n for n, time in times.items() if (time or "") >= rfc3339(UNTIL)}
    expected = {n for n in busy.kept - edited if times[n] is None or times[n] >= since}
    assert expected <= ids_of(messages, name)


@given(st.lists(st.none() | st.integers(0, 5), max_size=6), st.none() | st.integers(0, 5))
def test_order_is_recognized_alike_in_both_directions(
    times: list[int | None], after: int | None
) -> None:
    known = [time for time in times if time is not None]
    ascends = all(a <= b for a, b in pairwise(known))
    follows = not known or after is None or known[0] >= after
    ends = "".join("x" if time is None else "." for time in times)
    one_end = "." not in ends.strip("x") or ends.strip("x").count("x") == 0
    both = bool(known) and ends.startswith("x") and ends.endswith("x")
    assert in_order(times, after) == (ascends and follows and one_end and not both)
    negated = [None if time is None else -time for time in times]
    negated_after = None if after is None else -after
    assert in_order(negated, negated_after, descending=True) == in_order(times, after)


# -- memory for the parents that wait


def comments_of(note: int) -> list[Record]:
    return [{"uuid": f"{note}-1"}]


@pytest.mark.parametrize(("workers", "seed"), [(1, 0), (2, 1), (3, 2), (3, 3)])
def test_notes_pause_while_too_many_wait_for_their_comments(
    workers: int, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """398,000 waiting notes once took 297 MB."""
    monkeypatch.setattr(pending, "ENOUGH", 10)
    notes = SortedList(records_at([START + 60 * (n // 3) for n in range(120)]))
    company = Deals({}, {"notes/{id}/comments": comments_of})
    original, most = company.get, [0]
    run = run_of(company, short_pages("notes"), "note_comments", workers=workers)
    (comments,) = [each.reader for each in run.runs if each.stream.name == "note_comments"]
    assert isinstance(comments, Children)

    def get(request: Request) -> Any:
        most[0] = max(most[0], len(comments.pending))
        if request.path == "notes":
            company.before(request)
            return notes.get(request)
        return original(request)

    company.get = get  # type: ignore[method-assign]
    messages = Turns(run, company, seed, workers).messages()
    assert ids_of(messages, "notes") == set(range(1, 121))
    assert repeats(messages, "notes") == []
    comment_records = records_of(messages, "note_comments")
    assert {comment["note_id"] for comment in comment_records} == set(range(1, 121))
    assert most[0] <= 10 + 7 + 7


@pytest.mark.parametrize("name", ["notes", "files", "leads_archived"])
def test_a_list_paused_for_memory_resumes_where_it_stopped(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = SortedList(records_at([START + 60 * n for n in range(100)]))
    run = run_of(server, short_pages(name), lower=START)  # type: ignore[arg-type]
    monkeypatch.setattr(WorkerLimits, "over_memory", lambda *_: True)
    messages = Turns(run, server).messages()  # type: ignore[arg-type]
    assert ids_of(messages, name) == set(range(1, 101))
    assert repeats(messages, name) == []
    assert len(server.asked) <= 2 * 100 / 7 + 6


# -- full refreshes


@pytest.mark.parametrize("name", ["notes", "leads", "files", "leads_archived", "deals"])
def test_a_full_refresh_cut_short_by_the_budget_resumes_in_the_next_sync(name: str) -> None:
    """Otherwise a list that exceeds a day's budget is never read to its end."""
    records = records_at([START + 60 * n for n in range(300)])
    state: Record = {}
    found: set[int] = set()
    spent = []
    while len(spent) < 9:
        server = SortedList(records)
        server.budget = 12 * short_pages(name, 20).endpoint.cost
        messages = read(
            server, short_pages(name, 20), lower=START, full_refresh=True, states={name: state}
        )
        spent.append(server.usage.tokens)
        found |= ids_of(messages, name)
        (_, state) = states_of(messages, name)[-1]
        if status_of(messages) == "COMPLETE":
            break
        assert state["full_refresh"] is True
    assert found == {record["id"] for record in records}
    assert 1 < len(spent) <= 4
    assert state == {"__ab_no_cursor_state_message": True}
