"""The field definitions, as the field endpoints of v2 and v1 list them.

There is one table per endpoint, rebuilt whenever a field changes. v1's rows for notes are shorter,
and v1 lists subfields as rows after their field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha1
from typing import NamedTuple

from ..clock import DAY, plain, zulu
from ..record import Record, Row
from ..table import Table
from .company import ME
from .custom_fields import FIRST_IDS, CustomField, CustomFields
from .standard_fields import STANDARD, Option, Standard

# The table for each kind of record. v1 has none for projects.
V2 = {
    "deals": "deal_fields",
    "persons": "person_fields",
    "organizations": "organization_fields",
    "products": "product_fields",
    "activities": "activity_fields",
    "projects": "project_fields",
}
V1 = {
    "deals": "deal_fields_v1",
    "persons": "person_fields_v1",
    "organizations": "organization_fields_v1",
    "products": "product_fields_v1",
    "activities": "activity_fields_v1",
    "leads": "lead_fields",
    "notes": "note_fields",
}
INHERITED = {"leads": "deals"}  # leads have the custom fields of deals
_DESCRIBED = ("deals", "persons", "activities")
_OPTIONS_OR_NONE = ("products", "notes")  # v1 omits `options` if there are none
_CONDITIONAL = ("won_time", "lost_time", "lost_reason")
_FIRST_IDS = {"activities": 1, "notes": 1, "leads": 60, "projects": 1}
_STAGES = (1, 2, 3)
_PARTS = {
    "monetary": (("value", "Amount", "double"), ("currency", "Currency", "varchar")),
    "address": (
        ("value", "Address value", "varchar"),
        ("subpremise", "Apartment/suite", "varchar"),
        ("street_number", "House number", "varchar"),
        ("route", "Street/road name", "varchar"),
        ("sublocality", "Sublocality", "varchar"),
        ("locality", "District", "varchar"),
        ("admin_area_level_1", "State/province", "varchar"),
        ("admin_area_level_2", "County", "varchar"),
        ("country", "Country", "varchar"),
        ("postal_code", "Postal code", "varchar"),
        ("formatted_address", "Formatted address", "varchar"),
    ),
}
_ZONE = (("timezone_id", "Timezone", "int"), ("timezone_name", "Name of timezone", "varchar"))
_CUSTOM_PARTS = {
    **_PARTS,
    "daterange": (("value", "Start date", "date"), ("until", "End date", "date")),
    "time": (("value", "Time", "time"), *_ZONE),
    "timerange": (("value", "Start time", "time"), ("until", "End time", "time"), *_ZONE),
}


class _Definition(NamedTuple):
    """A standard or custom field. `v1` is its key in v1, empty if v1 does not have it."""

    id: int
    code: str
    v1: str
    name: str
    type: str
    options: tuple[Option, ...]
    deleted: tuple[Option, ...]
    shown: bool
    optional: bool
    custom: bool
    added: float
    updated: float

    @property
    def parts(self) -> tuple[tuple[str, str, str], ...]:
        """(suffix, name, type) of each part of its value, starting with the value itself."""
        return (_CUSTOM_PARTS if self.custom else _PARTS).get(self.type, ())


def tables(
    custom: Mapping[str, CustomFields], activity_standard: Iterable[Standard], created_at: float
) -> list[Table]:
    """All tables of field definitions. The account's activity types define `activity_standard`."""
    standard = {**STANDARD, "activities": activity_standard}
    made = []
    for kind in standard:
        own = custom.get(INHERITED.get(kind, kind), ())
        fields = [*_standard(kind, standard[kind], created_at), *map(_custom, own)]
        if kind in V2:
            made.append(_v2_table(kind, fields))
        if kind in V1:
            rows = [Row(record, {"custom": own}, None, "key") for record, own in _v1(kind, fields)]
            made.append(Table(V1[kind], rows, stamp=plain))
    return made


def _standard(kind: str, fields: Iterable[Standard], created_at: float) -> Iterator[_Definition]:
    first = FIRST_IDS[kind] - 100 if kind in FIRST_IDS else _FIRST_IDS[kind]
    for at, field in enumerate(fields):
        yield _Definition(
            id=first + at,
            code=field.code,
            v1="" if field.v1 == "-" else field.v1 or field.code,
            name=field.name,
            type=field.type,
            options=field.options,
            deleted=field.deleted,
            shown=field.shown,
            optional=field.optional,
            custom=False,
            added=created_at - 1000 * DAY,
            updated=created_at - 1000 * DAY,
        )


def _custom(field: CustomField) -> _Definition:
    return _Definition(
        id=field.id,
        code=field.key,
        v1=field.key,
        name=field.name,
        type=field.type,
        options=tuple(Option(*option) for option in field.options),
        deleted=tuple(Option(*option) for option in field.deleted),
        shown=True,
        optional=False,
        custom=True,
        added=field.added,
        updated=field.updated,
    )


def _shuffled(salt: str, code: str) -> int:
    """A position unrelated to name, id and key, and independent of other fields."""
    return int(sha1(f"{salt}:{code}".encode()).hexdigest()[:12], 16)


# -- v2


def _v2_table(kind: str, fields: Iterable[_Definition]) -> Table:
    rows = []
    for field in fields:
        hidden = {
            "custom": field.custom,
            "place": _shuffled("v2", field.code),
            "include": _opted(kind, field),
        }
        rows.append(Row(_v2_row(kind, field), hidden, None, "field_code"))
    return Table(V2[kind], rows, extra=lambda row: dict(row.hidden["include"]))


