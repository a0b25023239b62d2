"""source-pipedrive catalog: writes the configured catalog that `read` takes."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import asdict
from difflib import get_close_matches
from typing import Any

from airbyte_cdk.models import AirbyteStream

from source_pipedrive.config.errors import config_error
from source_pipedrive.http.usage import counted
from source_pipedrive.source import SourcePipedrive
from source_pipedrive.stream_sets import SETS
from source_pipedrive.streams import STREAMS
from source_pipedrive.tools.report import Job, Report

logger = logging.getLogger("airbyte")


def run(job: Job) -> Report:
    """The catalog of the streams that the arguments name, each incremental and deduplicated where
    that is possible. Raises a config error if a name is no stream."""
    names = chosen(job.arguments.set, job.arguments.streams)
    found = SourcePipedrive().discover(logger, job.config)
    streams = [configured(stream) for stream in found.streams if stream.name in names]
    job.notes.say(
        f"{counted(len(streams), 'stream')}: "
        f"{', '.join(each['stream']['name'] for each in streams)}"
    )
    return Report({"streams": streams})


def chosen(set_name: str, names: Collection[str] | None) -> Collection[str]:
    """The names of the streams: `names`, or else those of the set. Raises a config error if there
    is no such stream."""
    if names:
        names = {name for each in names for name in each.split(",") if name}
        if not names:  # a script's variable may be empty
            raise config_error("--streams names no stream. `--set all` lists every stream.")
        unknown = sorted(set(names) - STREAMS.keys())
        if unknown:
            near = [each for name in unknown for each in get_close_matches(name, STREAMS, 1)]
            meant = f" Did you mean {', '.join(near)}?" if near else ""
            raise config_error(
                f"There is no stream called {', '.join(unknown)}.{meant} "
                "`--set all` lists every stream."
            )
        return names
    streams = SETS[set_name]
    return STREAMS.keys() if streams is None else streams


def configured(stream: AirbyteStream) -> dict[str, Any]:
    """The stream's entry in a configured catalog."""
    incremental = bool(stream.default_cursor_field)
    keyed = bool(stream.source_defined_primary_key)
    merged = "append_dedup" if keyed else "append"
    return {
        "stream": _without_nulls(stream),
        "sync_mode": "incremental" if incremental else "full_refresh",
        "destination_sync_mode": merged if incremental else "overwrite",
        "cursor_field": stream.default_cursor_field or [],
        "primary_key": stream.source_defined_primary_key or [],
    }


def _without_nulls(stream: AirbyteStream) -> dict[str, Any]:
    fields = {name: value for name, value in asdict(stream).items() if value is not None}
    return {**fields, "supported_sync_modes": [mode.value for mode in stream.supported_sync_modes]}
