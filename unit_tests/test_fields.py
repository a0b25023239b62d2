"""Field definitions, the columns made from them, and how a configured catalog selects columns."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha1
from typing import Any

import pytest

from source_pipedrive.fields.columns import configured, discovered, with_columns
from source_pipedrive.fields.definitions import Definitions, as_v2, from_v1, from_v2
from source_pipedrive.fields.plan import plan_of
from source_pipedrive.http.errors import CONFIG, TRANSIENT, StreamError
from source_pipedrive.stream import Stream
from source_pipedrive.stream.lists import RENAMED
from source_pipedrive.streams import STREAMS

DEALS = STREAMS["deals"]
TIER, SIZE, SIZE_2 = (sha1(name.encode()).hexdigest() for name in ("tier", "size", "size 2"))
HOT, COLD = "f08b42a0-4e75-11ea-9643-03698ef1cfd6", "f08b42a1-4e75-11ea-9643-03698ef1cfd6"
LABELS = {
    "field_code": "label_ids",
    "field_name": "Label",
    "field_type": "set",
    "options": [{"id": 1, "label": "Hot"}, {"id": 2, "label": "Cold"}],
    "is_custom_field": False,
}


def v2(key: str, name: str, kind: str = "varchar", **more: Any) -> dict[str, Any]:
    return {
        "field_code": key,
        "field_name": name,
        "field_type": kind,
        "is_custom_field": True,
        "options": None,
        **more,
    }


def v1(number: int, key: str, name: str, kind: str = "varchar", **more: Any) -> dict[str, Any]:
    return {"id": number, "key": key, "name": name, "field_type": kind, "edit_flag": True, **more}


class Account:
    """Lists of definitions by API version; records the requests."""

    def __init__(self, new: Sequence[Any], old: Sequence[Any] | int = 404) -> None:
        self.rows: dict[int, Sequence[Any] | int] = {1: old, 2: new}
        self.asked: list[tuple[str, int]] = []
        self.labels: Sequence[Any] | int = [{"id": HOT, "name": "Hot"}]

    def __call__(self, row: Stream) -> Sequence[Mapping[str, Any]]:
        self.asked.append((row.endpoint.path, row.endpoint.version))
        rows = self.labels if row.name == "lead_labels" else self.rows[row.endpoint.version]
        if isinstance(rows, int):
            kind = CONFIG if rows == 403 else TRANSIENT
            raise StreamError(f"Pipedrive refused ({rows}).", kind, rows)
        return rows


TIERS = [{"id": 123, "label": "Gold"}, {"id": 124, "label": "Silver"}]
ACCOUNT = [LABELS, v2(TIER, "Customer tier", "enum", options=TIERS), v2(SIZE, "Size")]


def columns(account: Account, row: Stream = DEALS) -> dict[str, str]:
    """{column: key}"""
    found = discovered(row, Definitions(account))
    assert found is not None
    return {column.name: column.key for column in found}


def schema_of(account: Account, row: Stream = DEALS, labels: bool = True) -> dict[str, Any]:
    """The schema as the platform stores it."""
    schema = with_columns(row, discovered(row, Definitions(account)), labels)
    stored: dict[str, Any] = json.loads(json.dumps(schema))
    return stored


def test_a_custom_enum_is_a_column_by_default() -> None:
    properties = schema_of(Account(ACCOUNT))["properties"]
    tier = properties["customer_tier"]
    assert tier["type"] == ["null", "string"]
    assert tier["title"] == "Customer tier"
    about = f'Custom field "Customer tier" (single option); Pipedrive key {TIER}'
    assert tier["description"] == about
    assert properties["label_names"]["type"] == ["null", "array"]
    assert properties["label_names"]["description"] == "Names of the labels in label_ids"
    assert "custom_fields" in properties
    assert "title" in properties


@pytest.mark.parametrize(
    ("type_", "abouts"),
    [
        (
            "monetary",
            ['Custom field "F" (monetary)', 'Currency of the custom field "F" (monetary)'],
        ),
        (
            "daterange",
            ['Custom field "F" (date range)', 'End of the custom field "F" (date range)'],
        ),
        (
            "timerange",
            [
                'Custom field "F" (time range)',
                'End of the custom field "F" (time range)',
                'Time zone of the custom field "F" (time range)',
            ],
        ),
        ("varchar", ['Custom field "F" (text)']),
        ("set", ['Custom field "F" (multiple options)']),
        ("a_new_type", ['Custom field "F" (a_new_type)']),
    ],
)
def test_an_analyst_reads_which_field_a_column_is(type_: str, abouts: list[str]) -> None:
    """The names and types are those that a person sees in Pipedrive."""
    found = discovered(DEALS, Definitions(Account([v2(SIZE, "F", type_)])))
    assert [column.schema["description"] for column in found or ()] == [
        f"{about}; Pipedrive key {SIZE}" for about in abouts
    ]


def test_discovery_is_one_request_if_no_names_collide() -> None:
    account = Account(ACCOUNT, [v1(1, TIER, "x")])
    columns(account)
    assert account.asked == [("dealFields", 2)]


@pytest.mark.parametrize("turn", [False, True])
def test_the_older_of_two_fields_with_one_name_has_the_plain_column(turn: bool) -> None:
    new = [v2(SIZE, "Size"), v2(SIZE_2, "size "), v2(TIER, "Title")]
    old = [v1(40, SIZE_2, "size "), v1(12, SIZE, "Size"), v1(50, TIER, "Title")]
    account = Account(new[::-1] if turn else new, old[::-1] if turn else old)
    assert columns(account) == {
        "size": SIZE,
        f"size_{SIZE_2[:6]}": SIZE_2,
        f"title_{TIER[:6]}": TIER,
    }
    assert account.asked == [("dealFields", 2), ("dealFields", 1)]


@pytest.mark.parametrize("status", [403, 404, 410])
def test_without_a_known_order_no_field_takes_anothers_column(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Otherwise the plain name would move between fields once v1 answers or a field is added."""
    new = [v2(SIZE, "Size"), v2(SIZE_2, "size "), v2(TIER, "Tier")]
    for rows in (new, new[::-1]):
        assert columns(Account(rows, status)) == {
            f"size_{SIZE[:6]}": SIZE,
            f"size_{SIZE_2[:6]}": SIZE_2,
            "tier": TIER,
        }
    assert "does not report the order in which deal_fields were created" in caplog.text


