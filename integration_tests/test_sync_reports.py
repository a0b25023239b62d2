"""Every sync that begins leaves a report in its output, however it ends."""

from __future__ import annotations

import json
import signal
from typing import Any

import pytest

from integration_tests.conftest import Box, Start
from integration_tests.program import LISTS, Mode, Outcome
from integration_tests.test_termination import Begin, begin, read  # noqa: F401  (fixture)
from source_pipedrive.streams import STREAMS

CHILDREN = ("deal_products", "deal_stage_history", "person_mail_messages", "note_comments")
Row = dict[str, Any]


def rows_of(outcome: Outcome) -> dict[str, Row]:
    """The rows of the report by stream. Nothing follows them except states, statuses and logs."""
    kept = [m for m in outcome.messages if m["type"] == "RECORD"]
    names = [message["record"]["stream"] for message in kept]
    first = names.index("sync_reports")
    assert set(names[first:]) == {"sync_reports"}
    rows = outcome.records("sync_reports")
    assert len({row["sync_id"] for row in rows}) == 1
    by_stream = {row["stream"]: row for row in rows}
    assert len(by_stream) == len(rows)
    return by_stream


def states(outcome: Outcome) -> dict[str, Row]:
    streams = [state["stream"] for state in outcome.state]
    return {stream["stream_descriptor"]["name"]: stream["stream_state"] for stream in streams}


@pytest.mark.parametrize("mode", ["incremental", "full_refresh"])
@pytest.mark.parametrize("workers", [1, 8])
def test_a_sync_of_all_lists_and_some_children(shared_box: Box, mode: Mode, workers: int) -> None:
    chosen = {*LISTS, *CHILDREN}
    config = shared_box.config(num_workers=workers)
    by_mode: Mode | None = "full_refresh" if mode == "full_refresh" else None
    outcome = shared_box.read(*chosen, "sync_reports", config=config, mode=by_mode)
    assert outcome.code == 0
    rows = rows_of(outcome)
    assert {name for name, row in rows.items() if row.get("selected")} == chosen
    for name in chosen:
        row, cursor = rows[name], STREAMS[name].cursor_field
        assert row["records"] == len(outcome.records(name)), name
        assert row["sync_mode"] == (mode if cursor else "full_refresh"), name
        assert row["status"] == "complete", name
        assert row["complete_to"] == row["sync_started_time"], name
        blob = states(outcome)[name]
        assert row["state_bytes"] == len(json.dumps(blob, separators=(",", ":"))), name
    mail = rows["person_mail_messages"]
    assert mail["expected_records"] == mail["records"] > 0
    whole = rows[""]
    assert whole["tokens"] == sum(row["tokens"] for name, row in rows.items() if name)
    assert whole["day_tokens_limit"] - whole["day_tokens_left"] >= whole["tokens"]
    assert any(f"used {whole['tokens']:,} API tokens" in log for log in outcome.logs)
    assert outcome.statuses("sync_reports") == ["STARTED", "RUNNING", "COMPLETE"]


@pytest.mark.parametrize("workers", [1, 8])
def test_a_sync_that_a_budget_stops_and_the_next_one(start: Start, workers: int) -> None:
    box = start(scale=0.3, rate_limit=100_000)
    box.control("clock", {"advance_seconds": 60})
    chosen = ("deals", "persons", "deal_products", "deal_changelog", "sync_reports")
    config = box.config(daily_token_budget=800, num_workers=workers)
    first = box.read(*chosen, config=config)
    assert first.code == 1
    row = rows_of(first)["deal_changelog"]
    assert row["status"] == "incomplete"
    assert row["remaining_parents"] > 0
    assert row["remaining_spans"]
    assert "daily_token_budget allows 800" in row["error"]
    assert rows_of(first)[""]["tokens"] <= 800
    second = box.read(*chosen, config=box.config(num_workers=workers), state=first.state)
    assert second.code == 0
    rows = rows_of(second)
    assert {rows[name]["status"] for name in chosen[:-1]} == {"complete"}
    assert not {r["sync_id"] for r in rows.values()} & {row["sync_id"]}
    # Only the parents that the first sync reported as unread are requested now, but for those of
    # the last state.
    asked = rows["deal_changelog"]["requests"]
    assert row["remaining_parents"] <= asked <= row["remaining_parents"] + 20