def _v2_row(kind: str, field: _Definition) -> Record:
    row: Record = {"field_name": field.name, "field_code": field.code}
    if kind in _DESCRIBED:
        row["description"] = None if field.custom else f"{field.name} ({kind})"
    parts = [
        {"field_code": suffix, "field_name": f"{what} of {field.name}", "field_type": type_}
        for suffix, what, type_ in field.parts
    ]
    return {
        **row,
        "field_type": field.type,
        "options": [_v2_option(field, each) for each in field.options] or None,
        "subfields": parts or None,
        "is_custom_field": field.custom,
        "is_optional_response_field": field.optional,
        "is_writable": field.custom or field.shown,
    }


def _v2_option(field: _Definition, option: Option) -> Record:
    shown: Record = {"id": option.id, "label": option.label}
    if field.custom:
        return {**shown, "color": None, "update_time": None, "add_time": zulu(field.added)}
    return {**shown, "color": option.color} if option.color else shown


def _opted(kind: str, field: _Definition) -> Record:
    """The values of include_fields, which depend on whether the detail view shows the field."""
    dialog = {"show": field.shown, "order": 1 if field.shown else None}
    visible: Record = dict.fromkeys(("add_visible_flag", "details_visible_flag"), field.shown)
    required: Record = {"enabled": field.code in ("title", "name")}
    if kind == "deals":
        visible["projects_detail_visible_flag"] = not field.custom
        visible["show_in_pipelines"] = {
            "show_in_all": not field.custom,
            "pipeline_ids": [1, 2] if field.custom else [],
        }
        required |= {"stage_ids": [], "statuses": {"1": ["won", "lost"]} if field.custom else {}}
    elif kind == "organizations":
        visible |= {f"{of}_detail_visible_flag": field.shown for of in ("org", "person", "deal")}
        visible["show_in_add_person_dialog"] = dialog
    if kind in ("persons", "organizations"):
        visible["show_in_add_deal_dialog"] = dialog
    important = {"enabled": field.custom, "stage_ids": list(_STAGES) if field.custom else []}
    return {"ui_visibility": visible, "important_fields": important, "required_fields": required}


# -- v1


def _v1(kind: str, fields: Iterable[_Definition]) -> Iterator[tuple[Record, bool]]:
    """Rows in v1's order, and whether each belongs to a custom field. Fields that the detail view
    does not show come first; custom fields are in an order chosen by users."""
    known = [field for field in fields if field.v1]
    hidden = [field for field in known if not field.shown]
    standard = [field for field in known if field.shown and not field.custom]
    custom = [field for field in known if field.custom]
    custom.sort(key=lambda field: _shuffled("v1", field.code))
    places = [*((0, field) for field in hidden), *enumerate([*standard, *custom], start=1)]
    for place, field in places:
        if kind == "notes":
            yield _note_row(field), False
            continue
        yield _v1_row(kind, field, place), field.custom
        for suffix, what, _ in field.parts[1:]:
            yield _v1_part(field, suffix, what), field.custom


def _v1_row(kind: str, field: _Definition, place: int) -> Record:
    row: Record = {
        "id": field.id,
        "key": field.v1,
        "name": field.name,
        "order_nr": place,
        "field_type": field.type,
        "add_time": plain(field.added),
        "update_time": plain(field.updated),
        "last_updated_by_user_id": ME,
        "created_by_user_id": ME,
        "active_flag": True,
        "edit_flag": field.custom,
        "index_visible_flag": True,
        "details_visible_flag": field.shown,
        "add_visible_flag": field.shown,
        "important_flag": False,
        "bulk_edit_allowed": field.shown,
        "searchable_flag": field.custom,
        "filtering_allowed": True,
        "sortable_flag": True,
        "mandatory_flag": not field.custom,
    }
    if kind == "deals" and field.v1 in _CONDITIONAL:
        row["mandatory_flag"] = {"status": "=won" if field.v1 == "won_time" else "=lost"}
    if field.options or kind not in _OPTIONS_OR_NONE:
        row["options"] = [_v1_option(each) for each in field.options] or None
    if field.deleted:
        row["options_deleted"] = [_v1_option(each) for each in field.deleted]
    return row


def _v1_option(option: Option) -> Record:
    shown: Record = {"id": option.id, "label": option.label}
    return {**shown, "color": option.color} if option.color else shown


def _v1_part(field: _Definition, suffix: str, what: str) -> Record:
    """A subfield, as recorded: few keys, no id, and `edit_flag` true if the field is custom."""
    of_value = field.v1 == "value"  # the subfield of a deal's value is called just "currency"
    return {
        "id": None,
        "key": suffix if of_value else f"{field.v1}_{suffix}",
        "name": what if of_value else f"{what} of {field.name}",
        "field_type": "varchar",
        "edit_flag": field.custom,
        "active_flag": True,
        "is_subfield": True,
        "mandatory_flag": False,
        "parent_id": field.id,
        "id_suffix": suffix,
    }


def _note_row(field: _Definition) -> Record:
    """In the vendor's example `edit_flag` is true for the flags, which no user created."""
    row: Record = {
        "id": field.id,
        "key": field.v1,
        "name": field.name,
        "field_type": field.type,
        "active_flag": True,
        "edit_flag": bool(field.options),
        "bulk_edit_allowed": True,
        "mandatory_flag": field.v1 == "content",
    }
    if field.options:
        row["options"] = [_v1_option(each) for each in field.options]
    return row