def test_the_order_is_requested_once_for_all_streams() -> None:
    account = Account([v2(SIZE, "Size"), v2(SIZE_2, "Size")], [v1(1, SIZE, ""), v1(2, SIZE_2, "")])
    definitions = Definitions(account)
    for name in ("deals", "deals_archived", "leads", "leads_archived"):
        found = discovered(STREAMS[name], definitions)
        assert {column.name for column in found or ()} == {"size", f"size_{SIZE_2[:6]}"}
    assert account.asked == [("dealFields", 2), ("dealFields", 1)]


class LeadsOnly(Account):
    """Credentials that may see the fields of leads but not those of deals."""

    def __call__(self, row: Stream) -> Sequence[Mapping[str, Any]]:
        if row.endpoint.path == "dealFields":
            raise StreamError("Pipedrive refused (403).", CONFIG, 403)
        return super().__call__(row)


@pytest.mark.parametrize("order", [["deals", "leads"], ["leads", "deals"]])
def test_leads_find_their_fields_whichever_stream_is_first(order: list[str]) -> None:
    account = LeadsOnly([], [v1(1, TIER, "Customer tier", "enum", options=TIERS)])
    definitions = Definitions(account)
    found = {name: discovered(STREAMS[name], definitions) for name in order}
    assert found["deals"] is None
    assert [column.name for column in found["leads"] or ()] == ["customer_tier"]


def test_an_answer_without_any_field_drops_no_column() -> None:
    """Pipedrive is known to send null instead of a list sometimes."""
    with pytest.raises(StreamError, match="no fields at all") as caught:
        discovered(DEALS, Definitions(Account([])))
    assert caught.value.failure_type is TRANSIENT


