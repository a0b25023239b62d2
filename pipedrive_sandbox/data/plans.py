"""The custom fields of an account: of a small company, and of companies made for tests.

A plan is a name, a type and the share of records in which the field is set. The test company has
every type for every kind of record, many fields, and names that make awkward column names.
"""

from __future__ import annotations

from typing import Literal, get_args

Plan = tuple[str, str, float]
Company = Literal["small", "test", "forty"]  # forty: as test, with 40 deal fields

TYPES = (
    "varchar",
    "varchar_auto",
    "text",
    "double",
    "monetary",
    "enum",
    "set",
    "user",
    "org",
    "people",
    "phone",
    "date",
    "daterange",
    "time",
    "timerange",
    "address",
)
DEALS_OF_TEST = 300  # number of deal fields
LABELS = {"Customer tier": ("Gold", "Silver", "Bronze")}  # others are named after the field
_DEALS = (
    ("Contract number", "varchar", 0.6),
    ("Competitors", "text", 0.2),
    ("Seats", "double", 0.5),
    ("Budget", "monetary", 0.4),
    ("Tier", "enum", 0.7),
    ("Interests", "set", 0.5),
    ("Renewal", "date", 0.3),
    ("Pilot", "daterange", 0.2),
    ("Best time to call", "time", 0.2),
    ("Office hours", "timerange", 0.1),
    ("Site", "address", 0.2),
    ("Hotline", "phone", 0.2),
    ("Solution engineer", "user", 0.3),
    ("Referred by", "people", 0.2),
    ("Partner", "org", 0.2),
    ("Never used", "varchar", 0.0),
)
_PERSONS = (
    ("Nickname", "varchar", 0.2),
    ("Seniority", "enum", 0.6),
    ("Topics", "set", 0.4),
    ("Last met", "date", 0.4),
    ("Never used", "double", 0.0),
)
_ORGANIZATIONS = (
    ("VAT number", "varchar", 0.6),
    ("Segment", "enum", 0.6),
    ("Turnover", "monetary", 0.5),
    ("Headquarters", "address", 0.3),
)
_PRODUCTS = (("Shelf", "varchar", 0.6), ("Weight", "double", 0.5), ("Family", "enum", 0.7))
_PROJECTS = (("Cost centre", "varchar", 0.6), ("Risk", "enum", 0.7), ("Go-live", "date", 0.4))
_SMALL: dict[str, tuple[Plan, ...]] = {
    "deals": _DEALS,
    "persons": _PERSONS,
    "organizations": _ORGANIZATIONS,
    "products": _PRODUCTS,
    "projects": _PROJECTS,
}
_LONG = "A long name of a field, as long as Pipedrive allows. " * 6
_EACH_TYPE = (
    ("Size", "varchar", 0.7),
    ("Order number", "varchar_auto", 0.5),
    ("Remarks", "text", 0.3),
    ("Weight", "double", 0.6),
    ("Price", "monetary", 0.6),
    ("Customer tier", "enum", 0.8),
    ("Interests", "set", 0.6),
    ("Account manager", "user", 0.6),
    ("Partner", "org", 0.5),
    ("Referred by", "people", 0.5),
    ("Hotline", "phone", 0.4),
    ("Renewal", "date", 0.5),
    ("Period", "daterange", 0.6),
    ("Best time to call", "time", 0.4),
    ("Office hours", "timerange", 0.4),
    ("Site", "address", 0.4),
)
# Names that clash as column names, with each other or with standard columns, or become empty.
_HARD = (
    ("Size", "double"),
    ("size ", "varchar"),
    ("Size!", "enum"),
    ("Title", "varchar"),
    ("Price currency", "varchar"),
    ("Period until", "date"),
    ("Größe", "double"),
    ("Цена", "monetary"),
    ("客户等级", "enum"),
    ("🚀🚀", "varchar"),
    ("!!!", "varchar"),
    ("   ", "varchar"),
    (_LONG[:255], "text"),
    (_LONG[20:274] + "a", "varchar"),
    (_LONG[20:274] + "b", "double"),
    ("select", "enum"),
    ("order", "varchar_auto"),
    ("group", "set"),
    ("id", "varchar"),
    ("ID", "double"),
    ("custom_fields", "text"),
    ("label_names", "set"),
    ("2nd choice", "varchar"),
    ("_ab_id", "varchar"),
)


def plans(company: Company, kind: str) -> tuple[Plan, ...]:
    """The custom fields of `deals`, `persons`, `organizations`, `products` or `projects`, in order
    of creation."""
    if company not in get_args(Company):
        raise ValueError(f"fields must be one of {', '.join(get_args(Company))}, not {company!r}")
    if company == "small":
        return _SMALL[kind]
    fields = [*_EACH_TYPE, *((name, type_, 0.4) for name, type_ in _HARD)]
    if kind == "deals" and company == "test":
        count = range(len(fields), DEALS_OF_TEST)
        fields += [(f"Field {at:03}", TYPES[at % len(TYPES)], 0.1) for at in count]
    return tuple(fields)
