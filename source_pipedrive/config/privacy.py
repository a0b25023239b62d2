"""The part of the form about personal data."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from source_pipedrive.config.errors import problem
from source_pipedrive.config.form import VISIBLE, FormModel, field, shown

LEAST_KEY = 16  # characters
# Of 16 random hexadecimal digits, one time in 300,000 fewer are different.
LEAST_DIFFERENT = 6

Preset = Literal[
    "email_addresses",
    "phone_numbers",
    "names",
    "postal_addresses",
    "titles",
    "notes",
    "mail_bodies",
]
PRESETS: tuple[Preset, ...] = Preset.__args__  # type: ignore[attr-defined]
Action = Literal["hash", "remove", "keep"]
_ACTIONS = ("hash", "remove", "keep")


@dataclass(frozen=True)
class ColumnChoice:
    """What the user wants for one column. column: its name, or a custom field's name or key."""

    stream: str
    column: str
    action: Action

    def __str__(self) -> str:
        return f"{self.stream}.{self.column}"


class Unprotected(FormModel):
    """Everything is read as it is."""

    model_config = shown("Read everything", "All columns arrive as they are in Pipedrive.")

    mode: Literal["off"] = field(0, "Mode", "Selects no protection.")

    @property
    def has_presets(self) -> bool:
        """Whether a kind of personal data is protected in all streams."""
        return False

    @property
    def choices(self) -> tuple[ColumnChoice, ...]:
        """What the user wants for single columns."""
        return ()

    @property
    def hides_names(self) -> bool:
        """Whether names of people may appear nowhere, not in the log either."""
        return False

    @property
    def hides_words(self) -> bool:
        """Whether Pipedrive's own words about an error, which may quote a value, appear nowhere."""
        return False


class Protected(FormModel):
    """Personal data is removed or hashed before it leaves the connector."""

    model_config = shown(
        "Protect personal data",
        "Remove columns, or replace their values by a keyed hash, before they leave the connector.",
    )

    mode: Literal["on"] = field(0, "Mode", "Selects protection.")
    presets: list[Preset] = field(
        1,
        "What to protect",
        "Kinds of personal data in all streams: email addresses; phone numbers; names of people "
        "and organizations; postal addresses; titles of deals, leads, activities and files; notes, "
        "other free text and text custom fields; subjects and bodies of mail.",
        default=[*PRESETS],
        uniqueItems=True,
    )
    action: Literal["hash", "remove"] = field(
        2,
        "How to protect it",
        "hash: the same value always gets the same hash, so tables can still be joined and "
        "counted. remove: the columns are missing.",
        default="hash",
    )
    columns: str = field(
        3,
        "Single columns",
        "More columns, or exceptions, such as persons.birthday=remove, deals.title=hash, "
        "users.name=keep. A custom field has the name of its column, its name in Pipedrive or its "
        "key.",
        "",
    )
    key: str = field(
        4,
        "Key of the hashes",
        f"Required to hash: at least {LEAST_KEY} random characters. Keep it secret, because "
        "whoever has it can find phone numbers and names by trying all of them. Do not lose it: "
        "another key gives other hashes.",
        "",
        VISIBLE,
        airbyte_secret=True,
        pattern_descriptor="no spaces or line breaks",
    )

    @field_validator("columns")
    @classmethod
    def _can_be_read(cls, value: str) -> str:
        for part in _parts(value):
            name, _, action = _split(part)
            stream, _, column = name.partition(".")
            if not stream or not column:
                raise problem(
                    f"privacy.columns: {_shown(part)} names no column. Write stream.column=hash, "
                    "=remove or =keep, with commas between them."
                )
            if action and action not in _ACTIONS:
                raise problem(
                    f"privacy.columns: {_shown(part)} has an unknown action. Use hash, remove or "
                    "keep."
                )
        names = [re.sub(r"\s*\.\s*", ".", _split(part)[0], count=1) for part in _parts(value)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise problem(f"privacy.columns names {twice[0]} twice.")
        return value

    @model_validator(mode="after")
    def _has_a_key(self) -> Self:
        hashes = self.presets and self.action == "hash"
        if hashes or any(choice.action == "hash" for choice in self.choices):
            if not self.key:
                raise problem(
                    f"privacy.key is missing. Hashes need one: at least {LEAST_KEY} random "
                    'characters. Or use {"action": "remove"}.'
                )
            if len(self.key) < LEAST_KEY:
                raise problem(
                    f"privacy.key is too short. Use at least {LEAST_KEY} random characters."
                )
            if len(set(self.key)) < LEAST_DIFFERENT:
                raise problem(
                    "privacy.key repeats a few characters, so it can be guessed. Use at least "
                    f"{LEAST_KEY} random characters."
                )
        return self

    @property
    def has_presets(self) -> bool:
        """Whether a kind of personal data is protected in all streams."""
        return bool(self.presets)

    @property
    def choices(self) -> tuple[ColumnChoice, ...]:
        """The entries of `columns`, in order."""
        return tuple(self._choices())

    def _choices(self) -> Iterator[ColumnChoice]:
        for part in _parts(self.columns):
            name, _, action = _split(part)
            stream, _, column = name.partition(".")
            chosen: Action = action or self.action  # type: ignore[assignment]
            yield ColumnChoice(stream.strip(), column.strip(), chosen)

    @property
    def hides_names(self) -> bool:
        """Whether names of people may appear nowhere, not in the log either."""
        chosen = ("users.name", "persons.name")
        single = any(str(each) in chosen and each.action != "keep" for each in self.choices)
        return "names" in self.presets or single

    @property
    def hides_words(self) -> bool:
        """Whether Pipedrive's own words about an error, which may quote a value, appear nowhere."""
        single = any(choice.action != "keep" for choice in self.choices)
        return bool(self.presets) or single


Privacy = Annotated[Unprotected | Protected, Field(discriminator="mode")]


def _parts(value: str) -> list[str]:
    """The entries between commas or line breaks."""
    return [part.strip() for part in value.replace("\n", ",").split(",") if part.strip()]


def _shown(part: str) -> str:
    """The entry, unless it may be a misplaced key."""
    return f'"{part}"' if len(part) < LEAST_KEY else "an entry"


def _split(part: str) -> tuple[str, str, str]:
    """An entry's column, "=", and action; without an action, the last two are empty."""
    if "=" not in part:
        return part, "", ""
    name, equals, action = part.rpartition("=")
    return name.strip(), equals, action.strip()
