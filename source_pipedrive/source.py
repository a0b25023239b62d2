"""SourcePipedrive: spec, check, discover and read of the Airbyte protocol."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from functools import partial
from typing import Any

from airbyte_cdk.models import (
    AirbyteCatalog,
    AirbyteConnectionStatus,
    AirbyteMessage,
    AirbyteStateMessage,
    AirbyteStream,
    ConfiguredAirbyteCatalog,
    ConfiguredAirbyteStream,
    ConnectorSpecification,
    Status,
    SyncMode,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.complaints import config_error
from source_pipedrive.config import Config, parse, specification
from source_pipedrive.fields.columns import discovered, with_columns
from source_pipedrive.fields.definitions import Definitions
from source_pipedrive.http.company import Company, connect
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.migration import migrate
from source_pipedrive.misspellings import misspellings
from source_pipedrive.reading.instants import rfc3339, seconds_of
from source_pipedrive.reading.messages import AsMessages, Encoder
from source_pipedrive.reading.pages import all_rows
from source_pipedrive.reading.reader import T
from source_pipedrive.reading.shaping import Fields
from source_pipedrive.reading.sync import Run, Selection
from source_pipedrive.sight import Sight, by_reason, partial_view, permissions_of, verdict
from source_pipedrive.stream import Stream
from source_pipedrive.streams import STREAMS

logger = logging.getLogger("airbyte")

CHECK_TRIES = 2
NOTHING = (
    "These credentials are valid but show nothing of the company's data. Give the app scopes and "
    "reconnect it, or use the credentials of a user with access."
)


class SourcePipedrive(Source):
    """Pipedrive, the sales CRM, as an Airbyte source."""

    @property
    def name(self) -> str:
        """As in metadata.yaml."""
        return "source-pipedrive"

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        """The form a user fills in."""
        return specification()

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:
        """The configuration in today's shape, whatever connector it was written for."""
        return migrate(config)

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Whether the credentials are valid, and what they let a sync read, for 12 tokens."""
        try:
            parsed = parsed_with_warnings(config)
            client, company = connect(parsed, _mutable(config), CHECK_TRIES, prove=True)
            parsed.history.since(company.at)
            rows = list(STREAMS.values())
            permissions = permissions_of(client, company, rows)
        except AirbyteTracedException as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(error))
        _warn(company, rows)
        verdicts = {row.name: verdict(row, company, permissions) for row in rows}
        for reason in by_reason(verdicts, Sight.HIDDEN):
            logger.warning(f"Cannot be read with these credentials: {reason}.")
        for reason in by_reason(verdicts, Sight.UNKNOWN):
            logger.info(f"Not checked: {reason}.")
        seen = [row for row in rows if verdicts[row.name].sight is Sight.READABLE]
        logger.info(
            f"{len(seen)} of {len(rows)} streams can be read. This check used "
            f"{client.usage.tokens} API tokens."
        )
        data = [row for row in rows if row.needs.app or row.needs.permission]
        if all(verdicts[row.name].sight is Sight.HIDDEN for row in data):
            return AirbyteConnectionStatus(status=Status.FAILED, message=NOTHING)
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        """Every stream there is, in alphabetical order, with a column for each custom field.

        Costs 2 tokens and about 10 for each kind of object that has custom fields. Raises
        AirbyteTracedException where the definitions cannot be read for now: without them a schema
        refresh would drop columns.
        """
        parsed = parsed_with_warnings(config)
        rows = STREAMS.values()
        if parsed.custom_fields == "raw":
            return AirbyteCatalog(streams=[catalog_entry(row, row.schema) for row in rows])
        client, _ = connect(parsed, _mutable(config))
        definitions = Definitions(partial(all_rows, client), strict=True)
        schemas = {}
        for row in rows:
            columns = discovered(row, definitions) if row.has_custom_fields else []
            schemas[row.name] = with_columns(row, columns, parsed.labels)
        logger.info(f"Discovered {len(rows)} streams for {client.usage.tokens} API tokens.")
        return AirbyteCatalog(streams=[catalog_entry(row, schemas[row.name]) for row in rows])

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """The messages of one sync."""
        return self.run(config, catalog, state or [], AsMessages())

    def run(
        self,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: Sequence[AirbyteStateMessage],
        encoder: Encoder[T],
        meanwhile: Callable[[], None] = lambda: None,
        stop_signal: StopSignal | None = None,
    ) -> Iterator[T]:
        """One sync, rendered by `encoder`. `meanwhile` is called between pages;
        `stop_signal.stop()` ends the sync after the pages under way.

        Raises AirbyteTracedException: a config error before the first message for what the user has
        to mend, at the end for streams that were not read to theirs.
        """
        parsed = parsed_with_warnings(config)
        states = ConnectorStateManager(list(state))
        for gone in sorted(s.name for s in states.per_stream_states if s.name not in STREAMS):
            logger.warning(f"The state of {gone} is left alone: there is no such stream any more.")
        selected = [select(stream, states) for stream in catalog.streams]
        stop_signal = stop_signal or StopSignal()
        client, company = connect(parsed, _mutable(config), sleep=stop_signal)
        if stop_signal.stopped:  # before any stream has begun that would have to be ended
            raise stop_signal.error()
        lower = seconds_of(parsed.history.since(company.at))
        _warn(company, [selection.row for selection in selected])
        logger.info(f"Reading {len(selected)} streams; what has a history, from {rfc3339(lower)}.")
        workers = parsed.num_workers
        fields = None
        if parsed.custom_fields != "raw":
            fields = Fields(Definitions(partial(all_rows, client)), parsed.labels)
        yield from Run(
            client, company, selected, encoder, lower, workers, stop_signal, meanwhile, fields
        )


def parsed_with_warnings(config: Mapping[str, Any]) -> Config:
    """As `parse`, after a warning for each key that is no setting."""
    if isinstance(config, Mapping):
        for sentence in misspellings(config):
            logger.warning(sentence)
    return parse(config)


def catalog_entry(row: Stream, schema: dict[str, Any]) -> AirbyteStream:
    """How a stream appears in the catalog."""
    modes = [SyncMode.full_refresh, *([SyncMode.incremental] if row.cursor_field else [])]
    return AirbyteStream(
        name=row.name,
        json_schema=schema,
        supported_sync_modes=modes,
        source_defined_cursor=True if row.cursor_field else None,
        default_cursor_field=[row.cursor_field] if row.cursor_field else None,
        source_defined_primary_key=[[part] for part in row.key],
        is_resumable=bool(row.cursor_field),
    )


def select(stream: ConfiguredAirbyteStream, states: ConnectorStateManager) -> Selection:
    """What the configured catalog asks of one stream."""
    name = stream.stream.name
    row = STREAMS.get(name)
    if row is None:
        raise config_error(
            f'The catalog selects "{name}", which is not a stream of this connector. '
            "Refresh the schema of the connection."
        )
    incremental = stream.sync_mode is SyncMode.incremental and row.cursor_field is not None
    saved = states.get_stream_state(name, None)
    return Selection(row, saved, not incremental, stream.stream.json_schema or {})


def _warn(company: Company, rows: Sequence[Stream]) -> None:
    """Says what these credentials show only a part of."""
    if (view := partial_view(company, rows)) is not None:
        matters, sentence = view
        logger.log(logging.WARNING if matters else logging.INFO, sentence)


def _mutable(config: Mapping[str, Any]) -> MutableMapping[str, Any]:
    """The very mapping that renewed tokens are written into, so that the platform keeps them."""
    return config if isinstance(config, MutableMapping) else dict(config)
