"""State: what a later sync makes of its own states and of other connectors'."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from source_pipedrive.http.errors import SyncError
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.reading import state
from source_pipedrive.reading.instants import instant, rfc3339
from source_pipedrive.reading.multi_progress import MultiProgress
from source_pipedrive.reading.progress import Progress
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.messages import AsMessages
from source_pipedrive.sync.selection import Selection
from source_pipedrive.sync.sync import Options, SyncRun
from unit_tests.fakes import ACME, FakeClient

LOWER, UNTIL = instant("2025-11-23"), instant("2026-11-23T10:00:00Z")
MINUTE = 60
GOLDEN = Path(__file__).parent / "golden" / "state-0.1.0.json"


def remaining(saved: dict[str, Any], lower: int = LOWER) -> list[tuple[int, int]]:
    found = state.progress("deals", "update_time", saved, 42, lower, UNTIL)
    return [(span.at, span.end) for span in found.spans]


def test_without_a_state_everything_remains() -> None:
    assert remaining({}) == [(LOWER, UNTIL)]
    assert remaining(dict(state.NO_CURSOR)) == [(LOWER, UNTIL)]


def test_after_a_complete_sync_its_last_minute_and_all_later_time_remain() -> None:
    earlier = Progress(LOWER, instant("2026-11-22"))
    (span,) = earlier.spans
    earlier.advance(span, span.end)
    saved = state.dump("update_time", 42, earlier)
    assert saved == {
        "update_time": "2026-11-22T00:00:00Z",
        "version": 1,
        "company_id": 42,
        "since": "2025-11-23T00:00:00Z",
    }
    assert remaining(saved) == [(instant("2026-11-22") - MINUTE, UNTIL)]


def test_after_an_interrupted_backfill_exactly_the_unread_ranges_remain() -> None:
    earlier = Progress(LOWER, instant("2026-11-22"))
    first = earlier.take()
    assert first is not None
    first.density = 1
    assert earlier.split(1) == 1
    later = earlier.take()
    assert later is not None
    cut = later.at
    earlier.advance(first, LOWER + 1_000)
    earlier.advance(later, cut + 500)
    saved = state.dump("update_time", 42, earlier)
    assert saved["update_time"] == "2025-11-23T00:16:40Z"  # no gap for readers of this key alone
    assert remaining(saved) == [(LOWER + 1_000, cut), (cut + 500, UNTIL)]


def test_a_longer_history_reads_only_the_missing_range() -> None:
    saved = {
        "update_time": "2026-11-22T00:00:00Z",
        "version": 1,
        "company_id": 42,
        "since": "2025-11-23T00:00:00Z",
    }
    longer = instant("2024-11-23")
    assert remaining(saved, longer) == [(longer, LOWER), (instant("2026-11-22") - MINUTE, UNTIL)]


def test_a_history_that_moves_forward_with_the_date_reads_nothing_again() -> None:
    saved = {
        "update_time": "2026-11-22T00:00:00Z",
        "version": 1,
        "company_id": 42,
        "since": "2025-01-01T00:00:00Z",
    }
    assert remaining(saved) == [(instant("2026-11-22") - MINUTE, UNTIL)]


FOREIGN: list[dict[str, Any]] = [
    {"update_time": "2026-11-20 00:00:00"},
    {"update_time": "2026-11-20T00:00:00Z"},
    {"update_time": 5},
    {"update_time": "2027-01-01T00:00:00Z"},
    {
        "state_type": "date-range",
        "slices": [{"start": "2025-11-23T00:00:00Z", "end": "2026-11-22T00:00:00.000Z"}],
        "legacy": {},
    },
]


@pytest.mark.parametrize("saved", FOREIGN, ids=str)
def test_another_connectors_state_is_accepted_but_not_trusted(saved: dict[str, Any]) -> None:
    """Before version 3, Airbyte's streams held one month at most, and no state names its version:
    211 of 2,022 deals looked complete."""
    assert remaining(saved) == [(LOWER, UNTIL)]
    assert state.is_foreign(saved)


def test_our_own_states_and_states_without_a_cursor_are_not_foreign() -> None:
    assert not any(map(state.is_foreign, ({}, state.NO_CURSOR, {"version": 1})))


def test_a_sync_warns_once_that_it_does_not_trust_other_connectors_states(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = FakeClient(lambda params: {"data": [], "additional_data": {"pagination": {}}})
    states = {"deals": FOREIGN[0], "notes": FOREIGN[4], "files": {}, "currencies": FOREIGN[0]}
    selected = [Selection(STREAMS[name], saved, False) for name, saved in states.items()]
    selected.append(Selection(STREAMS["persons"], FOREIGN[0], full_refresh=True))
    run = SyncRun(client, ACME, selected, AsMessages(), Options(LOWER, 2), StopSignal())
    list(run)
    (line,) = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert line.startswith("Another connector wrote the state of deals, notes. It does not record")
    assert not any(asked.get("updated_since", "2026") > "2026-11" for asked in client.asked)


def test_keys_that_a_later_version_adds_are_ignored() -> None:
    times = {"since": "2025-11-23T00:00:00Z", "update_time": "2026-11-22T00:00:00Z"}
    saved = {"version": 1, "company_id": 42, "children": {"deal_products": {}}, **times}
    assert remaining(saved) == [(instant("2026-11-22") - MINUTE, UNTIL)]
    with pytest.raises(SyncError, match="newer version"):
        remaining({"version": 2, "spans": []})


@pytest.mark.parametrize(("theirs", "ours"), [(0, 42), (42, 0), (None, 42)])
def test_an_unknown_company_is_not_another_one(theirs: int | None, ours: int) -> None:
    """One answer without the company's id would make a state useless."""
    saved = {"update_time": "2026-11-22", "version": 1, "since": "2025-11-23", "company_id": theirs}
    found = state.progress("deals", "update_time", saved, ours, LOWER, UNTIL)
    assert found.remaining == [(instant("2026-11-22") - MINUTE, UNTIL)]


