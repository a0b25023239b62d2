"""A whole company is written the same whether its records are structs or dictionaries."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from airbyte_cdk.models import (
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    SyncMode,
)

from pipedrive_sandbox import Options, Sandbox
from source_pipedrive.http import decoding
from source_pipedrive.http.shapes import Shape, are_shaped
from source_pipedrive.source import SourcePipedrive
from source_pipedrive.sync.messages import AsLines, AsMessages

OPTIONS = Options(
    scale=0.06,
    clock="2026-11-23T10:00:00Z",
    fields="test",
    switches={
        "rate_limit": 10**6,
        "daily_tokens": 10**9,
        "page_limit": 6,
        "null_update_times": 3,
    },
)
SORTED = ("deals", "deals_archived", "persons", "organizations", "activities")
CONFIGS = {
    "raw": {"custom_fields": "raw"},
    "columns": {"custom_fields": "columns_and_raw"},
    "no labels": {"custom_fields": "columns_and_raw", "labels": False},
}
Decode = Callable[[Shape, bytes, str], dict[str, Any]]


def config_of(box: Sandbox, config: dict[str, Any], workers: int = 1) -> dict[str, Any]:
    return {
        "credentials": {"auth_type": "api_token", "api_token": box.api_token},
        "api_url": box.url,
        "history": {"mode": "all"},
        "num_workers": workers,
        **config,
    }


def catalog_of(box: Sandbox, config: dict[str, Any], *names: str) -> ConfiguredAirbyteCatalog:
    """These streams, or all but the report, in which no two syncs agree."""
    streams = SourcePipedrive().discover(decoding.logger, config_of(box, config)).streams
    return ConfiguredAirbyteCatalog(
        streams=[
            ConfiguredAirbyteStream(
                stream=stream,
                sync_mode=max(stream.supported_sync_modes, key=lambda mode: mode.value),
                destination_sync_mode=DestinationSyncMode.append,
            )
            for stream in streams
            if stream.name in names or (not names and stream.name != "sync_reports")
        ]
    )


def read(box: Sandbox, config: dict[str, Any], *names: str, workers: int = 1) -> list[Any]:
    """The records and states of a sync, in order."""
    catalog = catalog_of(box, config, *names)
    assert {each.sync_mode for each in catalog.streams} <= set(SyncMode)
    box.reset_ledger()
    pieces = SourcePipedrive().run(config_of(box, config, workers), catalog, [], AsLines())
    found: list[Any] = []
    for line in b"".join(pieces).splitlines():
        message = json.loads(line)
        if message["type"] in ("RECORD", "STATE"):
            message.get("record", {}).pop("emitted_at", None)
            found.append(json.dumps(message, sort_keys=True))
    return found


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[str, bool]]:
    """The pages of each stream, by whether their records became structs."""
    counts: Counter[tuple[str, bool]] = Counter()
    original: Decode = Shape.decode

    def decode(self: Shape, raw: bytes, stream: str) -> dict[str, Any]:
        body = original(self, raw, stream)
        counts[stream, are_shaped(body["data"])] += bool(body["data"])
        return body

    monkeypatch.setattr(Shape, "decode", decode)
    return counts


def slow(self: Shape, raw: bytes, stream: str) -> dict[str, Any]:
    return decoding.decode(raw, stream)


@pytest.mark.parametrize("config", ["raw", "columns"])
def test_a_whole_company_is_written_the_same(
    box: Sandbox,
    taken: Counter[tuple[str, bool]],
    monkeypatch: pytest.MonkeyPatch,
    config: str,
) -> None:
    """All streams with one worker, so that their messages come in one order."""
    fast = read(box, CONFIGS[config])
    assert min(taken[name, True] for name in SORTED) >= 1
    monkeypatch.setattr(Shape, "decode", slow)
    assert fast == read(box, CONFIGS[config])


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("name", SORTED)
def test_every_page_but_the_first_becomes_structs(
    box: Sandbox, taken: Counter[tuple[str, bool]], name: str, config: str
) -> None:
    assert read(box, CONFIGS[config], name)
    assert taken[name, False] == 1
    assert taken[name, True] >= 1


def test_several_workers_write_the_same_records(
    box: Sandbox, taken: Counter[tuple[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("deals", "persons", "activities")
    fast = read(box, CONFIGS["columns"], *names, workers=4)
    assert min(taken[name, True] for name in names) >= 1
    monkeypatch.setattr(Shape, "decode", slow)
    expected = read(box, CONFIGS["columns"], *names, workers=4)
    records = [sorted(line for line in lines if "RECORD" in line) for lines in (fast, expected)]
    assert records[0] == records[1]


def test_python_callers_receive_plain_dictionaries(box: Sandbox) -> None:
    for config in CONFIGS.values():
        catalog = catalog_of(box, config, "deals")
        pieces = SourcePipedrive().run(config_of(box, config), catalog, [], AsMessages())
        messages = [message.record for message in pieces if message.record]
        lines = [json.loads(line) for line in read(box, config, "deals")]
        records = [line["record"]["data"] for line in lines if line["type"] == "RECORD"]
        assert {type(message.data) for message in messages} == {dict}
        assert json.loads(json.dumps([message.data for message in messages])) == records
