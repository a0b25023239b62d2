"""The part of the form about syncs that a token budget stops."""

from typing import Literal

from source_pipedrive.config.form import FormModel, field, shown


class EndsWithError(FormModel):
    """The sync fails, so whoever started it sees that something is missing."""

    model_config = shown(
        "End with an error (recommended)",
        "The sync counts as failed. Airbyte keeps what was read, and the next sync continues from "
        "there.",
    )

    mode: Literal["fail"] = field(0, "Mode", "Selects an error.")


class EndsWithoutError(FormModel):
    """The sync succeeds if nothing but the budget stopped it and all that is missing resumes."""

    model_config = shown(
        "End without an error",
        "For programs that drop everything a failed sync has read, such as PyAirbyte. The sync "
        "still fails if it has to stop in a stream that cannot be resumed, or for any other "
        "reason. What is missing is in the log and in sync_reports.",
    )

    mode: Literal["succeed"] = field(0, "Mode", "Selects no error.")