def test_a_state_from_the_future_hides_no_present_changes() -> None:
    """It does not say when the sync that wrote it really began, so changes since then would be
    missing."""
    saved = {"update_time": "2027-01-01T00:00:00Z", "version": 1, "since": "2025-11-23T00:00:00Z"}
    assert remaining(saved) == [(LOWER, UNTIL)]
    parts = [["2025-11-23", "2026-01-01"], ["2026-02-01", "2026-11-23T11:00:01Z"]]
    assert remaining({**saved, "done": parts}) == [(instant("2026-01-01"), UNTIL)]


def test_servers_whose_clocks_differ_by_seconds_cost_nothing() -> None:
    saved = {"update_time": "2026-11-23T10:00:30Z", "version": 1, "since": "2025-11-23T00:00:00Z"}
    assert remaining(saved) == [(UNTIL - MINUTE, UNTIL)]


def test_an_answer_that_is_dated_minutes_ago_costs_an_hour_and_not_all_history() -> None:
    """Its clock would put the state of the last sync into the future."""
    saved = {"update_time": "2026-11-23T10:21:00Z", "version": 1, "since": "2025-11-23T00:00:00Z"}
    assert remaining(saved) == [(UNTIL - 60 * MINUTE, UNTIL)]
    found = state.restore(
        STREAMS["deal_products"],
        {**AHEAD, "deal_update_time": saved["update_time"]},
        False,
        42,
        LOWER,
        UNTIL,
    )
    assert isinstance(found, MultiProgress)
    assert found.known == UNTIL - 60 * MINUTE
    assert found.remaining == [(UNTIL - 60 * MINUTE, UNTIL)]


AHEAD = {"version": 1, "since": "2025-11-23T00:00:00Z", "deal_update_time": "2027-01-01T00:00:00Z"}
PART = ["2025-11-23T00:00:00Z", "2027-01-01T00:00:00Z"]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"parents": {"deals": [PART], "deals_archived": [PART]}},
        {"parents": {}, "sources": {"deals": {"deals": [PART]}}},
    ],
    ids=["complete", "by list", "by source"],
)
def test_a_child_stream_does_not_trust_a_state_from_the_future(more: dict[str, Any]) -> None:
    found = state.restore(STREAMS["deal_products"], AHEAD | more, False, 42, LOWER, UNTIL)
    assert isinstance(found, MultiProgress)
    assert found.remaining == found.remaining_from("deals", "deals") == [(LOWER, UNTIL)]
    assert found.known == 0


def test_a_sync_warns_once_of_states_from_the_future(caplog: pytest.LogCaptureFixture) -> None:
    deals = {"version": 1, "since": "2025-11-23T00:00:00Z", "update_time": "2027-01-01T00:00:00Z"}
    saved = {"deals": deals, "persons": deals, "deal_products": AHEAD, "users": {}}
    selected = [Selection(STREAMS[name], saved[name], False) for name in saved]
    client = FakeClient(lambda params: {"data": []})
    SyncRun(client, ACME, selected, AsMessages(), Options(), StopSignal())
    (line,) = [r.message for r in caplog.records if r.levelname == "WARNING"]
    assert "state of deals, persons, deal_products claims times" in line


