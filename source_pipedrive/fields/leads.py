"""Custom fields of leads: v1 puts them at the top level of the record, v2 into one object.

`<hash>: 500, <hash>_currency: "USD"` becomes `custom_fields: {<hash>: {"value": 500, "currency":
"USD"}}`. https://pipedrive.readme.io/docs/pipedrive-api-v2-migration-guide
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Record = dict[str, Any]

_KEY = re.compile(r"([0-9a-f]{40})(?:_(.+))?")
# Types whose value is always an object in v2, even if only one part is set.
_OBJECTS = frozenset({"monetary", "address", "daterange", "time", "timerange"})


def gathered(lead: Mapping[str, Any], types: Mapping[str, str]) -> Record:
    """The record with its custom fields in one object, in v2's shapes.

    types: Pipedrive's type of each known field, by key.
    """
    record: Record = {}
    values: Record = {}
    for name, value in lead.items():
        match = _KEY.fullmatch(name) if len(name) >= 40 else None
        if match is None:
            record[name] = value
        elif (part := match[2]) is None:
            key = match[1]
            kind = types.get(key, "")
            shaped = {"value": value} if kind in _OBJECTS and value is not None else value
            if isinstance(values.get(key), dict):
                values[key] = {**values[key], "value": value}
            else:
                values[key] = _as_v2(shaped, kind)
        else:
            known = values.get(match[1])
            if not isinstance(known, dict):
                known = {} if known is None else {"value": known}
            values[match[1]] = {**known, part: value}
    for key, value in values.items():
        if isinstance(value, dict) and all(part is None for part in value.values()):
            values[key] = None
    if values:
        record["custom_fields"] = {**(record.get("custom_fields") or {}), **values}
    return record


def _as_v2(value: Any, kind: str) -> Any:
    if kind == "enum" and isinstance(value, str):
        return _id(value)
    if kind == "set" and isinstance(value, str):
        return [_id(id_.strip()) for id_ in value.split(",") if id_.strip()]
    return value


def _id(value: str) -> int | str:
    return int(value) if re.fullmatch("[0-9]{1,18}", value) else value
