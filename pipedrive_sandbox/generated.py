"""Generates records from a stream's JSON Schema, for lists that nothing else depends on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import orjson

from .clock import date, plain, zulu
from .data.builder import CHILD_GENERATORS
from .data.random_values import RandomValues
from .data.world import World
from .errors import Version
from .record import Row
from .route import Route
from .table import Table

SCHEMAS = Path(__file__).parents[1] / "source_pipedrive" / "schemas"
COUNT = 12  # records in a list: more than one page of 10


def complete(world: World, routes: Iterable[Route]) -> None:
    """Generate the tables that the routes need and `data` does not create.

    Raises ValueError for a route whose records cannot be generated.
    """
    for route in routes:
        parent_table, child_kind = route.relation.parent_table, route.relation.child_kind
        missing = {parent_table, route.table} - {"", *world.tables}
        if missing and parent_table:
            raise ValueError(
                f'the route "{route.object}" lists child records, which must match their parents: '
                f"create the table {sorted(missing)} in pipedrive_sandbox/data"
            )
        if child_kind and (route.table, child_kind) not in CHILD_GENERATORS:
            raise ValueError(
                f'nothing generates the rows of the route "{route.object}": add a function for '
                f'("{route.table}", "{child_kind}") to CHILD_GENERATORS in pipedrive_sandbox/data'
            )
        for name in missing:
            rng = RandomValues(world.seed, name, world.created_at)
            world.tables[name] = table(name, route.version, rng)


def table(name: str, version: Version, rng: RandomValues) -> Table:
    """A table whose records have every property of `schemas/<name>.json`, none of them null.

    Raises ValueError if there is no such schema.
    """
    file = SCHEMAS / f"{name}.json"
    if not file.is_file():
        raise ValueError(
            f'the sandbox has no records for its route "{name}": give it the name of a stream and '
            f"write source_pipedrive/schemas/{name}.json, from which they are generated, or else "
            "create a table of that name in pipedrive_sandbox/data"
        )
    properties: Mapping[str, Any] = orjson.loads(file.read_bytes())["properties"]
    stamp = zulu if version == "v2" else plain
    key = next(iter(properties))
    rows = []
    for number, times in enumerate(rng.record_times(COUNT), start=1):
        formatted = {"add_time": stamp(times.added), "update_time": stamp(times.updated)}
        record = {
            column: formatted.get(column) or _value(schema, rng, version)
            for column, schema in properties.items()
        }
        record[key] = str(number) if "string" in properties[key]["type"] else number
        rows.append(Row(record, id_field=key))
    return Table(name, rows, stamp=stamp)


def _value(schema: Mapping[str, Any], rng: RandomValues, version: Version) -> Any:
    """A random value of the schema's type."""
    types = schema["type"]
    match next(each for each in ([types] if isinstance(types, str) else types) if each != "null"):
        case "boolean":
            return rng.chance(0.5)
        case "integer":
            return rng.number(1, 100)
        case "number":
            return rng.number(100, 99_999) / 100
        case "array":
            return [_value(schema["items"], rng, version)]
        case "object":
            inside = schema.get("properties", {})
            return {name: _value(part, rng, version) for name, part in inside.items()}
    moment = rng.before(rng.now, 900)
    if schema.get("format") == "date-time":
        return zulu(moment) if version == "v2" else plain(moment)
    return date(moment) if schema.get("format") == "date" else rng.pick(rng.words.words)
