"""The part of the form about custom fields."""

from typing import Literal

from source_pipedrive.config.form import FormModel, field, shown


class OneColumnEach(FormModel):
    """A column for each custom field, next to the raw object."""

    model_config = shown(
        "One column per field (recommended)",
        "Each custom field becomes a column with its own name, such as customer_tier. The raw "
        "object custom_fields is kept as well.",
    )

    mode: Literal["columns_and_raw"] = field(0, "Mode", "Selects one column per field.")


class RawOnly(FormModel):
    """No columns for custom fields."""

    model_config = shown(
        "Raw object only",
        "All custom fields stay in one column, the object custom_fields, under Pipedrive's keys: "
        "40 letters and digits each.",
    )

    mode: Literal["raw"] = field(0, "Mode", "Selects the raw object.")
