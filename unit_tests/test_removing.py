"""The setting "Remove deleted records from your tables", from the form to the records."""

from __future__ import annotations

import logging
from typing import Any

import orjson
import pytest
from airbyte_cdk.models import (
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    SyncMode,
)
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager

from pipedrive_sandbox import Options, Sandbox
from source_pipedrive import SourcePipedrive
from source_pipedrive.config.parsing import parse
from source_pipedrive.http.shapes import Shape
from source_pipedrive.reading.audit.reported import OBJECTS
from source_pipedrive.reading.instants import rfc3339
from source_pipedrive.reading.records import Plan
from source_pipedrive.source import catalog_entry, select
from source_pipedrive.stream import DELETED_AT, Kind
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.messages import AsLines, AsMessages
from unit_tests.caller import LIMITS, NOW
from unit_tests.test_config import with_token

LOG = logging.getLogger("airbyte")
OPTIONS = Options(scale=0.05, clock=NOW, switches=LIMITS)
UNTIL = 1_795_000_000
REPORTED = {
    *("deals", "deals_archived", "persons", "organizations", "products", "activities", "notes"),
    *("files", "leads", "leads_archived", "projects", "projects_archived", "tasks"),
    *("deal_products", "deal_installments"),
    *("pipelines", "stages", "lead_labels", "project_templates"),
}
Record = dict[str, Any]
OVERWRITE, APPEND, DEDUP = (
    DestinationSyncMode.overwrite,
    DestinationSyncMode.append,
    DestinationSyncMode.append_dedup,
)


def discovered(**more: Any) -> set[str]:
    config = with_token(custom_fields="raw", **more)
    streams = SourcePipedrive().discover(LOG, config).streams
    return {s.name for s in streams if DELETED_AT in s.json_schema["properties"]}


def test_discover_adds_the_column_where_deletions_can_become_known() -> None:
    assert discovered(remove_deleted=True) == REPORTED
    assert discovered() == discovered(remove_deleted=False) == set()


def test_discover_adds_the_column_next_to_those_of_custom_fields(box: Sandbox) -> None:
    config = {**with_token(api_url=box.url, remove_deleted=True)}
    config["credentials"] = {"auth_type": "api_token", "api_token": box.api_token}
    streams = SourcePipedrive().discover(LOG, config).streams
    found = {s.name: s.json_schema["properties"] for s in streams}
    assert {n for n, p in found.items() if DELETED_AT in p} == REPORTED
    assert found["deals"][DELETED_AT]["type"] == ["null", "string"]
    assert found["deals"][DELETED_AT]["format"] == "date-time"


def test_every_object_that_deleted_records_reports_has_a_table() -> None:
    """Otherwise its rows stay, however well its deletions are known."""
    (deleted,) = [stream for stream in STREAMS.values() if stream.kind is Kind.DELETED]
    paths = {part.endpoint.path.partition("/")[0] for part in deleted.components}
    reported = {*OBJECTS.values(), *paths} - {"recents"}
    assert reported <= {stream.incremental.deleted_as for stream in STREAMS.values()}


def configured(
    name: str,
    mode: SyncMode = SyncMode.incremental,
    destination: DestinationSyncMode = DEDUP,
    has_column: bool = True,
) -> ConfiguredAirbyteStream:
    stream = STREAMS[name]
    entry = catalog_entry(stream, stream.schema, removes=has_column)
    return ConfiguredAirbyteStream(stream=entry, sync_mode=mode, destination_sync_mode=destination)


@pytest.mark.parametrize(
    ("mode", "destination", "has_column", "removes", "takes"),
    [
        (SyncMode.incremental, DEDUP, True, True, True),
        (SyncMode.incremental, DEDUP, True, False, False),
        (SyncMode.incremental, DEDUP, False, True, False),
        (SyncMode.incremental, APPEND, True, True, False),
        (SyncMode.full_refresh, OVERWRITE, True, True, False),
        (SyncMode.full_refresh, DEDUP, True, True, False),
    ],
)
def test_a_table_takes_tombstones_only_if_it_can_act_on_them(
    mode: SyncMode, destination: DestinationSyncMode, has_column: bool, removes: bool, takes: bool
) -> None:
    """In any other table a tombstone is a row of nulls."""
    states = ConnectorStateManager([])
    selection = select(configured("deals", mode, destination, has_column), states, removes)
    assert selection.takes_tombstones is takes
    assert (DELETED_AT in selection.schema["properties"]) is (has_column and removes)


