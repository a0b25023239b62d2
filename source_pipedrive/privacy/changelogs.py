"""Changelogs: the old and the new value of a field are protected like the field itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from source_pipedrive.fields.columns import RAW
from source_pipedrive.privacy.custom_fields import CustomFieldRules, RawObject
from source_pipedrive.privacy.rules import GONE, OnlyId, Rule, applied
from source_pipedrive.stream import Stream

Record = dict[str, Any]

_KEY, _VALUES = "field_key", ("old_value", "new_value")
_HARMLESS = ("_id", "_ids", "_time", "_date", "_count")
_LINK = re.compile("(?:person|org|user|owner)_ids?$")  # to those who have names
_OBJECTS = ("old_values", "new_values")  # of v2: by the key of the field


def is_changelog(stream: Stream) -> bool:
    """Whether a stream's records contain values of its parents' fields."""
    return bool({_KEY, *_OBJECTS} & stream.schema["properties"].keys())


def names_in_v1(parent: Stream) -> dict[str, str]:
    """The columns of fields that changelogs call by another name."""
    fallback = parent.columns.definitions[0].v1_fallback if parent.columns.definitions else None
    renamed = dict(fallback.columns.renamed) if fallback is not None else {}
    columns = parent.schema["properties"]
    singular = {name[:-1]: name for name in columns if name.endswith("s") and name not in renamed}
    return {**{name: column for name, column in singular.items() if name not in columns}, **renamed}


@dataclass(frozen=True)
class Changelog:
    """standard: the rules of the parents' columns; renamed: columns by their other names; custom:
    the rules of custom fields; fields: the parents' columns; unknown: the rule for the values of
    any other field, because nobody has decided about it."""

    standard: Mapping[str, Rule]
    renamed: Mapping[str, str]
    custom: CustomFieldRules
    fields: frozenset[str]
    unknown: Rule | None

    def apply(self, record: Record) -> Record:
        """An entry of a changelog, as it leaves."""
        values = [name for name in _VALUES if name in record]
        if values and (rule := self.of(str(record.get(_KEY)))) is not None:
            record = {**record, **{name: rule.apply(record[name]) for name in values}}
        for name in _OBJECTS:
            if name in record:
                record = {**record, name: self._of_object(record[name])}
        return {name: value for name, value in record.items() if value is not GONE}

    def _of_object(self, values: Any) -> Any:
        if not isinstance(values, dict):
            return values if values is None or self.unknown is None else GONE
        return applied(values, self.of)

    def of(self, name: str) -> Rule | None:
        """The rule for the values of a field, by its name in the changelog."""
        is_custom, rule = self.custom.of_changed(name)
        if is_custom:
            return rule
        column = self.renamed.get(name, name)
        if column in self.standard:
            return self.standard[column]
        if column == RAW:
            return RawObject(self.custom)
        if self.unknown is not None and _LINK.search(name):
            return OnlyId()
        if column in self.fields:
            return None
        # A part of a field, such as address_locality.
        parts = (rule for c, rule in self.standard.items() if name.startswith(f"{c}_"))
        return next(parts, None if _is_harmless(name) else self.unknown)


def _is_harmless(name: str) -> bool:
    """Whether a field holds ids, times, or a number by its name."""
    return name.endswith(_HARMLESS)
