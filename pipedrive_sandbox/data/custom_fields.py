"""An account's own fields: their definitions, and their values in the notation of v2 and v1.

Rests on https://pipedrive.readme.io/docs/pipedrive-api-v2-migration-guide and
https://pipedrive.readme.io/docs/core-api-concepts-custom-fields.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any

from ..clock import DAY, date
from .draw import Draw

Values = dict[str, Any]

# Name, type, share of records in which it is set.
_DEALS = (
    ("Contract number", "varchar", 0.6),
    ("Competitors", "text", 0.2),
    ("Seats", "double", 0.5),
    ("Budget", "monetary", 0.4),
    ("Tier", "enum", 0.7),
    ("Interests", "set", 0.5),
    ("Renewal", "date", 0.3),
    ("Pilot", "daterange", 0.2),
    ("Best time to call", "time", 0.2),
    ("Office hours", "timerange", 0.1),
    ("Site", "address", 0.2),
    ("Hotline", "phone", 0.2),
    ("Solution engineer", "user", 0.3),
    ("Referred by", "people", 0.2),
    ("Partner", "org", 0.2),
    ("Never used", "varchar", 0.0),
)
_PERSONS = (
    ("Nickname", "varchar", 0.2),
    ("Seniority", "enum", 0.6),
    ("Topics", "set", 0.4),
    ("Last met", "date", 0.4),
    ("Never used", "double", 0.0),
)
_ORGANIZATIONS = (
    ("VAT number", "varchar", 0.6),
    ("Segment", "enum", 0.6),
    ("Turnover", "monetary", 0.5),
    ("Headquarters", "address", 0.3),
)
_PRODUCTS = (("Shelf", "varchar", 0.6), ("Weight", "double", 0.5), ("Family", "enum", 0.7))
_KINDS = {
    "deals": _DEALS,
    "persons": _PERSONS,
    "organizations": _ORGANIZATIONS,
    "products": _PRODUCTS,
}


@dataclass(frozen=True)
class CustomField:
    """One field that the account defined; `options` are (id, label) of enum and set."""

    key: str
    name: str
    type: str
    filled: float
    options: tuple[tuple[int, str], ...] = ()

    def label(self, option: int) -> str:
        return dict(self.options)[option]


def defined(seed: int, kind: str) -> tuple[CustomField, ...]:
    """The custom fields of `deals`, `persons`, `organizations` or `products`."""
    fields = []
    for number, (name, type_, filled) in enumerate(_KINDS[kind]):
        key = sha1(f"{seed}:{kind}:{name}".encode()).hexdigest()
        options: tuple[tuple[int, str], ...] = ()
        if type_ in ("enum", "set"):
            options = tuple((100 + 10 * number + at, f"{name} {at + 1}") for at in range(4))
        fields.append(CustomField(key, name, type_, filled, options))
    return tuple(fields)


def pool(draw: Draw, fields: Sequence[CustomField], size: int, **last: int) -> list[Values]:
    """`size` value objects, every key present, unset ones null.

    Records share them, which keeps 200,000 records small; whoever edits one copies it first.
    `last` gives the highest id of user, people and org.
    """
    return [
        {
            field.key: _value(draw, field, last) if draw.chance(field.filled) else None
            for field in fields
        }
        for _ in range(size)
    ]


def _value(draw: Draw, field: CustomField, last: dict[str, int]) -> Any:
    kind = field.type
    if kind in last:
        return draw.number(1, last[kind])
    day = date(draw.now - draw.number(0, 700) * DAY)
    hour = f"{draw.number(7, 12):02}:00:00"
    zone = {"timezone_id": 318, "timezone_name": "Europe/London"}
    if kind == "varchar":
        return f"{draw.pick(draw.words.words)}-{draw.number(100, 9999)}"
    if kind == "text":
        return draw.pick(draw.words.sentences)
    if kind == "double":
        return draw.number(1, 2_000) / 4
    if kind == "monetary":
        return {"value": draw.number(10, 900) * 100, "currency": draw.pick(("USD", "EUR"))}
    if kind == "enum":
        return draw.pick(field.options)[0]
    if kind == "set":
        return [option for option, _ in field.options if draw.chance(0.5)] or [field.options[0][0]]
    if kind == "date":
        return day
    if kind == "daterange":
        return {"value": day, "until": date(draw.now + draw.number(0, 90) * DAY)}
    if kind == "time":
        return {"value": hour, **zone}
    if kind == "timerange":
        return {"value": hour, "until": f"{draw.number(13, 19)}:30:00", **zone}
    if kind == "address":
        address = draw.address()
        return {**address, "formatted_address": address["value"]}
    return draw.phone()


def labelled(values: Values, fields: Sequence[CustomField]) -> Values:
    """`include_option_labels=true`: ids of enum and set become {id, label}."""
    result = dict(values)
    for field in fields:
        value = values.get(field.key)
        if value is None or not field.options:
            continue
        if field.type == "set":
            result[field.key] = [{"id": at, "label": field.label(at)} for at in value]
        else:
            result[field.key] = {"id": value, "label": field.label(value)}
    return result


def inlined(values: Values, fields: Sequence[CustomField]) -> Values:
    """The notation of v1: hashes at the top level of a record, subfields as `<hash>_<name>`.

    Unset fields are left out, as leads do; options are text.
    """
    result: Values = {}
    for field in fields:
        key, value = field.key, values.get(field.key)
        if value is None:
            continue
        if isinstance(value, dict):
            result[key] = value["value"]
            result.update(
                {f"{key}_{name}": part for name, part in value.items() if name != "value"}
            )
        elif field.type == "set":
            result[key] = ",".join(str(option) for option in value)
        else:
            result[key] = str(value) if field.type == "enum" else value
    return result