def lines(*streams: ConfiguredAirbyteStream, caplog: Any, **more: Any) -> list[tuple[str, str]]:
    """What a sync logs about rows that stay."""
    with Sandbox(OPTIONS) as box:
        config = with_token(api_url=box.url, **more)
        config["credentials"] = {"auth_type": "api_token", "api_token": box.api_token}
        catalog = ConfiguredAirbyteCatalog(streams=list(streams))
        with caplog.at_level(logging.INFO, "airbyte"):
            list(SourcePipedrive().run(config, catalog, [], AsMessages()))
    found = [(r.levelname, r.message) for r in caplog.records]
    return [each for each in found if each[1].startswith(("Deleted records are", "remove_deleted"))]


def test_one_warning_if_nothing_looks_for_deletions(caplog: pytest.LogCaptureFixture) -> None:
    found = lines(configured("stages"), configured("projects"), caplog=caplog, remove_deleted=True)
    ((level, text),) = found
    assert level == "WARNING"
    assert "deleted_records" in text


def test_the_log_names_the_tables_that_keep_deleted_records(
    caplog: pytest.LogCaptureFixture,
) -> None:
    streams = (
        configured("projects", has_column=False),
        configured("stages", destination=APPEND),
        configured("pipelines"),
        configured("deleted_records"),
        configured("users"),
    )
    ((level, text),) = lines(*streams, caplog=caplog, remove_deleted=True)
    assert level == "INFO"
    assert text.startswith("Deleted records are not removed from projects, stages: ")


def test_no_line_if_the_setting_is_off(caplog: pytest.LogCaptureFixture) -> None:
    assert lines(configured("stages"), caplog=caplog) == []


def test_the_setting_is_off_unless_set() -> None:
    assert parse(with_token()).remove_deleted is False
    assert parse(with_token(remove_deleted=None)).remove_deleted is False
    assert parse(with_token(remove_deleted=True)).remove_deleted is True


# -- records that arrive marked

MARKED = {
    "deals": {"is_deleted": True},
    "deals_archived": {"is_deleted": True},
    "persons": {"is_deleted": True},
    "projects": {"status": "deleted"},
    "notes": {"active_flag": False},
    "files": {"active_flag": False},
    "stages": {"is_deleted": True},
}
ALIVE = {"is_deleted": False, "status": "open", "active_flag": True}
TIME = "2026-11-20T08:00:00Z"


@pytest.mark.parametrize("name", MARKED)
def test_a_record_that_arrives_marked_removes_its_row(name: str) -> None:
    field = next(iter(MARKED[name]))
    records = [
        {"id": 1, "update_time": TIME, **MARKED[name]},
        {"id": 2, "update_time": None, **MARKED[name]},
        {"id": 3, "update_time": TIME, field: ALIVE[field]},
        {"id": 4, "update_time": TIME},
    ]
    shaped = Plan(STREAMS[name], 7, None, marks=True, until=UNTIL).shape(records)
    assert [each.get(DELETED_AT) for each in shaped] == [TIME, rfc3339(UNTIL), None, None]
    assert not any(DELETED_AT in each for each in Plan(STREAMS[name], 7).shape(records))


def test_users_who_are_inactive_stay_in_their_table() -> None:
    user = {"id": 1, "active_flag": False, "is_deleted": True}
    assert Plan(STREAMS["users"], 7, None, marks=True).shape([user]) == [user]


@pytest.mark.parametrize("gone", [[], [2], [1, 2, 3]])
def test_structs_are_marked_as_dictionaries_are(gone: list[int]) -> None:
    stream = STREAMS["persons"]
    shape = Shape(stream.key, stream.columns.as_text)
    page = {
        "data": [{"id": n, "update_time": TIME, "is_deleted": n in gone} for n in (1, 2, 3)],
        "additional_data": {},
    }
    shape.decode(orjson.dumps(page), "persons")  # the first page shows the keys
    structs = shape.decode(orjson.dumps(page), "persons")["data"]
    plan = Plan(stream, 7, None, marks=True, until=UNTIL)
    wanted = [
        {**each, **({DELETED_AT: TIME} if each["id"] in gone else {})} for each in page["data"]
    ]
    shaped = plan.shape_structs(structs)
    assert [m.record.data for m in AsMessages().records("s", shaped) if m.record] == wanted
    (text,) = AsLines().records("s", plan.shape_structs(structs))
    assert [orjson.loads(line)["record"]["data"] for line in text.splitlines()] == wanted
