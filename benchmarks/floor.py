"""The minimum that a Python program must do to read a Pipedrive list: the connector's reference.

    python -m benchmarks.floor STREAM URL TOKEN [NAME=VALUE ...]

Follows the pages of URL, with the query NAME=VALUE, to the last cursor and writes each row as a
RECORD message of STREAM without its top-level nulls, page by page. One connection, urllib3 and
orjson; no CDK, no state, no retries. Any status but 200 ends it with an exception.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import BinaryIO

import orjson
import urllib3


def read(stream: str, url: str, token: str, params: Mapping[str, str], out: BinaryIO) -> int:
    """Write every row of the list to `out`; return the number of pages."""
    fields, pages = dict(params), 0
    with urllib3.PoolManager() as pool:
        while True:
            answer = pool.request("GET", url, fields=fields, headers={"x-api-token": token})
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} for page {pages + 1} of {stream}")
            body = orjson.loads(answer.data)
            out.write(lines(stream, body["data"] or []))
            out.flush()
            pages += 1
            cursor = (body.get("additional_data") or {}).get("next_cursor")
            if not cursor:
                return pages
            fields["cursor"] = cursor


def lines(stream: str, rows: list[dict[str, object]]) -> bytes:
    """The RECORD messages of a page."""
    now = time.time_ns() // 1_000_000
    messages = []
    for row in rows:
        data = {name: value for name, value in row.items() if value is not None}
        record = {"stream": stream, "data": data, "emitted_at": now}
        messages.append(orjson.dumps({"type": "RECORD", "record": record}))
    messages.append(b"")
    return b"\n".join(messages)


def main(arguments: list[str]) -> None:
    """Read one list and write it to standard output."""
    stream, url, token, *pairs = arguments
    params = dict(pair.split("=", 1) for pair in pairs)
    read(stream, url, token, params, sys.stdout.buffer)


if __name__ == "__main__":
    main(sys.argv[1:])
