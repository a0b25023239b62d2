"""Rules: what is done to a value, and to the schema that describes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from source_pipedrive.privacy.hashing import Hasher
from source_pipedrive.stream.personal import Personal

Schema = Mapping[str, Any]
HASHED: Schema = {"type": ["null", "string"]}
# What remains of a hashed property's schema besides its type.
_KEPT_KEYWORDS = ("title", "description")
GONE: Any = object()  # in place of a value that is removed
_INSIDE = "*"
_DEEPER = (dict, list)
_ID = re.compile(
    r"\[?[0-9]{1,15}(?:, ?[0-9]{1,15})*\]?|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
)


class Rule(Protocol):
    """What is done to one value."""

    def apply(self, value: Any) -> Any:
        """The value as it leaves; GONE if it does not. A null stays null."""

    def schema(self, schema: Schema) -> Schema | None:
        """The schema of what leaves; None if nothing does."""


def applied(values: Mapping[str, Any], rule_of: Callable[[str], Rule | None]) -> dict[str, Any]:
    """An object as it leaves. rule_of: the rule for a key; None if its value stays as it is."""
    found = {}
    for name, value in values.items():
        rule = rule_of(name)
        left = value if rule is None else rule.apply(value)
        if left is not GONE:
            found[name] = left
    return found


@dataclass(frozen=True)
class Remove:
    """Removes a value."""

    def apply(self, value: Any) -> Any:
        return GONE

    def schema(self, schema: Schema) -> Schema | None:
        return None


@dataclass(frozen=True)
class Hash:
    """Replaces a value by its hash. An empty text stays empty, and so does one of blanks."""

    hasher: Hasher
    kind: Personal | None = None

    def apply(self, value: Any) -> Any:
        is_empty = value is None or (isinstance(value, str) and not value.strip())
        return value if is_empty else self.hasher(value, self.kind)

    def schema(self, schema: Schema) -> Schema | None:
        return hashed_schema(schema)


@dataclass(frozen=True)
class HashTexts:
    """Hashes each text inside a value, and removes numbers, such as coordinates."""

    hash: Hash

    def apply(self, value: Any) -> Any:
        if isinstance(value, dict):
            return applied(value, lambda name: self)
        if isinstance(value, list):
            return [each for item in value if (each := self.apply(item)) is not GONE]
        if isinstance(value, str):
            return self.hash.apply(value)
        return value if value is None or isinstance(value, bool) else GONE

    def schema(self, schema: Schema) -> Schema | None:
        types = types_of(schema)
        if "properties" in schema:
            return with_properties(schema, dict.fromkeys(schema["properties"], self))
        if "items" in schema:
            return _of_items(schema, self)
        if "string" in types:
            return hashed_schema(schema)
        return None if {"number", "integer"} & types else schema


@dataclass(frozen=True)
class HashParts:
    """Hashes the value of a custom field: each part of an object, or the value as a whole."""

    hash: Hash

    def apply(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self.hash.apply(part) for name, part in value.items()}
        return self.hash.apply(value)

    def schema(self, schema: Schema) -> Schema | None:
        return hashed_schema(schema)


@dataclass(frozen=True)
class OnlyId:
    """Keeps the id of a linked record, and removes what v1 adds to it, such as a name."""

    def apply(self, value: Any) -> Any:
        if isinstance(value, dict):
            ids = {name: value[name] for name in ("id", "value") if name in value}
            return {name: each for name, each in ids.items() if is_id(each)}
        if isinstance(value, list):
            return [each for item in value if (each := self.apply(item)) is not GONE]
        return value if value is None or value == "" or is_id(value) else GONE

    def schema(self, schema: Schema) -> Schema | None:
        return schema


@dataclass(frozen=True)
class ExceptIds:
    """For a linked record that is only an id, and not the object that is documented."""

    rule: Rule

    def apply(self, value: Any) -> Any:
        return value if isinstance(value, int) else self.rule.apply(value)

    def schema(self, schema: Schema) -> Schema | None:
        return self.rule.schema(schema)


@dataclass(frozen=True)
class Inside:
    """Applies rules inside an object, or inside each object of a list.

    known: the keys that the schema lists; any other is removed, because nobody has decided about
    it. None: the schema lists none. otherwise: the rule for a value that is neither.
    plain: keys whose values are no objects; v1 has objects with names in place of some ids.
    """

    rules: Mapping[str, Rule] = field(default_factory=dict)
    known: frozenset[str] | None = None
    otherwise: Rule | None = None
    plain: frozenset[str] = frozenset()

    def apply(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.of_object(value)
        if isinstance(value, list):
            return [each for item in value if (each := self.apply(item)) is not GONE]
        return value if value is None or self.otherwise is None else self.otherwise.apply(value)

    def of_object(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """As `apply`, for an object."""
        known, rules = self.known, self.rules
        found = {}
        for name, value in record.items():
            if known is not None and name not in known:
                continue
            rule = rules.get(name)
            if rule is not None:
                left = rule.apply(value)
            elif value.__class__ in _DEEPER and name in self.plain:
                left = _without_objects(value)
            else:
                left = value
            if left is not GONE:
                found[name] = left
        return found

    def schema(self, schema: Schema) -> Schema | None:
        if "items" in schema:
            return _of_items(schema, self)
        return with_properties(schema, self.rules)


@dataclass(frozen=True)
class Wish:
    """What is wanted for each of the values under one path."""

    path: str
    rule: Rule


def inside(schema: Schema, wishes: Sequence[Wish]) -> Inside:
    """The rules inside an object or a list with this schema. Paths are relative to it."""
    while "items" in schema:
        schema = schema["items"]
    properties: Mapping[str, Schema] = schema.get("properties") or {}
    names = dict.fromkeys([*properties, *(column_of(wish.path) for wish in wishes)])
    rules: dict[str, Rule] = {}
    for name in names:
        of_name = [w for w in wishes if column_of(w.path) == name]
        if (rule := _rule(properties.get(name, {}), of_name)) is not None:
            rules[name] = rule
    first = next(iter(wishes), None)
    known = frozenset(properties) if properties else _known_without(schema, rules)
    plain = frozenset(name for name, each in properties.items() if _is_plain(each))
    return Inside(rules, known, first.rule if first else None, plain)


def _is_plain(schema: Schema) -> bool:
    """Whether a value, or each item of a list, is no object."""
    while "items" in schema:
        schema = schema["items"]
    types = types_of(schema)
    return bool(types) and not {"object", "array"} & types


def _without_objects(value: Any) -> Any:
    """The value with the ids of objects only."""
    if isinstance(value, list):
        return [_without_objects(item) for item in value]
    return OnlyId().apply(value) if isinstance(value, dict) else value


def _known_without(schema: Schema, rules: Mapping[str, Rule]) -> frozenset[str] | None:
    """For an object whose schema lists no keys: all, unless some of them are protected."""
    return frozenset(rules) if rules else None


def _rule(schema: Schema, wishes: Sequence[Wish]) -> Rule | None:
    """The rule for a property, if it needs one."""
    for wish in wishes:
        rest = _rest(wish.path)
        if not rest:
            return wish.rule
        if rest == _INSIDE:
            return HashTexts(wish.rule) if isinstance(wish.rule, Hash) else wish.rule
    deeper = [Wish(_rest(wish.path), wish.rule) for wish in wishes]
    found = inside(schema, deeper)
    if found.otherwise is not None and column_of(wishes[0].path).endswith("_id"):
        found = replace(found, otherwise=ExceptIds(found.otherwise))
    return found if found.rules or found.known is not None else None


def removal_path(path: str) -> str:
    """What is removed where the values under `path` are personal: `emails` for `emails/value`."""
    return path.partition("/")[0]


def column_of(path: str) -> str:
    """The column that a path begins with."""
    return path.replace("/", ".").partition(".")[0]


def _rest(path: str) -> str:
    return path.replace("/", ".").partition(".")[2]


def hashed_schema(schema: Schema) -> dict[str, Any]:
    """The schema of a hashed value."""
    kept = {name: schema[name] for name in _KEPT_KEYWORDS if name in schema}
    marks = {name: value for name, value in schema.items() if name.startswith("pipedrive_")}
    return {**HASHED, **kept, **marks}


def with_properties(schema: Schema, rules: Mapping[str, Rule]) -> dict[str, Any]:
    """The schema of an object whose properties have rules."""
    return {**schema, "properties": dict(_properties(schema, rules))}


def _properties(schema: Schema, rules: Mapping[str, Rule]) -> Iterator[tuple[str, Schema]]:
    for name, each in (schema.get("properties") or {}).items():
        left = rules[name].schema(each) if name in rules else each
        if left is not None:
            yield name, left


def _of_items(schema: Schema, rule: Rule) -> Schema:
    return {**schema, "items": rule.schema(schema["items"]) or {}}


def is_id(value: Any) -> bool:
    """Whether a value is an id: a number, as a text too, a list of them as a text, or a lead's
    UUID."""
    return isinstance(value, int) or (isinstance(value, str) and bool(_ID.fullmatch(value)))


def types_of(schema: Schema) -> set[str]:
    """The types that a schema allows."""
    types = schema.get("type") or []
    return {types} if isinstance(types, str) else set(types)
