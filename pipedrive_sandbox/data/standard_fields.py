"""The fields that every account has, by kind of record.

Keys and types follow the vendor's examples and a response of GET /v1/dealFields that was recorded
in December 2025; the lists are shorter than the vendor's.
"""

from __future__ import annotations

from typing import NamedTuple

from .activities import OUTCOMES
from .leads import LABELS as LEAD_LABELS
from .listing import DELETED_LABELS, LABELS


class Option(NamedTuple):
    """An option of a field."""

    id: int | str
    label: str
    color: str = ""


class Standard(NamedTuple):
    """A standard field: `code` is its key in v2, `v1` its key in v1 if different ("-": none).

    `shown` fields appear in Pipedrive's detail view and have a position there; `optional` ones are
    in records only on request; `deleted` are former options.
    """

    code: str
    name: str
    type: str
    options: tuple[Option, ...] = ()
    deleted: tuple[Option, ...] = ()
    v1: str = ""
    shown: bool = True
    optional: bool = False


def _options(*pairs: tuple[int | str, str]) -> tuple[Option, ...]:
    return tuple(Option(*pair) for pair in pairs)


def _texts(*ids: str) -> tuple[Option, ...]:
    """Options whose ids are text, like those of the vendor's own fields."""
    return _options(*((id_, id_.replace("_", " ").capitalize()) for id_ in ids))


def _not_shown(code: str, name: str, type_: str, v1: str = "") -> Standard:
    return Standard(code, name, type_, v1=v1, shown=False)


def _opt_in(code: str, name: str, type_: str) -> Standard:
    return Standard(code, name, type_, v1="-", shown=False, optional=True)


_COLORS = ("red", "yellow", "blue", "green")
_LABELS = tuple(Option(id_, name, _COLORS[id_ - 1]) for id_, name in LABELS.items())
_OLD_LABELS = tuple(Option(id_, name, _COLORS[id_ - 1]) for id_, name in DELETED_LABELS.items())
_VISIBLE = _options(
    (1, "Item owner"),
    (3, "Item owner’s visibility group"),
    (5, "Item owner’s visibility group and sub-groups"),
    (7, "All users"),
)
_INDUSTRIES = _options(*((at, f"Industry {at}") for at in range(1, 21)))
_PRIORITIES = _options((261, "High"), (262, "Medium"), (263, "Low"))
_YES_NO = _options((1, "Yes"), (0, "No"))

