"""The command lines that are compared: the connector, and what it is held against."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.service import Service

PATHS = {"deals": "/api/v2/deals", "lead_sources": "/api/v1/leadSources"}
# The lists that tell what changed; what hangs on their records costs a request where one did.
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
        raise FileNotFoundError(f"no {path.name} beside {sys.executable}: pip install -e .")
    return str(path)


def read(
    service: Service, stream: str, workers: int | None, files: Path, columns: bool = False
) -> list[str]:
    """Reads one stream of `service` with the connector; what it takes is written into `files`.

    workers: None leaves their number to the connector. columns: with columns for custom fields,
    which the floor does not make.
    """
    config: dict[str, Any] = {
        "credentials": {"auth_type": "api_token", "api_token": service.token},
        "api_url": service.url,
        "history": {"mode": "all"},
        "custom_fields": "columns_and_raw" if columns else "raw",
    }
    if workers is not None:
        config["num_workers"] = workers
    incremental = stream != "lead_sources"
    modes = ["full_refresh", "incremental"] if incremental else ["full_refresh"]
    selected = {
        "stream": {"name": stream, "json_schema": {}, "supported_sync_modes": modes},
        "sync_mode": modes[-1],
        "destination_sync_mode": "append",
    }
    command = [connector(), "read"]
    for kind, content in {"config": config, "catalog": {"streams": [selected]}}.items():
        path = files / f"{service.pid}-{stream}-{workers}-{columns}-{kind}.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        command += [f"--{kind}", str(path)]
    return command


def read_all(service: Service, files: Path) -> list[str]:
    """Reads LISTS of `service` incrementally, with the catalog that discover gives."""
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
    """Reads one stream of `service` with the floor, asking for `params`."""
    pairs = [f"{name}={value}" for name, value in params.items()]
    place = service.url + PATHS[stream]
    return [sys.executable, "-m", "benchmarks.floor", stream, place, service.token, *pairs]
