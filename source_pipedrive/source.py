"""SourcePipedrive: spec, check, discover and read of the Airbyte protocol."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
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
    DestinationSyncMode,
    Status,
    SyncMode,
)
from airbyte_cdk.sources import Source
from airbyte_cdk.sources.connector_state_manager import ConnectorStateManager
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.access import (
    Access,
    no_access,
    report_missing,
    unverified,
    user_permissions,
)
from source_pipedrive.config.deletions import Verified
from source_pipedrive.config.errors import config_error
from source_pipedrive.config.legacy import migrate
from source_pipedrive.config.model import Config, specification
from source_pipedrive.config.parsing import parse
from source_pipedrive.fields.columns import discovered, with_columns
from source_pipedrive.fields.definitions import Definitions
from source_pipedrive.http.company import connect
from source_pipedrive.http.stop import StopSignal
from source_pipedrive.http.usage import counted
from source_pipedrive.privacy.privacy import Privacy, privacy_of
from source_pipedrive.reading.audit.settings import AuditSettings
from source_pipedrive.reading.instants import rfc3339, seconds_of
from source_pipedrive.reading.pages import all_records
from source_pipedrive.reading.shaping import Fields
from source_pipedrive.stream import (
    DELETED_AT,
    Kind,
    Stream,
    with_deleted_at,
    without_deleted_at,
)
from source_pipedrive.stream.audited import WHOLE
from source_pipedrive.streams import STREAMS
from source_pipedrive.sync.budget_stop import is_replaced
from source_pipedrive.sync.messages import AsMessages, Encoder, T
from source_pipedrive.sync.selection import Selection, distinct, plain_schema
from source_pipedrive.sync.sync import Options, SyncRun
from source_pipedrive.sync.warning_log import collected_warnings

logger = logging.getLogger("airbyte")

CHECK_TRIES = 2


class SourcePipedrive(Source):
    """Pipedrive, the sales CRM, as an Airbyte source."""

    @property
    def name(self) -> str:
        """The name in metadata.yaml."""
        return "source-pipedrive"

    def spec(self, logger: logging.Logger) -> ConnectorSpecification:
        """The form that a user fills in."""
        return specification()

    def configure(self, config: Mapping[str, Any], temp_dir: str) -> Mapping[str, Any]:
        """The configuration in today's shape, even if it was written for another connector."""
        return migrate(config)

    def check(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteConnectionStatus:
        """Whether the credentials are valid. Logs what they can read. Costs 12 tokens, and 10 for
        each kind of object whose custom fields `privacy.columns` names."""
        try:
            parsed = parse(config)
            client, company = connect(parsed, CHECK_TRIES, verify=True)
            parsed.history.since(company.at)
            privacy_of(parsed.privacy, Definitions(partial(all_records, client)), STREAMS)
            streams = list(STREAMS.values())
            permissions = user_permissions(client, company, streams)
        except AirbyteTracedException as error:
            return AirbyteConnectionStatus(status=Status.FAILED, message=str(error))
        checks, is_whole = report_missing(company, streams, permissions)
        for line in unverified(streams, checks, is_whole):
            logger.info(line)
        logger.info(f"This check used {client.usage.tokens} API tokens.")
        data = [s for s in streams if s.access.needs.app or s.access.needs.permission]
        if all(checks[stream.name].access is Access.DENIED for stream in data):
            return AirbyteConnectionStatus(status=Status.FAILED, message=no_access(checks))
        return AirbyteConnectionStatus(status=Status.SUCCEEDED)

    def discover(self, logger: logging.Logger, config: Mapping[str, Any]) -> AirbyteCatalog:
        """All streams in alphabetical order, with a column for each custom field.

        Costs 2 tokens and about 10 for each kind of object that has custom fields. Raises
        AirbyteTracedException if the definitions cannot be read at the moment: without them, a
        schema refresh would drop columns.
        """
        parsed = parse(config)
        streams, raw = STREAMS.values(), not parsed.has_columns
        schemas = {stream.name: stream.schema for stream in streams}
        if not raw or parsed.privacy.mode == "on":
            client, _ = connect(parsed)
            definitions = Definitions(partial(all_records, client), strict=True)
            privacy = privacy_of(parsed.privacy, definitions, STREAMS)
            for stream in streams:
                schema = stream.schema
                if not raw:
                    has_own = stream.columns.has_custom_fields
                    columns = discovered(stream, definitions) if has_own else []
                    schema = with_columns(stream, columns, parsed.labels)
                schemas[stream.name] = privacy.schema(stream, schema) if privacy else schema
            used = client.usage.tokens
            logger.info(f"Found {len(streams)} streams. This used {used} API tokens.")
        removes = parsed.remove_deleted
        return AirbyteCatalog(
            streams=[catalog_entry(stream, schemas[stream.name], removes) for stream in streams]
        )

    def read(
        self,
        logger: logging.Logger,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: list[AirbyteStateMessage] | None = None,
    ) -> Iterator[AirbyteMessage]:
        """Yields the messages of one sync."""
        return self.run(config, catalog, state or [], AsMessages())

    def run(
        self,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: Sequence[AirbyteStateMessage],
        encoder: Encoder[T],
        between_pages: Callable[[], None] = lambda: None,
        stop_signal: StopSignal | None = None,
        show: Callable[[str], None] | None = None,
    ) -> Iterator[T]:
        """Yields the messages of one sync, rendered by `encoder`.

        `between_pages` is called between two pages. `stop_signal.stop()` ends the sync after the
        pages in progress. `show` is called each second with how far the sync is. Raises
        AirbyteTracedException: before the first message, a config error that the user has to fix;
        at the end, an error if a stream is incomplete (sync/budget_stop.py has the exception).
        """
        with collected_warnings() as warnings:
            options = Options(between_pages=between_pages, warnings=warnings, show=show)
            yield from self._sync(config, catalog, state, encoder, options, stop_signal)

    def _sync(
        self,
        config: Mapping[str, Any],
        catalog: ConfiguredAirbyteCatalog,
        state: Sequence[AirbyteStateMessage],
        encoder: Encoder[T],
        options: Options,
        stop_signal: StopSignal | None,
    ) -> Iterator[T]:
        parsed = parse(config)
        states = ConnectorStateManager(list(state))
        for gone in sorted(s.name for s in states.per_stream_states if s.name not in STREAMS):
            logger.warning(f"Ignoring the state of {gone}: this stream no longer exists.")
        removes = parsed.remove_deleted
        again = isinstance(wanted := parsed.find_deleted_records, Verified) and wanted.write_again
        chosen = distinct(catalog.streams)
        selected = [select(configured, states, removes, again) for configured in chosen]
        stop_signal = stop_signal or StopSignal()
        client, company = connect(parsed, sleep=stop_signal)
        if stop_signal.stopped:  # no stream has started yet, so none has to be ended
            raise stop_signal.error()
        lower = seconds_of(parsed.history.since(company.at))
        report_missing(company, [selection.stream for selection in selected])
        if removes:
            _warn_of_rows_that_stay(selected)
        since = f"history from {rfc3339(lower)} on" if lower else "all their history"
        logger.info(f"Reading {counted(len(selected), 'stream')}, with {since}.")
        definitions = Definitions(partial(all_records, client))
        privacy = privacy_of(parsed.privacy, definitions, STREAMS)
        if privacy is not None:
            _log_old_schemas(privacy, selected)
        options = replace(
            options,
            lower=lower,
            workers=parsed.num_workers,
            fields=Fields(definitions, parsed.labels) if parsed.has_columns else None,
            audit=audit_settings(parsed, selected),
            privacy=privacy,
            budget_succeeds=parsed.budget_stop.mode == "succeed",
        )
        yield from SyncRun(client, company, selected, encoder, options, stop_signal)


def audit_settings(config: Config, selected: Sequence[Selection]) -> AuditSettings | None:
    """What the user asked an audit to do, if anything. Warns if no selected stream has the
    results."""
    wanted = config.find_deleted_records
    if not isinstance(wanted, Verified):
        return None
    if not any(each.stream.kind is Kind.DELETED for each in selected):
        logger.warning(
            "find_deleted_records asks for an audit, but its results are in deleted_records, which "
            "is not selected. Select that stream, or choose the mode reported."
        )
        return None
    # What no earlier sync has read is read whole by this one, so there is nothing to repair.
    known = [each.stream for each in selected if each.takes_copies and not each.is_new]
    takers = {stream.endpoint.path: stream for stream in known}
    return AuditSettings(wanted.every_days, wanted.share_of_day, wanted.accepted, takers)


def catalog_entry(stream: Stream, schema: dict[str, Any], removes: bool = False) -> AirbyteStream:
    """The catalog's entry for a stream. removes: whether deleted records are to be removed from
    the user's tables, as far as their deletion can be known."""
    if removes and stream.incremental.has_deletions:
        schema = with_deleted_at(schema)
    modes = [SyncMode.full_refresh, *([SyncMode.incremental] if stream.cursor_field else [])]
    return AirbyteStream(
        name=stream.name,
        json_schema=schema,
        supported_sync_modes=modes,
        source_defined_cursor=True if stream.cursor_field else None,
        default_cursor_field=[stream.cursor_field] if stream.cursor_field else None,
        source_defined_primary_key=[[part] for part in stream.key],
        is_resumable=bool(stream.cursor_field),
    )


def select(
    configured: ConfiguredAirbyteStream,
    states: ConnectorStateManager,
    removes: bool = False,
    again: bool = False,
) -> Selection:
    """The selection of one configured stream. removes: as in `catalog_entry`; again: whether what
    an audit reads is to be written again. Raises a config error if the stream is unknown."""
    name = configured.stream.name
    stream = STREAMS.get(name)
    if stream is None:
        raise config_error(
            f'The catalog selects "{name}", which is not a stream of this connector. '
            "Refresh the schema of the connection."
        )
    incremental = configured.sync_mode is SyncMode.incremental and stream.cursor_field is not None
    saved = states.get_stream_state(name, None)
    schema = plain_schema(configured.stream.json_schema or {})
    schema = schema if removes else without_deleted_at(schema)
    # In any other table, a tombstone would be one more row.
    dedups = configured.destination_sync_mode is DestinationSyncMode.append_dedup
    takes_tombstones = incremental and dedups and DELETED_AT in (schema.get("properties") or {})
    # A table that keeps every version would grow by all its records with each audit.
    merges = configured.destination_sync_mode is not DestinationSyncMode.append
    takes_copies = again and incremental and merges and stream.endpoint.path in WHOLE
    whole, replaced = not incremental, is_replaced(configured)
    return Selection(stream, saved, whole, schema, takes_tombstones, takes_copies, replaced)


def _log_old_schemas(privacy: Privacy, selected: Sequence[Selection]) -> None:
    """Logs which schemas are older than the wish to protect personal data."""
    names = [s.stream.name for s in selected if privacy.is_outdated(s.stream, s.schema)]
    if names:
        logger.info(
            f"Refresh the schema of the connection: for {', '.join(names)}, it still has the "
            "columns or types from before the privacy setting was changed."
        )


def _warn_of_rows_that_stay(selected: Sequence[Selection]) -> None:
    """Logs why deleted records will not be removed, although the configuration asks for it."""
    names = [s.stream.name for s in selected if s.stream.incremental.has_deletions]
    takers = {s.stream.name for s in selected if s.takes_tombstones}
    if rest := [name for name in names if name not in takers]:
        logger.info(
            f"Deleted records are not removed from {', '.join(rest)}: that needs the sync mode "
            f'"Incremental | Append + Deduped" and the column {DELETED_AT}, which a refresh of the '
            "schema adds."
        )
    if takers and not any(s.stream.kind is Kind.DELETED for s in selected):
        logger.warning(
            "remove_deleted is on, but deleted_records is not selected. Most deletions are known "
            "only from that stream: select it."
        )