_ID = _not_shown("id", "ID", "int")
_OWNER = Standard("owner_id", "Owner", "user", v1="user_id")
_TIMES = (
    _not_shown("add_time", "Created", "date"),
    _not_shown("update_time", "Updated", "date"),
)
_LABEL_IDS = Standard("label_ids", "Labels", "set", _LABELS, _OLD_LABELS)
_VISIBLE_TO = Standard("visible_to", "Visible to", "visible_to", _VISIBLE, shown=False)
_NEXT = _opt_in("next_activity_id", "Next activity", "activity")
_DEALS = (
    _ID,
    Standard("title", "Title", "varchar", shown=False),
    _not_shown("creator_user_id", "Creator", "user"),
    _OWNER,
    Standard("value", "Value", "monetary"),
    _not_shown("currency", "Currency", "varchar", v1="-"),
    _LABEL_IDS._replace(v1="label", name="Label"),
    Standard("org_id", "Organization", "org"),
    Standard("person_id", "Contact person", "people"),
    _not_shown("pipeline_id", "Pipeline", "int", v1="pipeline"),
    _not_shown("stage_id", "Stage", "stage"),
    Standard("status", "Status", "status", _texts("open", "won", "lost", "deleted"), shown=False),
    *_TIMES,
    _not_shown("won_time", "Won time", "date"),
    _not_shown("lost_time", "Lost time", "date"),
    Standard(
        "lost_reason",
        "Lost reason",
        "varchar_options",
        _options((49, "Price"), (50, "Timing"), (51, "Competitor"), (52, "No answer")),
        shown=False,
    ),
    Standard("probability", "Probability", "int"),
    Standard("expected_close_date", "Expected close date", "date"),
    _VISIBLE_TO,
    Standard(
        "origin",
        "Source origin",
        "enum",
        _texts("ManuallyCreated", "API", "Import", "WebForm"),
        shown=False,
    ),
    _NEXT,
    _opt_in("products_count", "Products", "int"),
)
_PERSONS = (
    _ID,
    Standard("name", "Name", "varchar"),
    _not_shown("first_name", "First name", "varchar"),
    _not_shown("last_name", "Last name", "varchar"),
    Standard("phone", "Phone", "phone"),
    Standard("email", "Email", "varchar"),
    Standard("org_id", "Organization", "org"),
    _OWNER._replace(v1="owner_id"),
    _LABEL_IDS,
    _VISIBLE_TO,
    *_TIMES,
    _not_shown("picture_id", "Profile picture", "picture"),
    Standard("job_title", "Job title", "varchar"),
    Standard("birthday", "Birthday", "date"),
    Standard("notes", "Notes", "text"),
    Standard("im", "Instant messenger", "varchar"),
    Standard("postal_address", "Postal address", "address"),
    _NEXT,
    _opt_in("open_deals_count", "Open deals", "int"),
)
_ORGANIZATIONS = (
    _ID,
    Standard("name", "Name", "varchar"),
    _OWNER._replace(v1="owner_id"),
    Standard("address", "Address", "address"),
    _LABEL_IDS,
    _VISIBLE_TO,
    *_TIMES,
    Standard("website", "Website", "varchar"),
    Standard("linkedin", "LinkedIn profile", "varchar"),
    Standard("industry", "Industry", "enum", _INDUSTRIES),
    Standard("annual_revenue", "Annual revenue", "double"),
    Standard("employee_count", "Number of employees", "int"),
    _NEXT,
    _opt_in("people_count", "People", "int"),
)
_PRODUCTS = (
    _ID,
    Standard("name", "Name", "varchar"),
    Standard("code", "Product code", "varchar"),
    Standard("description", "Description", "text"),
    Standard("unit", "Unit", "varchar"),
    Standard("tax", "Tax", "double"),
    Standard("category", "Category", "varchar"),
    _OWNER._replace(v1="owner_id"),
    Standard("is_linkable", "Active", "boolean"),
    _VISIBLE_TO,
    Standard(
        "billing_frequency",
        "Billing frequency",
        "billing_frequency",
        _texts("one-time", "monthly", "quarterly", "semi-annually", "annually", "weekly"),
    ),
    _not_shown("billing_frequency_cycles", "Billing cycles", "int"),
    Standard("prices", "Prices", "price_list"),
    *_TIMES,
)
_NOTES = (
    _ID,
    Standard("content", "Content", "text"),
    Standard("user_id", "User", "user"),
    Standard("deal_id", "Deal", "deal"),
    Standard("lead_id", "Lead", "lead"),
    Standard("person_id", "Person", "people"),
    Standard("org_id", "Organization", "org"),
    *_TIMES,
    *(
        Standard(f"pinned_to_{to}_flag", f"Note is pinned to {to}", "enum", _YES_NO)
        for to in ("deal", "lead", "person", "organization")
    ),
)
_LEADS = (
    _ID,
    Standard("title", "Title", "varchar"),
    Standard("owner_id", "Owner", "user"),
    Standard(
        "label_ids",
        "Labels",
        "set",
        tuple(Option(*label) for label in LEAD_LABELS),
    ),
    Standard("value", "Value", "monetary"),
    Standard("person_id", "Contact person", "people"),
    Standard("organization_id", "Organization", "org"),
    _not_shown("source_name", "Source", "varchar"),
    Standard("expected_close_date", "Expected close date", "date"),
    _VISIBLE_TO,
    _not_shown("was_seen", "Seen", "boolean"),
    *_TIMES,
)
_PROJECTS = (
    _ID,
    Standard("title", "Title", "varchar"),
    Standard("description", "Description", "text"),
    Standard("status", "Status", "status", _texts("open", "completed", "canceled", "deleted")),
    Standard("board_id", "Board", "projects_board"),
    Standard("phase_id", "Phase", "projects_phase"),
    _OWNER,
    Standard("start_date", "Start date", "date"),
    Standard("end_date", "End date", "date"),
    Standard("deal_ids", "Deals", "deals"),
    _LABEL_IDS,
    *_TIMES,
)
STANDARD = {
    "deals": _DEALS,
    "persons": _PERSONS,
    "organizations": _ORGANIZATIONS,
    "products": _PRODUCTS,
    "notes": _NOTES,
    "leads": _LEADS,
    "projects": _PROJECTS,
}


Types = list[tuple[str, str]]


def activity_fields(active: Types, inactive: Types) -> tuple[Standard, ...]:
    """The fields of activities. `active` and `inactive` are (key, name) pairs of activity types,
    whose keys are the option ids of the field `type`."""
    return (
        _ID,
        Standard("subject", "Subject", "varchar"),
        Standard("type", "Type", "enum", _options(*active), _options(*inactive)),
        _OWNER,
        _not_shown("creator_user_id", "Creator", "user", v1="created_by_user_id"),
        Standard("due_date", "Due date", "date"),
        Standard("due_time", "Due time", "time"),
        Standard("duration", "Duration", "time"),
        Standard("done", "Done", "boolean"),
        _not_shown("marked_as_done_time", "Marked as done", "date"),
        Standard("deal_id", "Deal", "deal"),
        Standard("lead_id", "Lead", "lead"),
        Standard("person_id", "Contact person", "people"),
        Standard("org_id", "Organization", "org"),
        Standard("project_id", "Project", "project"),
        Standard("location", "Location", "address"),
        Standard("priority", "Priority", "enum", _PRIORITIES),
        Standard("outcome", "Outcome", "enum", _texts(*OUTCOMES)),
        Standard("note", "Note", "text"),
        Standard("public_description", "Public description", "text"),
        *_TIMES,
        _opt_in("attendees", "Attendees", "json"),
    )
