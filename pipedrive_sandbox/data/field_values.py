"""Values of custom fields, in the formats of v2 and v1.

Source: https://pipedrive.readme.io/docs/pipedrive-api-v2-migration-guide.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..clock import DAY, date
from .custom_fields import CustomField, CustomFields
from .random_values import RandomValues

Values = dict[str, Any]


class Pool:
    """A pool of `custom_fields` objects with every key; unset values are null.

    Records share them, so that 200,000 records stay small; copy one before you edit it.
    `last` holds the highest ids of user, people and org. If the fields are `mixed`, every 7th
    record has enum ids as text (as v2 returns for some accounts), and every 5th deal has only
    nulls.
    """

    def __init__(
        self, rng: RandomValues, fields: CustomFields, size: int, last: dict[str, int]
    ) -> None:
        self._rng = rng
        self._fields = fields
        self.values: list[Values] = [
            {
                field.key: value(rng, field, last) if rng.chance(field.filled) else None
                for field in fields
            }
            for _ in range(size)
        ]
        self._as_text = [self._with_text(each) for each in self.values] if fields.mixed else []
        self._nothing = dict.fromkeys(self.values[0])

    def _with_text(self, values: Values) -> Values:
        held = [f.key for f in self._fields if f.type == "enum" and values[f.key] is not None]
        return {**values, **{key: str(values[key]) for key in held}}

    def pick(self, id_: int) -> Values:
        """The values for the record with that id."""
        at = self._rng.pick(range(len(self.values)))
        if not self._fields.mixed:
            return self.values[at]
        if self._fields.kind == "deals" and id_ % 5 == 0:
            return self._nothing
        return self._as_text[at] if id_ % 7 == 0 else self.values[at]


def value(rng: RandomValues, field: CustomField, last: dict[str, int]) -> Any:
    """A random value of `field` in v2's format."""
    kind = field.type
    if kind in last:
        return rng.number(1, last[kind])
    day = date(rng.now - rng.number(0, 700) * DAY)
    hour = f"{rng.number(7, 12):02}:00:00"
    zone = {"timezone_id": 318, "timezone_name": "Europe/London"}
    if kind in ("varchar", "varchar_auto"):
        return f"{rng.pick(rng.words.words)}-{rng.number(100, 9999)}"
    if kind == "text":
        return rng.pick(rng.words.sentences)
    if kind == "double":
        return rng.number(1, 2_000) / 4
    if kind == "monetary":
        return {"value": rng.number(10, 900) * 100, "currency": rng.pick(("USD", "EUR"))}
    if kind == "enum":
        return rng.pick(field.options)[0]
    if kind == "set":
        return [option for option, _ in field.options if rng.chance(0.5)] or [field.options[0][0]]
    if kind == "date":
        return day
    if kind == "daterange":
        return {"value": day, "until": date(rng.now + rng.number(0, 90) * DAY)}
    if kind == "time":
        return {"value": hour, **zone}
    if kind == "timerange":
        return {"value": hour, "until": f"{rng.number(13, 19)}:30:00", **zone}
    if kind == "address":
        address = rng.address()
        return {**address, "formatted_address": address["value"]}
    return rng.phone()


def labelled(values: Values, fields: Iterable[CustomField]) -> Values:
    """The values with `include_option_labels=true`: ids of enum and set become {id, label}."""
    result = dict(values)
    for field in fields:
        chosen = values.get(field.key)
        if chosen is None or field.type not in ("enum", "set"):
            continue
        if field.type == "set":
            result[field.key] = [{"id": at, "label": field.label(at)} for at in chosen]
        else:
            result[field.key] = {"id": chosen, "label": field.label(int(chosen))}
    return result


def inlined(values: Values, fields: Iterable[CustomField]) -> Values:
    """The values in v1's format: keys at the top level of a record, subfields as `<key>_<name>`.

    Unset fields are omitted, as in leads; options are text.
    """
    result: Values = {}
    for field in fields:
        key, found = field.key, values.get(field.key)
        if found is None:
            continue
        if isinstance(found, dict):
            result[key] = found["value"]
            result.update(
                {f"{key}_{name}": part for name, part in found.items() if name != "value"}
            )
        elif field.type == "set":
            result[key] = ",".join(str(option) for option in found)
        else:
            result[key] = str(found) if field.type == "enum" else found
    return result