def test_sigterm_while_pipedrive_does_not_answer(begin: Begin, start: Start) -> None:  # noqa: F811
    """The report leaves within the time that a container gets to stop."""
    box = start()
    arguments = read(box, "deals", "currencies", "sync_reports", config=box.config())
    box.control("fail-next", [{"path_contains": "v2/deals", "delay_ms": 120_000, "times": 9}])
    running = begin(*arguments)
    running.until('"COMPLETE"')  # of currencies
    outcome = running.terminate()
    assert outcome.code == -signal.SIGTERM
    rows = rows_of(outcome)
    assert rows["currencies"]["status"] == "complete"
    assert rows["deals"]["status"] == "incomplete"
    assert "asked to stop" in rows["deals"]["error"]
    assert "asked to stop" in rows[""]["error"]
    assert outcome.statuses("sync_reports") == ["STARTED", "RUNNING", "COMPLETE"]
    assert "sync_reports" in states(outcome)


def test_the_report_alone_costs_two_tokens(start: Start) -> None:
    """Those of users/me, which every sync pays for."""
    box = start()
    outcome = box.read("sync_reports")
    assert outcome.code == 0
    assert set(rows_of(outcome)) == {"", "users_me"}
    assert rows_of(outcome)[""]["tokens"] == 2
    again = box.read("sync_reports", state=outcome.state)
    assert set(rows_of(again)) == {"", "users_me"}


def test_no_row_holds_a_secret_or_a_person(start: Start) -> None:
    """The table is one that many people can read."""
    box = start(scale=0.1, rate_limit=100_000, admin=False)
    box.control("fail-next", [{"path_contains": "/persons", "status": 403, "times": 50}])
    chosen = ("persons", "users", "roles", "mail_threads", *CHILDREN, "sync_reports")
    outcome = box.read(*chosen, config=box.oauth())
    text = json.dumps(outcome.records("sync_reports"))
    assert "403" in text
    assert "is neither Deals admin nor Global admin" in text
    assert "@" not in text
    for secret in (box.api_token, box.client_secret, box.refresh_token):
        assert secret not in text
    names = [user["name"] for user in outcome.records("users")]
    assert names
    assert not any(name in text for name in names)


def test_the_rows_say_what_the_last_audit_counted(start: Start) -> None:
    """First none, then one that is cut short by its share, then a complete one."""
    box = start(scale=0.1, rate_limit=100_000)
    chosen = ("deals", "persons", "files", "deleted_records", "sync_reports")

    def sync(state: Any, share: int, mode: str = "verify") -> Outcome:
        audit = {"mode": mode, "every_days": 7, "share_of_day": share}
        config = box.config(find_deleted_records=audit if mode == "verify" else {"mode": mode})
        outcome = box.read(*chosen, config=config, state=state)
        assert outcome.code == 0, outcome.sentence()
        return outcome

    none = sync(None, 0, "reported")
    assert not any("last_audit_time" in row for row in rows_of(none).values())
    box.control("switches", {"page_limit": 10, "daily_tokens": 30_000})
    cut = sync(none.state, 1)
    left = rows_of(cut)["deleted_records"]["remaining_spans"]
    names = {span["list"].removeprefix("audit of ") for span in left}
    assert names
    rows = rows_of(cut)
    assert not any("last_audit_time" in rows[name] for name in names & rows.keys())
    box.control("switches", {"page_limit": 0, "daily_tokens": 1_000_000})
    whole = sync(cut.state, 100)
    rows = rows_of(whole)
    assert "remaining_spans" not in rows["deleted_records"]
    for name in ("deals", "persons", "files"):
        lists = [name, "deals_archived"] if name == "deals" else [name]
        assert rows[name]["total_records"] == sum(len(box.control(f"records/{n}")) for n in lists)
        assert rows[name]["total_from"] == "audit"
        begun = {each["sync_started_time"] for each in (rows_of(cut)[""], rows[""])}
        assert rows[name]["last_audit_time"] in begun
