"""The program starts without parsing the source files of its libraries."""

from __future__ import annotations

import json
import subprocess
import sys

PROGRAM = """
import inspect, json, linecache

parsed, find = [], inspect.getsource

def getsource(thing):
    text = find(thing)
    parsed.append(str(thing))
    return text

inspect.getsource = getsource
from source_pipedrive.importing import hidden_sources
with hidden_sources():
    import airbyte_cdk.models
inspect.getsource = find
source = inspect.getsource(airbyte_cdk.models.AirbyteMessage)
print(json.dumps([parsed, source, [p for p, entry in linecache.cache.items() if not entry[2]]]))
"""


def test_no_source_file_is_parsed_while_the_cdk_is_imported() -> None:
    """It takes a third of the start of each command."""
    command = [sys.executable, "-c", PROGRAM]
    answer = subprocess.run(command, capture_output=True, check=True, timeout=60)
    parsed, source, still_hidden = json.loads(answer.stdout)
    assert parsed == []
    assert "class AirbyteMessage" in source, "tracebacks would lack their lines"
    assert still_hidden == []