@pytest.mark.parametrize(
    "wrong", [{"parents": []}, {"parents": None}, {"parents": {}, "known": 5}, {"known": "soon"}]
)
def test_a_child_streams_state_that_cannot_be_read_is_a_clear_error(wrong: dict[str, Any]) -> None:
    saved = {"version": 1, "since": "2025-11-23T00:00:00Z", "deal_update_time": "2026-11-01"}
    with pytest.raises(SyncError, match="cannot be read"):
        state.restore(STREAMS["deal_products"], saved | wrong, False, 42, LOWER, UNTIL)


@pytest.mark.parametrize(
    ("saved", "why"),
    [
        ({"version": 1, "since": "2026-01-01", "update_time": 5}, "cannot be read"),
        ({"version": 1, "since": "2026-01-01", "update_time": "soon"}, "cannot be read"),
        ({"version": 1, "modified": "2026-11-22T00:00:00Z"}, "cannot be read"),
        ({"version": 1, "done": "all"}, "cannot be read"),
        ({"version": 9, "since": "2026-01-01", "update_time": "2026-01-02"}, "newer version"),
        (
            {"version": 1, "company_id": 7, "since": "2026-01-01", "update_time": "2026-01-02"},
            "belongs to company 7, the credentials to company 42",
        ),
    ],
)
def test_the_error_for_an_unusable_state_gives_the_reason(saved: dict[str, Any], why: str) -> None:
    with pytest.raises(SyncError, match=why) as caught:
        remaining(saved)
    assert "\n" not in str(caught.value)


def test_states_of_release_0_1_0_stay_readable() -> None:
    """The golden file is never regenerated, because users have states like it."""
    saved = {
        entry["stream"]["stream_descriptor"]["name"]: entry["stream"]["stream_state"]
        for entry in json.loads(GOLDEN.read_text())
    }

    def spans(name: str, field: str, lower: int) -> list[tuple[str, str]]:
        found = state.progress(name, field, saved[name], 42, lower, UNTIL)
        return [(rfc3339(span.at), rfc3339(span.end)) for span in found.spans]

    end = "2026-11-23T10:00:00Z"
    assert spans("deals", "update_time", LOWER) == [
        ("2026-02-01T00:00:00Z", "2026-05-01T00:00:00Z"),
        ("2026-06-01T12:30:00Z", end),
    ]
    assert spans("persons", "update_time", 0) == [("2026-11-22T09:59:00Z", end)]
    assert spans("users", "modified", 0) == [("2026-11-22T09:59:00Z", end)]
    assert spans("files", "update_time", LOWER) == [
        ("2025-11-23T00:00:00Z", "2026-09-01T00:00:01Z"),
        ("2026-11-22T09:59:00Z", end),
    ]
    files = state.progress("files", "update_time", saved["files"], 42, LOWER, UNTIL)
    assert files.skip == 300
    assert spans("organizations", "update_time", 0) == [("2026-02-01T00:00:00Z", end)]
    assert state.of_full_refresh(saved["organizations"]) == saved["organizations"]
    assert state.of_full_refresh(saved["deals"]) == state.of_full_refresh(saved["persons"]) == {}
    assert spans("currencies", "id", 0) == [("1970-01-01T00:00:00Z", end)]


def test_a_state_is_marked_as_a_full_refresh_until_the_refresh_is_complete() -> None:
    progress = Progress(0, UNTIL)
    (span,) = progress.spans
    progress.advance(span, LOWER)
    saved = state.dump("update_time", 42, progress, full_refresh=True)
    assert saved["full_refresh"] is True
    assert remaining(dict(state.of_full_refresh(saved)), 0) == [(LOWER, UNTIL)]
    progress.advance(span, UNTIL)
    assert state.dump("update_time", 42, progress, full_refresh=True) == state.NO_CURSOR


@pytest.mark.parametrize(
    ("stream", "parents"),
    [("notes", None), ("notes", [1]), ("person_mail_messages", {"a former parent": None})],
)
def test_a_sync_begins_whatever_a_state_says_about_lists_that_its_stream_does_not_have(
    stream: str, parents: Any
) -> None:
    """The warning about a wrong clock must not be what fails."""
    definition = STREAMS[stream]
    assert definition.cursor_field is not None
    until = 1_790_000_000
    saved = {"version": state.VERSION, "company_id": 42, "since": rfc3339(0), "parents": parents}
    saved |= {definition.cursor_field: rfc3339(until - 1_000)}
    assert state.restore(definition, saved, False, 42, 0, until) is not None
    assert not state.is_ahead(definition.cursor_field, saved, until)
