"""A configured catalog that lists a stream more than once."""

from __future__ import annotations

import logging

import pytest
from airbyte_cdk.models import (
    AirbyteMessage,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    DestinationSyncMode,
    SyncMode,
)
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from pipedrive_sandbox import Options, Sandbox
from source_pipedrive.http.errors import CONFIG
from source_pipedrive.source import SourcePipedrive
from source_pipedrive.sync.messages import AsMessages
from source_pipedrive.sync.selection import distinct
from unit_tests.caller import LIMITS, NOW
from unit_tests.probing import api_token
from unit_tests.test_removing import APPEND, DEDUP, OVERWRITE, configured

INCREMENTAL, FULL = SyncMode.incremental, SyncMode.full_refresh
OPTIONS = Options(1, 0.03, NOW, switches=LIMITS)


def synced(box: Sandbox, *streams: ConfiguredAirbyteStream) -> list[AirbyteMessage]:
    catalog = ConfiguredAirbyteCatalog(streams=list(streams))
    return list(SourcePipedrive().run(api_token(box), catalog, [], AsMessages()))


def test_a_stream_that_is_listed_twice_is_read_once(caplog: pytest.LogCaptureFixture) -> None:
    """Otherwise each of its records is paid for and written twice."""
    with Sandbox(OPTIONS) as box, caplog.at_level(logging.INFO, "airbyte"):
        messages = synced(box, configured("users"), configured("stages"), configured("users"))
        asked = box.ledger()
    assert asked["users"]["requests"] == 1
    written = [m.record.data["id"] for m in messages if m.record and m.record.stream == "users"]
    assert len(written) == len(set(written)) > 0
    statuses = [m.trace.stream_status for m in messages if m.trace and m.trace.stream_status]
    started = [s.stream_descriptor.name for s in statuses if s.status.value == "STARTED"]
    assert sorted(started) == ["stages", "users"]
    assert [(r.levelname, r.message) for r in caplog.records if "once" in r.message] == [
        (
            "WARNING",
            "The catalog lists users more than once. The sync reads each stream once, as its first "
            "entry says.",
        )
    ]


def test_the_first_entry_decides_on_the_columns() -> None:
    first, other = configured("stages"), configured("stages", has_column=False)
    assert distinct([first, other]) == [first] != [other]


@pytest.mark.parametrize(
    ("mode", "destination"),
    [(FULL, DEDUP), (INCREMENTAL, APPEND), (FULL, OVERWRITE)],
)
def test_entries_with_other_sync_modes_are_an_error(
    mode: SyncMode, destination: DestinationSyncMode
) -> None:
    """Whichever entry was followed, some rows would be missing or repeated."""
    with Sandbox(OPTIONS) as box:
        with pytest.raises(AirbyteTracedException) as error:
            synced(box, configured("users"), configured("users", mode, destination))
        assert box.ledger() == {}, "nothing is paid for"
    assert error.value.failure_type is CONFIG
    assert str(error.value) == (
        "The catalog lists users more than once, with different sync modes. "
        "Leave one entry for each stream."
    )
