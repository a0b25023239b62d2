"""docs/recipes/meltano.yml and the list of keys in meltano.md, from the stream table.

`make golden` writes them; the tests compare them.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from source_pipedrive.stream import Stream
from source_pipedrive.streams import STREAMS

RECIPES = Path(__file__).parents[1] / "recipes"
PAGE = RECIPES / "meltano.md"
FILE = RECIPES / "meltano.yml"
SELECTED = (
    *("deals", "deals_archived", "deal_products", "persons", "organizations", "activities"),
    *("products", "pipelines", "stages", "users", "deleted_records", "sync_reports"),
)
HEAD = """\
# Made by `make golden`; meltano.md explains it.
default_environment: prod
environments:
  - name: prod
plugins:
  extractors:
    - name: tap-pipedrive
      namespace: tap_airbyte
      pip_url: git+https://github.com/MeltanoLabs/tap-airbyte-wrapper.git
      python: python3.10
      executable: tap-airbyte
      capabilities: [about, catalog, discover, state, stream-maps]
      settings:
        - {name: airbyte_spec, kind: object}
        - {name: airbyte_config, kind: object}
        - {name: stream_maps, kind: object}
      config:
        airbyte_spec: {image: source-pipedrive, tag: meltano}
        airbyte_config:
          credentials: {auth_type: api_token, api_token: $PIPEDRIVE_API_TOKEN}
          history: {mode: all}
        # The wrapper takes the first column of a key for the whole key.
        stream_maps:
"""


def project() -> str:
    """The file: a project that selects some streams, with their keys."""
    select = "".join(f"        - {name}.*\n" for name in SELECTED)
    maps = lines((STREAMS[name] for name in SELECTED), " " * 10)
    return f"{HEAD}{maps}      select:\n{select}"


def keys() -> str:
    """The block of the page: a line for each stream whose key has several columns."""
    return f"```yaml\n{lines(STREAMS.values())}```\n"


def lines(streams: Iterable[Stream], indent: str = "") -> str:
    """The stream maps of those streams whose key has several columns."""
    return "".join(
        f"{indent}{stream.name}: {{__key_properties__: [{', '.join(stream.key)}]}}\n"
        for stream in streams
        if len(stream.key) > 1
    )