def test_a_list_that_is_gone_is_an_error_at_discover_and_a_warning_at_read() -> None:
    account = Account(404, 404)  # type: ignore[arg-type]
    with pytest.raises(StreamError):
        discovered(DEALS, Definitions(account, strict=True))
    assert Definitions(account).of(DEALS.columns.definitions) is None


def test_a_deselected_column_is_not_reported_as_a_change(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    schema = schema_of(Account(ACCOUNT))
    del schema["properties"]["size"]
    shaped(Account(ACCOUNT), [{"id": 1}], schema)
    assert caplog.records == []


def test_a_change_is_logged_once_for_all_streams_that_share_the_fields(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    definitions = Definitions(Account([LABELS, v2(TIER, "Level", "enum", options=TIERS)]))
    for name in ("deals", "deals_archived", "leads"):
        row = STREAMS[name]
        plan_of(row, schema_of(Account(ACCOUNT), row), definitions, labels=True)
    assert len(caplog.records) == 1


def test_a_deleted_option_is_logged_once_for_all_streams_that_share_the_field(
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = Account(ACCOUNT)
    definitions = Definitions(account)
    for name in ("deals", "deals_archived", "leads"):
        plan = plan_of(STREAMS[name], schema_of(account, STREAMS[name]), definitions, True)
        records = [{"custom_fields": {TIER: 7}}, {"custom_fields": {TIER: 8}}]
        plan.fill(records)
        assert [record["customer_tier"] for record in records] == ["7", "8"]
    assert len(caplog.records) == 1


def test_fields_with_one_name_on_two_objects_are_logged_separately(
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = Account(ACCOUNT)
    definitions = Definitions(account)
    for name in ("deals", "persons", "leads"):
        plan = plan_of(STREAMS[name], schema_of(account, STREAMS[name]), definitions, True)
        plan.fill([{"label_ids": [9], "custom_fields": {TIER: 7}}])
    told = {record.message.partition(" contains")[0] for record in caplog.records}
    assert told == {
        *('deal_fields: "Customer tier"', 'person_fields: "Customer tier"'),
        *(f'{name}: "label_ids"' for name in ("deal_fields", "person_fields", "lead_labels")),
    }


def test_labels_of_leads_come_from_their_own_list_requested_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    account = Account(ACCOUNT)
    definitions = Definitions(account)
    for name in ("leads", "leads_archived"):
        schema = schema_of(account, STREAMS[name])
        plan = plan_of(STREAMS[name], schema, definitions, labels=True)
        records: list[dict[str, Any]] = [{"label_ids": [HOT]}, {"label_ids": []}, {}]
        plan.fill(records)
        assert [record.get("label_names") for record in records] == [["Hot"], [], None]
    assert account.asked.count(("leadLabels", 1)) == 1
    assert not caplog.records
    old = {"label_ids": [COLD]}  # deleted since
    plan.fill([old])
    assert old["label_names"] == [COLD]


@pytest.mark.parametrize("status", [403, 404])
def test_labels_of_leads_that_are_not_visible_cost_only_a_warning(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    account = Account(ACCOUNT)
    account.labels = status
    definitions = Definitions(account)
    for name in ("leads", "leads_archived"):
        plan = plan_of(STREAMS[name], schema_of(account, STREAMS[name]), definitions, labels=True)
        record: dict[str, Any] = {"label_ids": [HOT], "custom_fields": {TIER: 123}}
        plan.fill([record])
        assert "label_names" not in record
        assert record["customer_tier"] == "Gold"
    (line,) = caplog.records
    assert "lead_labels appear only as ids" in line.message


def test_a_custom_column_of_an_old_schema_is_not_overwritten_by_labels() -> None:
    account = Account([*ACCOUNT, v2(SIZE_2, "Label names")])
    row = STREAMS["leads"]
    schema = schema_of(account, row)
    named = next(n for n, p in schema["properties"].items() if p.get("pipedrive_key") == SIZE_2)
    schema["properties"]["label_names"] = schema["properties"].pop(named)
    plan = plan_of(row, schema, Definitions(account), labels=True)
    record: dict[str, Any] = {"label_ids": [HOT], "custom_fields": {SIZE_2: "mine"}}
    plan.fill([record])
    assert record["label_names"] == "mine"


def test_a_standard_field_without_options_has_no_label_and_no_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The contract guarantees options only for fields of type enum or set."""
    visible = {**LABELS, "field_code": "visible_to", "field_type": "visible_to", "options": None}
    account = Account([*ACCOUNT, visible])
    plan = plan_of(DEALS, schema_of(account), Definitions(account), labels=True)
    record = {"visible_to": 3, "label_ids": [1]}
    plan.fill([record])
    assert "visible_to_name" not in record
    assert record["label_names"] == ["Hot"]
    assert not caplog.records


def test_a_field_that_v1_does_not_list_yet_takes_no_plain_name_from_others() -> None:
    new = [LABELS, v2(SIZE, "Size"), v2(SIZE_2, "Size"), v2(TIER, "Size")]
    found = columns(Account(new, [v1(1, SIZE, "Size"), v1(2, SIZE_2, "Size")]))
    assert found["size"] == SIZE
    assert set(found) == {"size", f"size_{SIZE_2[:6]}", f"size_{TIER[:6]}"}


def test_an_unknown_order_of_project_fields_is_no_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    row = STREAMS["projects"]
    found = columns(Account([LABELS, v2(SIZE, "Size"), v2(SIZE_2, "Size")]), row)
    assert set(found) == {f"size_{SIZE[:6]}", f"size_{SIZE_2[:6]}"}
    assert [record.levelname for record in caplog.records] == ["INFO"]


def test_a_company_without_project_fields_can_be_set_up() -> None:
    assert columns(Account([]), STREAMS["projects"]) == {}
    with pytest.raises(StreamError, match="no fields at all"):
        columns(Account([]))


def test_a_new_standard_field_does_not_mix_with_a_custom_column() -> None:
    account = Account([*ACCOUNT, v2(SIZE_2, "Probability size")])
    schema = schema_of(account)
    name = next(n for n, p in schema["properties"].items() if p.get("pipedrive_key") == SIZE_2)
    schema["properties"]["probability"] = schema["properties"].pop(name)
    plan = plan_of(DEALS, schema, Definitions(account), labels=True)
    records: list[dict[str, Any]] = [
        {"probability": 6, "custom_fields": {SIZE_2: "XL"}},
        {"probability": 6},
    ]
    plan.fill(records)
    assert [record.get("probability") for record in records] == ["XL", None]
    assert [record["pipedrive_probability"] for record in records] == [6, 6]


def test_columns_are_not_logged_as_new_without_the_raw_object(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    account = Account(ACCOUNT)
    schema = schema_of(account)
    del schema["properties"]["custom_fields"]
    plan_of(DEALS, schema, Definitions(account), labels=True)
    assert not caplog.records


def test_activities_request_fields_only_for_their_labels() -> None:
    row = STREAMS["activities"]
    account = Account(ACCOUNT)
    schema = (
        schema_of(account, row) if row.columns.has_custom_fields else with_columns(row, [], True)
    )
    for name in row.columns.labels.values():
        del schema["properties"][name]
    for labels in (True, False):
        plan_of(row, schema, Definitions(account), labels)
    assert account.asked == []


def test_a_key_that_pipedrive_adds_does_not_get_into_a_custom_column() -> None:
    rows = [{"id": 1, "size": 5, "custom_fields": {SIZE: "XL"}}, {"id": 2, "size": 6}]
    assert shaped(Account(ACCOUNT), rows) == [
        {"id": 1, "pipedrive_size": 5, "size": "XL", "custom_fields": {SIZE: "XL"}},
        {"id": 2, "pipedrive_size": 6},
    ]


def test_the_standard_fields_that_the_account_lists_are_reserved() -> None:
    own = {**LABELS, "field_code": "weighted_value"}
    found = columns(Account([own, v2(SIZE, "Weighted value")]))
    assert found == {f"weighted_value_{SIZE[:6]}": SIZE}


@pytest.mark.parametrize("old", [403, [v1(1, SIZE, ""), v1(2, SIZE_2, "")]], ids=["403", "order"])
def test_the_second_field_takes_the_plain_name_once_the_first_is_deleted(old: Any) -> None:
    both = columns(Account([v2(SIZE, "Size"), v2(SIZE_2, "Size")], old))
    assert both[f"size_{SIZE_2[:6]}"] == SIZE_2
    assert columns(Account([v2(SIZE_2, "Size")], old)) == {"size": SIZE_2}


def test_hidden_definitions_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    definitions = Definitions(Account(403, 403))  # type: ignore[arg-type]
    for name in ("deals", "deals_archived"):
        assert discovered(STREAMS[name], definitions) is None
        properties = with_columns(STREAMS[name], None, labels=True)["properties"]
        assert set(properties) == set(STREAMS[name].schema["properties"])
    assert caplog.text.count("new custom fields have no columns") == 1


def test_a_temporary_failure_drops_no_column() -> None:
    with pytest.raises(StreamError):
        discovered(DEALS, Definitions(Account(503)))  # type: ignore[arg-type]


def test_a_scope_for_v1_alone_suffices() -> None:
    account = Account(403, [v1(1, TIER, "Customer tier", "enum", options=TIERS)])  # type: ignore[arg-type]
    assert columns(account) == {"customer_tier": TIER}


def shaped(
    account: Account, rows: list[Any], schema: Any = None, labels: bool = True, row: Stream = DEALS
) -> list[dict[str, Any]]:
    plan = plan_of(row, schema if schema is not None else {}, Definitions(account), labels)
    records = [dict(record) for record in plan.gather(rows)]
    plan.fill(records)
    return records


def test_configured_names_take_precedence_over_current_ones(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A renamed field keeps its column until the user refreshes the schema."""
    caplog.set_level("INFO")
    schema = schema_of(Account(ACCOUNT))
    renamed = [LABELS, v2(TIER, "Level", "enum", options=TIERS), v2(SIZE_2, "New")]
    rows = [{"id": 1, "custom_fields": {TIER: 123, SIZE: "XL", SIZE_2: "kept raw"}}]
    (record,) = shaped(Account(renamed), rows, schema)
    assert record["customer_tier"] == "Gold"
    assert record["size"] == "XL"
    assert "new" not in record
    assert record["custom_fields"] == rows[0]["custom_fields"]
    lines = [r.message for r in caplog.records]
    assert len(lines) == 1
    for part in ('"Customer tier" is now "Level" (column customer_tier)', '"New"', '"Size"'):
        assert part in lines[0]


def test_a_catalog_without_a_schema_gets_all_columns() -> None:
    (record,) = shaped(Account(ACCOUNT), [{"id": 1, "custom_fields": {TIER: 124}}])
    assert record["customer_tier"] == "Silver"


def test_a_deselected_column_stays_empty() -> None:
    schema = schema_of(Account(ACCOUNT))
    del schema["properties"]["size"], schema["properties"]["label_names"]
    rows = [{"id": 1, "label_ids": [1], "custom_fields": {TIER: 124, SIZE: "XL"}}]
    (record,) = shaped(Account(ACCOUNT), rows, schema)
    assert set(record) == {"id", "label_ids", "custom_fields", "customer_tier"}


def test_a_platform_that_drops_our_annotations_loses_no_column() -> None:
    schema = schema_of(Account(ACCOUNT))
    for name, one in schema["properties"].items():
        schema["properties"][name] = {k: v for k, v in one.items() if not k.startswith("pipe")}
    assert configured(schema) is None
    (record,) = shaped(Account(ACCOUNT), [{"id": 1, "custom_fields": {SIZE: "XL"}}], schema)
    assert record["size"] == "XL"


def test_an_account_that_had_no_fields_gets_no_columns_by_itself() -> None:
    """They appear with the next refresh of the schema; the raw object has them at once."""
    schema = schema_of(Account([LABELS]))
    assert configured(schema) == []
    (record,) = shaped(Account(ACCOUNT), [{"id": 1, "custom_fields": {SIZE: "XL"}}], schema)
    assert set(record) == {"id", "custom_fields"}


def test_standard_fields_with_options_have_a_label_column() -> None:
    schema = schema_of(Account(ACCOUNT))
    (record, bare) = shaped(
        Account(ACCOUNT), [{"id": 1, "label_ids": [2, 1], "custom_fields": None}, {"id": 2}], schema
    )
    assert record["label_names"] == ["Cold", "Hot"]
    assert bare == {"id": 2}


def test_without_labels_only_ids_remain() -> None:
    schema = schema_of(Account(ACCOUNT), labels=False)
    assert "label_names" not in schema["properties"]
    account = Account(ACCOUNT)
    (record,) = shaped(
        account, [{"id": 1, "label_ids": [1], "custom_fields": {TIER: 123}}], schema, labels=False
    )
    assert record["customer_tier"] == "123"
    assert "label_names" not in record


def test_leads_take_the_fields_of_deals() -> None:
    leads = STREAMS["leads"]
    schema = schema_of(Account(ACCOUNT), leads)
    assert "customer_tier" in schema["properties"]
    assert "custom_fields" in schema["properties"]
    (record,) = shaped(
        Account(ACCOUNT), [{"id": "a", TIER: "123", SIZE: "XL", "f" * 40: "1"}], schema, row=leads
    )
    assert record == {
        "id": "a",
        "custom_fields": {TIER: 123, SIZE: "XL", "f" * 40: "1"},
        "customer_tier": "Gold",
        "size": "XL",
    }


def test_v1_and_v2_define_a_field_alike() -> None:
    one = from_v1(v1(7, TIER, "Customer tier", "enum", options=TIERS), {})
    other = from_v2(v2(TIER, "Customer tier", "enum", options=TIERS))
    assert (one.key, one.name, one.type, one.options, one.custom) == (
        (other.key, other.name, other.type, other.options, other.custom)
    )
    assert (one.order, other.order) == (7, None)


def test_a_standard_field_is_never_taken_for_a_custom_one() -> None:
    """v1 marks some standard fields as editable."""
    assert not from_v1(v1(2, "pinned_to_deal_flag", "Pinned", "enum"), {}).custom
    assert from_v1(v1(3, "label", "Label", "set"), RENAMED).key == "label_ids"


def test_rows_of_v1_get_v2s_keys_and_keep_their_parts() -> None:
    money = v1(9, SIZE, "Price", "monetary")
    part = {
        "id": None,
        "key": f"{SIZE}_currency",
        "name": "Currency of Price",
        "field_type": "varchar",
        "is_subfield": True,
    }
    value = {**v1(3, "value", "Value", "monetary"), "edit_flag": False}
    of_value = {**part, "key": "currency", "parent_id": 3, "id_suffix": "currency"}
    (row, standard) = as_v2([part, money, value, of_value], {})
    assert [one["field_code"] for one in standard["subfields"]] == ["currency"]
    assert standard["is_custom_field"] is False
    assert row["field_code"] == SIZE
    assert row["field_name"] == "Price"
    assert row["subfields"] == [
        {"field_code": "currency", "field_name": "Currency of Price", "field_type": "varchar"}
    ]
    assert row["is_custom_field"] is True


def test_malformed_rows_are_no_fields() -> None:
    odd: list[Any] = [{}, {"field_code": None}, {"field_code": "x", "options": "many"}]
    assert set(Definitions(Account(odd)).of(DEALS.columns.definitions) or {}) == {"x"}


def test_the_vendors_examples_are_understood() -> None:
    for name in ("deals", "persons", "organizations", "products"):
        row = STREAMS[name]
        assert row.columns.definitions[0].endpoint.version == 2
        assert row.columns.definitions[0].v1_fallback is not None
        assert row.columns.definitions[0].v1_fallback.endpoint.version == 1
        assert row.columns.custom_fields == "object"
    assert {n for n, row in STREAMS.items() if row.columns.custom_fields == "inline"} == {
        "leads",
        "leads_archived",
    }
