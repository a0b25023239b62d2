"""Makes a configured catalog from the output of discover.

    ... discover --config config.json | python3 catalog.py [STREAM ...] > catalog.json

Without names, it has all streams. Each is read incrementally where possible.
"""

import json
import sys


def configured(lines: list[str], names: list[str]) -> dict[str, list[dict[str, object]]]:
    """The catalog for the streams called `names`, or all; exits if one is unknown."""
    messages = [json.loads(line) for line in lines]
    catalogs = [message["catalog"] for message in messages if message["type"] == "CATALOG"]
    if not catalogs:
        sys.exit("discover returned no catalog; its output: " + "".join(lines))
    streams = {stream["name"]: stream for stream in catalogs[-1]["streams"]}
    unknown = sorted(set(names) - streams.keys())
    if unknown:
        sys.exit(f"There is no stream called {', '.join(unknown)}.")
    return {
        "streams": [
            {
                "stream": stream,
                "sync_mode": stream["supported_sync_modes"][-1],
                "destination_sync_mode": "append",
            }
            for name, stream in streams.items()
            if not names or name in names
        ]
    }


if __name__ == "__main__":
    json.dump(configured(sys.stdin.readlines(), sys.argv[1:]), sys.stdout)
