"""What the vendor declares of each endpoint that reads, as facts without the vendor's sentences.

`facts.json` has one entry for each GET of an API version, by "v2 /deals":

- `operation`, `tag`: its name, and the chapter of the vendor's pages it stands in
- `deprecated`: only where it is
- `cost`: API tokens for each request
- `scopes`: any one of them is enough
- `parameters`: of the query, by name, each as a JSON schema. `required`; `several` where one text
  holds several of the values; `most` where the vendor limits how many
- `answer`: the schema of a 200, in OpenAPI's dialect of JSON schema
- `sample`: the vendor's example answer with every value replaced by a neutral one of its form, and
  with one element for all of a list that then look alike

`make contract` writes it from the vendor's OpenAPI files. Those are not part of this repository.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

Json = dict[str, Any]

FACTS_FILE = Path(__file__).with_name("facts.json")
FACTS: dict[str, Json] = json.loads(FACTS_FILE.read_bytes())


def vendors_folder() -> Path | None:
    """The folder with the vendor's OpenAPI files, where the environment names one."""
    folder = os.environ.get("PIPEDRIVE_OPENAPI")
    return Path(folder) if folder else None


def operation(version: str, path: str) -> Json:
    """What the vendor declares of GET `path`, e.g. ("v2", "/deals/7"); LookupError if nothing."""
    name = f"{version} {re.sub(r'/[0-9]+(?=/|$)', '/{id}', path)}"
    if name not in FACTS:
        other = f"{'v1' if version == 'v2' else 'v2'} {name.partition(' ')[2]}"
        but = f", but {other}" if other in FACTS else ""
        raise LookupError(
            f"Pipedrive declares no GET {name}{but}. Correct the version or path of the row in "
            "source_pipedrive/streams.py or of the sandbox's route, or run `make contract` if the "
            "endpoint is new"
        )
    return FACTS[name]
