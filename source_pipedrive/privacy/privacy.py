"""What the user wants to be protected, as rules for each stream."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from source_pipedrive.config.privacy import Action, Protected, Unprotected
from source_pipedrive.fields.columns import KEY, RAW
from source_pipedrive.fields.definitions import Definitions, Field
from source_pipedrive.privacy.changelogs import Changelog, is_changelog, names_in_v1
from source_pipedrive.privacy.choices import Choices
from source_pipedrive.privacy.custom_fields import CustomFieldRules, RawObject
from source_pipedrive.privacy.hashing import Hasher
from source_pipedrive.privacy.rules import (
    Hash,
    HashParts,
    Inside,
    Remove,
    Rule,
    Schema,
    Wish,
    column_of,
    inside,
    removal_path,
    with_properties,
)
from source_pipedrive.stream import DELETED_AT, Stream
from source_pipedrive.stream.personal import Personal, personal_columns

logger = logging.getLogger("airbyte")

Record = dict[str, Any]


@dataclass(frozen=True)
class Protection:
    """The rules of one stream. columns: of its columns; changelog: of the fields whose changes its
    records report, if they do; inline: of custom fields among the records' own keys, if they stay
    there."""

    columns: Inside
    changelog: Changelog | None = None
    inline: CustomFieldRules | None = None

    def is_idle(self, keys: Iterable[str]) -> bool:
        """Whether records with these keys leave as they are."""
        known = self.columns.known or frozenset()
        return not self.columns.rules and self.changelog is None and known.issuperset(keys)

    def records(self, records: Sequence[Record]) -> list[Record]:
        """The records as they leave."""
        if self.changelog is not None:
            records = [self.changelog.apply(record) for record in records]
        left = [self.columns.of_object(record) for record in records]
        if self.inline is not None:
            for record, found in zip(records, left, strict=True):
                found.update(self.inline.among(record))
        return left


class Privacy:
    """The user's settings for all `streams`.

    Raises a config error if they name a stream or a column that does not exist, or one that has to
    stay; StreamError if they name a custom field and the definitions cannot be read.
    """

    def __init__(
        self, settings: Protected, definitions: Definitions, streams: Mapping[str, Stream]
    ) -> None:
        self._presets = frozenset(map(Personal, settings.presets))
        self._action: Action = settings.action
        self._hasher = Hasher(settings.key)
        self._definitions = definitions
        self._choices = Choices(settings.choices, streams, definitions)

    def protection(self, stream: Stream, keys: Mapping[str, str]) -> Protection:
        """The rules of a stream. keys: those of custom fields, by column. Requests the definitions
        of custom fields if it needs them; raises StreamError if they cannot be read."""
        wishes = self._wishes(stream)
        found = inside(stream.schema, wishes)
        columns, rules = stream.columns, dict(found.rules)
        known = {*(found.known or ()), *columns.labels.values(), *keys, DELETED_AT}
        if columns.has_custom_fields:
            known.add(RAW)
            custom = self._custom_fields([stream])
            rules = {**rules, RAW: rules.get(RAW) or RawObject(custom)}
            of_columns = ((name, custom.of(key)) for name, key in keys.items())
            rules |= {name: rule for name, rule in of_columns if rule is not None}
        changelog = self._changelog(stream) if is_changelog(stream) else None
        inline = self._custom_fields([stream]) if columns.custom_fields == "inline" else None
        whole = replace(found, rules=rules, known=frozenset(known), otherwise=None)
        return Protection(whole, changelog, inline)

    def schema(self, stream: Stream, schema: Schema) -> dict[str, Any]:
        """The schema of a stream's records as they leave; `schema` has columns for its custom
        fields and labels."""
        properties = schema["properties"]
        keys = {name: each[KEY] for name, each in properties.items() if KEY in each}
        return with_properties(schema, self.protection(stream, keys).columns.rules)

    def is_outdated(self, stream: Stream, schema: Schema) -> bool:
        """Whether a configured schema has standard columns that do not leave, or not with that
        type."""
        listed = schema.get("properties") or {}
        standard = {name: each for name, each in listed.items() if KEY not in each}
        now: dict[str, Any] = self.schema(stream, {"properties": standard})["properties"]
        return now != standard

    def _changelog(self, stream: Stream) -> Changelog:
        standard: dict[str, Rule] = {}
        renamed: dict[str, str] = {}
        columns: set[str] = set()
        for parent in stream.sources:
            for wish in self._wishes(parent):
                standard.setdefault(column_of(wish.path), wish.rule)
            renamed |= names_in_v1(parent)
            columns.update(parent.schema["properties"])
        custom, unknown = self._custom_fields(stream.sources), self._unknown()
        return Changelog(standard, renamed, custom, frozenset(columns), unknown)

    def _wishes(self, stream: Stream) -> list[Wish]:
        """What is wanted for the stream's own columns, by path."""
        chosen, wishes = self._choices.of(stream), []
        personal = personal_columns(stream.name)
        for path, kind in personal.items():
            preset: Action = self._action if kind in self._presets else "keep"
            action = chosen.get(column_of(path), preset)
            if action == "hash":
                wishes.append(Wish(path, Hash(self._hasher, kind)))
            elif action == "remove":
                whole = column_of(path) in chosen
                wishes.append(Wish(column_of(path) if whole else removal_path(path), Remove()))
        known = {column_of(path) for path in personal}
        others = {name: action for name, action in chosen.items() if name not in known}
        for name, action in others.items():
            if action != "keep":
                wishes.append(Wish(name, self._rule(action, None)))
        return wishes

    def _custom_fields(self, streams: Sequence[Stream]) -> CustomFieldRules:
        lists = [stream.columns.definitions for stream in streams]
        chosen = {
            key: None if action == "keep" else self._rule(action, None, parts=True)
            for key, action in self._choices.keys.items()
        }
        fields = partial(self._fields, lists)
        return CustomFieldRules(chosen, self._of_kind, self._unknown(), fields)

    def _unknown(self) -> Rule | None:
        """The rule for a field that nobody knows."""
        return self._rule(self._action, None, parts=True) if self._presets else None

    def _fields(self, lists: Sequence[Sequence[Stream]]) -> Mapping[str, Field]:
        found = [self._definitions.of(each) or {} for each in lists if each]
        return {key: field for fields in found for key, field in fields.items()}

    def _of_kind(self, kind: Personal) -> Rule | None:
        return self._rule(self._action, kind, parts=True) if kind in self._presets else None

    def _rule(self, action: Action, kind: Personal | None, parts: bool = False) -> Rule:
        if action == "remove":
            return Remove()
        found = Hash(self._hasher, kind)
        return HashParts(found) if parts else found


def privacy_of(
    settings: Protected | Unprotected, definitions: Definitions, streams: Mapping[str, Stream]
) -> Privacy | None:
    """What the user wants to be protected; None if nothing. Logs it. Raises as `Privacy` does."""
    if isinstance(settings, Unprotected):
        return None
    found = Privacy(settings, definitions, streams)
    presets = ", ".join(settings.presets) or "no kind"
    single = [f"{choice}={choice.action}" for choice in settings.choices]
    more = f" Single columns: {', '.join(single)}." if single else ""
    done = "hashed" if settings.action == "hash" else "removed"
    logger.info(f"Personal data is {done}: {presets}.{more}")
    return found
