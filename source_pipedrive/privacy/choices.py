"""The single columns that the user has named, checked against the streams."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from source_pipedrive.config.errors import config_error
from source_pipedrive.config.privacy import Action, ColumnChoice
from source_pipedrive.fields.columns import RAW, discovered
from source_pipedrive.fields.definitions import Definitions
from source_pipedrive.privacy.custom_fields import KEY
from source_pipedrive.stream import DELETED_AT, Stream

_IDS = ("_id", "_ids")
# Ids of other programs, on which nothing is joined.
_FOREIGN = frozenset(
    ("conference_meeting_id", "origin_id", "channel_id", "remote_id", "nylas_id", "mua_message_id")
)


class Choices:
    """keys: what the user wants for custom fields, by key: in all streams that have the field.

    Raises a config error for a stream or column that does not exist, and for one that has to stay.
    """

    def __init__(
        self,
        choices: Sequence[ColumnChoice],
        streams: Mapping[str, Stream],
        definitions: Definitions,
    ) -> None:
        self._definitions = definitions
        self._columns: dict[str, dict[str, Action]] = {}
        self.keys: dict[str, Action] = {}
        for choice in choices:
            stream = streams.get(choice.stream)
            if stream is None:
                raise config_error(
                    f'privacy.columns: there is no stream "{choice.stream}"'
                    f"{_meant(choice.stream, streams)}"
                )
            self._add(stream, choice)

    def of(self, stream: Stream) -> dict[str, Action]:
        """What the user wants for a stream's own columns. A choice for a list also holds for its
        archive, and one for a column also for the columns that repeat a part or the label of it."""
        listed = self._columns.get(stream.read_after or "", {})
        chosen = {**listed, **self._columns.get(stream.name, {})}
        parts = [(part.field, name) for name, part in stream.columns.parts.items()]
        copies = [*parts, *stream.columns.labels.items()]
        return {**{copy: chosen[of] for of, copy in copies if of in chosen}, **chosen}

    def _add(self, stream: Stream, choice: ColumnChoice) -> None:
        columns = [*stream.schema["properties"], *stream.columns.labels.values()]
        if stream.columns.has_custom_fields:
            columns.append(RAW)
        if choice.column == RAW and choice.action == "keep":
            raise config_error(
                f"privacy.columns: {choice} holds many fields, so it cannot be kept as a whole. "
                "Name the fields that you want to keep."
            )
        if choice.column in columns:
            if choice.action != "keep" and has_to_stay(stream, choice.column):
                raise config_error(
                    f"privacy.columns: {choice} is a key or a time that syncs and joins need, so "
                    f"it cannot be protected. Leave the stream out instead, or name another column."
                )
            self._columns.setdefault(stream.name, {})[choice.column] = choice.action
            return
        keys = self._keys(stream, choice) if stream.columns.has_custom_fields else []
        if not keys:
            names = [*columns, *self._names(stream)]
            raise config_error(
                f'privacy.columns: the stream "{stream.name}" has no column '
                f'"{choice.column}"{_meant(choice.column, names)}{self._unseen(stream)}'
            )
        for key in keys:
            if self.keys.setdefault(key, choice.action) != choice.action:
                raise config_error(
                    f"privacy.columns: {choice}={choice.action} contradicts another entry for the "
                    "same custom field. A choice for a custom field holds in every stream that has "
                    "the field, so leave one of them out."
                )

    def _unseen(self, stream: Stream) -> str:
        """What to add if nobody can tell which custom fields there are."""
        if (
            not stream.columns.has_custom_fields
            or discovered(stream, self._definitions) is not None
        ):
            return ""
        return " The credentials may not see the custom fields, so name them by their keys."

    def _keys(self, stream: Stream, choice: ColumnChoice) -> list[str]:
        """The keys of the custom fields that a choice names."""
        known = discovered(stream, self._definitions)
        found = [c.key for c in known or () if choice.column in (c.name, c.key, c.title)]
        if found or not KEY.fullmatch(choice.column):
            return found
        self._definitions.log_once(
            logging.WARNING,
            f"privacy.columns: Pipedrive lists no custom field with the key {choice.column} for "
            f"{stream.name}. If it was deleted, its old values are still protected.",
        )
        return [choice.column]

    def _names(self, stream: Stream) -> list[str]:
        if not stream.columns.has_custom_fields:
            return []
        found = discovered(stream, self._definitions) or ()
        return [name for column in found for name in (column.name, column.title)]


def has_to_stay(stream: Stream, column: str) -> bool:
    """Whether other tables, or later syncs, depend on a column's values."""
    incremental = stream.incremental
    mark = incremental.deletion_mark
    needed = {
        *stream.key,
        stream.cursor_field,
        incremental.history_field,
        mark[0] if mark else None,
        DELETED_AT,
    }
    is_link = column.endswith(_IDS) and column not in _FOREIGN
    return column in needed or column == "id" or is_link


def _meant(name: str, known: Iterable[str]) -> str:
    """The end of the sentence, with a suggestion if one is close."""
    close = get_close_matches(name, list(known), 1)
    return f'; did you mean "{close[0]}"?' if close else "."
