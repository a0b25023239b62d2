"""The rules of custom fields, by their keys.

A field's type decides: Pipedrive has types for phone numbers and addresses, and whatever can be
typed freely counts as a note. Other text in a field for numbers, dates, times or options, such as a
leftover of another type, is protected if any preset is on. The rules hold for the raw object, for
the columns that are made of it, for changelogs, and for leads, which have the fields of deals.

A field that Pipedrive does not list, because it was deleted or because the credentials may not see
the definitions, is protected if any preset is on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

from source_pipedrive.fields.columns import TYPES
from source_pipedrive.fields.definitions import Field
from source_pipedrive.privacy.rules import GONE, OnlyId, Rule, Schema, applied, is_id
from source_pipedrive.stream.personal import Personal

KEY = re.compile("[0-9a-f]{40}")
_LENGTH = 40
_KEY_AND_PART = re.compile("([0-9a-f]{40})(?:_.+)?")
PERSONAL_TYPES = {
    "phone": Personal.PHONE,
    "address": Personal.ADDRESS,
    **dict.fromkeys(("varchar", "varchar_auto", "text"), Personal.NOTE),
}
# Types whose values may come with the name of the record that they link to; its id is kept.
_LINKS = frozenset(("user", "org", "people", "deal", "deals", "lead", "project", "activity"))
_PLAIN = frozenset(
    ("double", "monetary", "int", "boolean", "date", "daterange", "time", "timerange")
)
_OPTIONS = frozenset(("enum", "set"))
# Types whose values are numbers, ids among them, and what Pipedrive lists for its own fields.
_HARMLESS = frozenset((*TYPES, "status", "visible_to", "varchar_options"))
# Numbers, dates, times, currencies and time zones, as API v1 and changelogs write them.
_PLAIN_TEXT = re.compile(
    r"-?[0-9]{1,20}([.,][0-9]{1,20})?|true|false|[A-Z]{3}|[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_+0-9-]+)+|"
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})?[ T]?([0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?Z?)?"
)


def _is_plain(value: Any) -> bool:
    """Whether a value has only numbers, dates, times, currencies and time zones."""
    kind = value.__class__
    if kind is str:
        return _is_plain_text(value)
    if kind is dict:
        return all(map(_is_plain, value.values()))
    return all(map(_is_plain, value)) if kind is list else True


def _is_option(listed: Collection[str], value: Any) -> bool:
    """Whether a value is an option's id, a deleted one's too, or a label that Pipedrive lists. A
    changelog has other text from when the field was one for text. listed: ids and labels."""
    if isinstance(value, str):
        return not value or value in listed or is_id(value)
    return not isinstance(value, (dict, list))


@lru_cache(maxsize=10_000)
def _is_plain_text(text: str) -> bool:
    return _PLAIN_TEXT.fullmatch(text) is not None


@dataclass(frozen=True)
class OnlyExpected:
    """Keeps what a field of its type is for. is_expected: whether a value is that, or harmless;
    otherwise: the rule for any other text."""

    is_expected: Callable[[Any], bool]
    otherwise: Rule

    def apply(self, value: Any) -> Any:
        if self.is_expected(value):  # nearly always
            return value
        if isinstance(value, dict):
            return applied(value, lambda name: self)
        if isinstance(value, list):
            return [left for item in value if (left := self.apply(item)) is not GONE]
        return self.otherwise.apply(value)

    def schema(self, schema: Schema) -> Schema | None:
        return schema


class CustomFieldRules:
    """chosen: the rules that the user asked for, by key, None to keep a field; of_kind: the rule
    for a kind of personal data, if its preset is on; unknown: the rule for a field without a
    definition, if any preset is on; fields: requests the definitions, by key, when they are first
    needed."""

    def __init__(
        self,
        chosen: Mapping[str, Rule | None],
        of_kind: Callable[[Personal], Rule | None],
        unknown: Rule | None,
        fields: Callable[[], Mapping[str, Field]],
    ) -> None:
        self._chosen = chosen
        self._of_kind = of_kind
        self._unknown = unknown
        self._definitions = fields
        self._known: dict[str, Rule | None] = {}

    @cached_property
    def _fields(self) -> Mapping[str, Field]:
        return self._definitions()

    def of(self, key: str) -> Rule | None:
        """The rule for a field, if it has one. Raises StreamError if the definitions cannot be
        read."""
        try:
            return self._known[key]
        except KeyError:
            return self._known.setdefault(key, self._find(key))

    def _find(self, key: str) -> Rule | None:
        if key in self._chosen:
            return self._chosen[key]
        if self._unknown is None:
            return None
        field = self._fields.get(key)
        if field is None:
            return self._unknown
        if (kind := PERSONAL_TYPES.get(field.type)) is not None:
            return self._of_kind(kind)
        if field.type in _LINKS:
            return OnlyId()
        if field.type in _PLAIN:
            return OnlyExpected(_is_plain, self._unknown)
        if field.type in _OPTIONS:
            listed = frozenset((*field.options, *field.options.values()))
            return OnlyExpected(partial(_is_option, listed), self._unknown)
        return None if field.type in _HARMLESS else self._unknown

    def among(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """The custom fields among the keys of a record, as they leave."""
        found = {}
        for name, value in record.items():
            is_custom, rule = self.of_changed(name) if len(name) >= _LENGTH else (False, None)
            left = value if rule is None else rule.apply(value)
            if is_custom and left is not GONE:
                found[name] = left
        return found

    def of_changed(self, name: str) -> tuple[bool, Rule | None]:
        """Whether a name in a changelog is that of a custom field or of a part of one, and the
        field's rule."""
        match = _KEY_AND_PART.fullmatch(name)
        return (True, self.of(match[1])) if match else (False, None)


@dataclass(frozen=True)
class RawObject:
    """The rule for the raw object, which has all custom fields by their keys."""

    rules: CustomFieldRules

    def apply(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value if value is None else GONE
        return applied(value, self.rules.of)

    def schema(self, schema: Schema) -> Schema | None:
        return schema
