"""Rows of the stream table: a wrong one never gets as far as a sync."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from source_pipedrive.field_lists import DEAL_EXTRAS
from source_pipedrive.stream import Changes, Paging, Stream, table
from source_pipedrive.streams import STREAMS

DEALS = STREAMS["deals"]
CUT = [
    *("activities", "call_logs", "deals", "deals_archived", "files", "leads", "leads_archived"),
    *("mail_threads", "notes"),
]
INCREMENTAL = [
    *("activities", "activity_types", "deals", "deals_archived", "files", "leads"),
    *("leads_archived", "notes", "organizations", "persons", "pipelines", "products", "stages"),
    "users",
]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"version": 3}, "version"),
        ({"path": "/deals"}, "slash"),
        ({"path": ""}, "path is empty"),
        ({"cost": 0}, "costs nothing"),
        ({"scope": ()}, "scope"),
        ({"about": ""}, "description"),
        ({"key": ()}, "primary key"),
        ({"key": ("uuid",)}, "lacks the key"),
        ({"cursor_field": "updated"}, "lacks a time field"),
        ({"history": "updated"}, "lacks a time field"),
        ({"cursor_field": None}, "cursor_field and changes"),
        ({"limit": None}, "needs a limit"),
        ({"paging": Paging.OFFSET}, "no offsets"),
        ({"paging": Paging.WHOLE, "limit": None}, "needs pages"),
        ({"version": 1}, "spans need v2"),
        ({"changes": Changes.RESTARTING}, "restarting needs v1"),
        ({"each": ({"a": "1"}, {"a": "2"})}, "one list"),
    ],
)
def test_a_wrong_row_fails_and_says_what_is_wrong(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        dataclasses.replace(DEALS, **wrong)


def test_a_name_that_is_no_column_name_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stream, "schema", DEALS.schema)  # looked up by name otherwise
    with pytest.raises(ValueError, match="snake_case"):
        dataclasses.replace(DEALS, name="Deals")


def test_an_unknown_fact_in_a_row_fails() -> None:
    with pytest.raises(TypeError, match="cursor_feild"):
        dataclasses.replace(DEALS, cursor_feild="update_time")  # type: ignore[call-arg]


def test_a_row_without_a_schema_file_fails() -> None:
    with pytest.raises(FileNotFoundError, match="dealz"):
        dataclasses.replace(DEALS, name="dealz")


def test_two_rows_of_one_name_fail() -> None:
    with pytest.raises(ValueError, match="deals"):
        table(DEALS, DEALS)


def test_a_row_after_no_row_fails() -> None:
    with pytest.raises(ValueError, match="deals"):
        table(STREAMS["deals_archived"])


def test_every_opt_in_field_is_asked_for() -> None:
    """include_fields costs no tokens; a field that is not asked for is a column of nulls."""
    assert set(DEAL_EXTRAS.split(",")) <= set(DEALS.schema["properties"])
    for name in ("deals", "deals_archived", "persons", "organizations", "activities"):
        asked = STREAMS[name].params["include_fields"].split(",")
        assert len(asked) == len(set(asked))
        assert set(asked) <= set(STREAMS[name].schema["properties"])


def test_the_lists_that_are_read_incrementally_and_those_that_the_history_cuts() -> None:
    lists = {name: row for name, row in STREAMS.items() if not row.sources}
    assert {name for name, row in lists.items() if row.cursor_field} == {
        *INCREMENTAL,
        *("projects", "projects_archived", "tasks", "project_templates"),
        *("lead_labels", "deleted_records"),
    }
    assert {name for name, row in STREAMS.items() if row.history} == set(CUT)


def test_the_scope_that_an_error_names_is_the_narrowest() -> None:
    assert DEALS.read_scope == "deals:read"
    assert STREAMS["pipelines"].read_scope == "deals:read"
    assert STREAMS["roles"].read_scope == "admin"
    assert STREAMS["users"].scope == ("users:read",)
