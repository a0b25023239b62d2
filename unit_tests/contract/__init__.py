"""What the vendor declares for each GET endpoint: facts only, without the vendor's prose.

`facts.json` has one entry for each GET endpoint, with a key such as "v2 /deals":

- `operation`, `tag`: its name, and its chapter in the vendor's documentation
- `deprecated`: present only if it is
- `cost`: API tokens per request
- `scopes`: any one of them suffices
- `parameters`: the query parameters by name, each as a JSON schema; plus `required`; `several` if
  one text may hold several values; `most` if the vendor limits their number
- `answer`: the schema of a 200, in OpenAPI's dialect of JSON schema
- `sample`: the vendor's example answer. Each value is replaced by a neutral one of the same form,
  and list elements that then look alike by one of them

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
    """The folder with the vendor's OpenAPI files, if the environment names one."""
    folder = os.environ.get("PIPEDRIVE_OPENAPI")
    return Path(folder) if folder else None


def operation(version: str, path: str) -> Json:
    """What the vendor declares for GET `path`, e.g. ("v2", "/deals/7").

    Raises LookupError if it declares nothing.
    """
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
