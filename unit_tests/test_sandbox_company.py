"""The test company: custom fields of every type, many of them, and awkward names.

Without it a client's columns would be tested with easy names only.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests

from pipedrive_sandbox import Options
from pipedrive_sandbox.data.plans import TYPES
from pipedrive_sandbox.service import Service

from .test_sandbox import LIMITS, NOW
from .test_sandbox_fields import OWNERS, by_code

HARD = (
    "Size",
    "size ",
    "Size!",
    "Title",
    "Price",
    "Price currency",
    "Period",
    "Period until",
    "Größe",
    "Цена",
    "客户等级",
    "🚀🚀",
    "!!!",
    "   ",
    "select",
    "order",
    "group",
    "id",
    "ID",
    "custom_fields",
    "label_names",
    "2nd choice",
    "_ab_id",
    "Customer tier",
)


@pytest.fixture(scope="module")
def box() -> Service:
    return Service(Options(scale=0.2, clock=NOW, switches=LIMITS, fields="test"))


def types(box: Service, kind: str) -> dict[str, str]:
    return {each["key"]: each["type"] for each in box.custom_fields(kind)}


@pytest.mark.parametrize("kind", OWNERS)
def test_every_type_has_set_and_unset_values(box: Service, kind: str) -> None:
    held = types(box, kind)
    assert set(held.values()) == set(TYPES)
    records = box.records(kind)
    assert all(record["custom_fields"].keys() == held.keys() for record in records)
    for type_ in TYPES:
        values = [
            record["custom_fields"][key]
            for record in records
            for key, each in held.items()
            if each == type_
        ]
        assert None in values, type_
        assert any(value is not None for value in values), type_


def test_names_that_make_awkward_column_names(box: Service) -> None:
    fields = box.custom_fields("deals")
    names = Counter(each["name"] for each in fields)
    assert len(fields) == 300
    assert set(HARD) <= set(names)
    assert names["Size"] == 2
    long = [name for name in names if len(name) == 255]
    assert len(long) == 3
    assert len({name[:254] for name in long}) == 2
    assert len({each["key"] for each in fields}) == 300, "two fields may have the same name"
    by_name = {each["name"]: each for each in fields}
    assert by_name["Price"]["type"] == "monetary"
    assert by_name["Period"]["type"] == "daterange"
    labels = [option["label"] for option in by_name["Customer tier"]["options"]]
    assert labels == ["Gold", "Silver", "Bronze"]
    shown = {row["field_name"] for row in box.records("deal_fields") if row["is_custom_field"]}
    assert shown == set(names)


def test_a_fifth_of_the_deals_have_no_values(box: Service) -> None:
    deals = {deal["id"]: deal["custom_fields"] for deal in box.records("deals")}
    empty = {id_ for id_, held in deals.items() if not any(map(_set, held.values()))}
    assert empty == {id_ for id_ in deals if id_ % 5 == 0}


def _set(value: object) -> bool:
    return value is not None


@pytest.mark.parametrize("kind", OWNERS)
def test_every_seventh_record_has_option_ids_as_text(box: Service, kind: str) -> None:
    """A client that looks labels up by integer only would lose them."""
    held = [key for key, type_ in types(box, kind).items() if type_ == "enum"]
    for record in box.records(kind):
        values: list[Any] = [record["custom_fields"][key] for key in held]
        wanted = str if record["id"] % 7 == 0 else int
        assert {type(value) for value in values if value is not None} <= {wanted}
    texts = [record for record in box.records(kind) if record["id"] % 7 == 0]
    assert any(record["custom_fields"][key] for record in texts for key in held)
    if kind != "products":
        labelled = box.records(kind, include_option_labels="true")
        shown = [record["custom_fields"][key] for record in labelled for key in held]
        assert all(each["label"] for each in shown if each)


def test_leads_have_custom_fields_inline(box: Service) -> None:
    definitions = by_code(box, "lead_fields")
    keys = [name for lead in box.records("leads") for name in lead if len(name) >= 40]
    assert len(set(keys)) > 250
    assert set(keys) <= set(definitions)


@pytest.mark.parametrize("fields", ["small", "test"])
def test_the_same_fields_and_seed_give_the_same_records(fields: Any) -> None:
    one, other = (Service(Options(seed=3, scale=0.02, clock=NOW, fields=fields)) for _ in range(2))
    for name in (*OWNERS, "leads", "deal_fields", "lead_fields"):
        assert one.records(name) == other.records(name)


def test_a_misspelt_company_is_an_error() -> None:
    with pytest.raises(ValueError, match="small, test"):
        Service(Options(scale=0.01, fields="tset"))  # type: ignore[arg-type]


def test_the_program_has_an_option_for_the_company() -> None:
    arguments = ["--port", "0", "--scale", "0.02", "--clock", NOW, "--fields", "test"]
    command = [sys.executable, "-m", "pipedrive_sandbox", *arguments]
    here = Path(__file__).parents[1]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=here) as process:
        try:
            assert process.stdout
            url = json.loads(process.stdout.readline())["url"]
            fields = requests.get(f"{url}/_sandbox/fields/deals", timeout=60).json()
        finally:
            process.terminate()
    assert len(fields) == 300
