"""The part of the form about deleted records."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from source_pipedrive.config.errors import ACCEPTED, problem
from source_pipedrive.config.form import FormModel, field, shown


class AsReported(FormModel):
    """Nothing is read for it."""

    model_config = shown("As Pipedrive reports them", "Collect what Pipedrive itself reports.")

    mode: Literal["reported"] = field(0, "Mode", "Selects what Pipedrive reports.")


class Verified(FormModel):
    """Lists are read again from time to time, and what is missing is verified by its id."""

    model_config = shown(
        "Verify",
        "Read the lists again every few days, and check each missing record by its id. Finds "
        "purged, merged and converted records, too.",
    )

    mode: Literal["verify"] = field(0, "Mode", "Selects verification.")
    every_days: Annotated[int, Field(strict=True, ge=1, le=365)] = field(
        1,
        "Days between two audits",
        "How often the lists are read again.",
        default=7,
        minimum=1,
        maximum=365,
    )
    share_of_day: Annotated[int, Field(strict=True, ge=1, le=100)] = field(
        2,
        "Share of the daily API budget (%)",
        "How much of your company's daily API tokens an audit may use. It comes last in a sync, "
        "and the next sync resumes where it stopped.",
        default=10,
        minimum=1,
        maximum=100,
    )
    accepted_findings: str = field(
        3,
        "Accepted findings",
        "Leave empty unless a warning in the log asks you to confirm a mass deletion. Then enter "
        "what it names, such as persons=1200.",
        "",
        {"pattern": ACCEPTED},
        pattern_descriptor="object=number, such as persons=1200",
    )

    write_again: bool = field(
        4,
        "Write what an audit reads",
        "Also write the records that an audit reads to their own tables. This repairs rows of "
        "records that changed without a new update time. It takes no further requests, but each "
        "audit then writes all records again.",
        default=False,
    )

    @field_validator("accepted_findings")
    @classmethod
    def _names_each_once(cls, value: str) -> str:
        names = [part.partition("=")[0].strip() for part in value.split(",")]
        if len(set(names)) < len(names):
            raise problem("find_deleted_records.accepted_findings names an object twice.")
        return value

    @property
    def accepted(self) -> dict[str, int]:
        """The size of each accepted finding, by object."""
        parts = (part.partition("=") for part in self.accepted_findings.split(",") if part.strip())
        return {name.strip(): int(count) for name, _, count in parts}
