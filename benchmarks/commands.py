"""The command lines of the compared programs: the connector and its references."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.service import Service

PATHS = {
    "deals": "/api/v2/deals",
    "persons": "/api/v2/persons",
    "activities": "/api/v2/activities",
    "lead_sources": "/api/v1/leadSources",
}
# The streams with an update time. Child streams are left out.
LISTS = (
    *(
        "activities",
        "activity_types",
        "deals",
        "deals_archived",
        "files",
        "leads",
        "leads_archived",
    ),
    *("notes", "organizations", "persons", "pipelines", "products", "stages", "users"),
)
IMPORT = (sys.executable, "-c", "import airbyte_cdk")


def connector() -> str:
    """The installed `source-pipedrive` of this interpreter's environment."""
    path = Path(sysconfig.get_path("scripts")) / "source-pipedrive"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing. Install it with: pip install -e .")
    return str(path)


def read(
    service: Service,
    streams: str,
    workers: int | None,
    files: Path,
    columns: bool = False,
    **more: Any,
) -> list[str]:
    """The command that reads streams of `service` with the connector; its input is in `files`.

    streams: their names, with spaces in between. workers: None lets the connector choose. columns:
    with columns for custom fields, which the floor does not create. more: further settings.
    """
    config: dict[str, Any] = {
        "credentials": {"auth_type": "api_token", "api_token": service.token},
        "api_url": service.url,
        "history": {"mode": "all"},
        "custom_fields": "columns_and_raw" if columns else "raw",
        **more,
    }
    if workers is not None:
        config["num_workers"] = workers
    command = [connector(), "read"]
    catalog = {"streams": [_selected(name) for name in streams.split()]}
    for kind, content in {"config": config, "catalog": catalog}.items():
        path = files / f"{service.pid}-{streams}-{workers}-{columns}-{kind}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        command += [f"--{kind}", str(path)]
    return command


def _selected(stream: str) -> dict[str, Any]:
    modes = ["full_refresh"] if stream == "lead_sources" else ["full_refresh", "incremental"]
    return {
        "stream": {"name": stream, "json_schema": {}, "supported_sync_modes": modes},
        "sync_mode": modes[-1],
        "destination_sync_mode": "append",
    }


def read_all(service: Service, files: Path) -> list[str]:
    """The command that reads LISTS of `service` incrementally, with the discovered catalog."""
    command = read(service, "deals", 4, files)
    discovered = subprocess.run(
        [command[0], "discover", *command[2:4]], capture_output=True, check=True
    )
    messages = map(json.loads, discovered.stdout.splitlines())
    streams = next(m["catalog"]["streams"] for m in messages if m["type"] == "CATALOG")
    selected = [
        {"stream": each, "sync_mode": "incremental", "destination_sync_mode": "append"}
        for each in streams
        if each["name"] in LISTS
    ]
    path = files / f"{service.pid}-all-catalog.json"
    path.write_text(json.dumps({"streams": selected}), encoding="utf-8")
    return [*command[:-1], str(path)]


def floor(service: Service, stream: str, params: Mapping[str, str]) -> list[str]:
    """The command that reads one stream of `service` with the floor and these `params`."""
    pairs = [f"{name}={value}" for name, value in params.items()]
    url = service.url + PATHS[stream]
    return [sys.executable, "-m", "benchmarks.floor", stream, url, service.token, *pairs]
