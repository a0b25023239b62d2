"""How v2 lists a CRM record: its custom fields, labels and deletion status."""

from __future__ import annotations

from collections.abc import Collection

from ..record import PLAIN, Record, Row, Variant
from ..switches import Switches
from .custom_fields import CustomField
from .field_values import labelled

LABELS = {1: "Hot", 2: "Warm", 3: "Cold"}
DELETED_LABELS = {4: "Customer"}  # records still contain its id


class Listing:
    """Converts a row to the record that v2 lists for a variant of the request."""

    def __init__(self, custom: Collection[CustomField] = ()) -> None:
        self._custom = custom

    def __call__(self, row: Row, variant: Variant, switches: Switches) -> Record:
        plain = variant[1:] == PLAIN[1:] and switches.custom_fields == "object"
        if plain and row.deleted_at is None:
            return row.record
        record = dict(row.record)
        deleted = row.deleted_at is not None and switches.deleted_status == "deleted"
        if deleted and "status" in record:
            record["status"] = "deleted"
        if "custom_fields" in record:
            record["custom_fields"] = self._custom_fields(
                record["custom_fields"], variant, switches
            )
        if variant.labels:
            ids = record.get("label_ids") or []
            record["labels"] = [{"id": at, "label": LABELS.get(at)} for at in ids]
        return record

    def _custom_fields(self, values: Record, variant: Variant, switches: Switches) -> Record | None:
        if switches.custom_fields == "null":
            return None
        if variant.option_labels:
            values = labelled(values, self._custom)
        if variant.custom_fields is not None:
            values = {key: values[key] for key in variant.custom_fields if key in values}
        return values
