"""Personal data is removed or hashed: the settings, the hashes, and the rules of a stream."""

from __future__ import annotations

import json
import logging
import unicodedata
from collections.abc import Sequence
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.config.model import Config
from source_pipedrive.config.parsing import parse
from source_pipedrive.config.privacy import PRESETS
from source_pipedrive.fields.definitions import Definitions
from source_pipedrive.http.errors import CONFIG, StreamError
from source_pipedrive.http.shapes import Shape, are_shaped
from source_pipedrive.privacy.hashing import Hasher, normalized
from source_pipedrive.privacy.privacy import Privacy, Protection, privacy_of
from source_pipedrive.reading.records import Plan
from source_pipedrive.reading.shaping import Shaping
from source_pipedrive.stream.personal import Personal, personal_columns
from source_pipedrive.streams import STREAMS

KEY = "a key of 16 characters".replace(" ", "-")
PHONE, SCORE, TEXT, OWNER, NEW_TYPE, UNKNOWN = (letter * 40 for letter in "abcdef")
TIER, TAGS = "1" * 40, "2" * 40
TYPES = {
    PHONE: "phone",
    SCORE: "double",
    TEXT: "varchar",
    OWNER: "people",
    NEW_TYPE: "hologram",
    TIER: "enum",
    TAGS: "set",
}
NAMES = {
    PHONE: "Private phone",
    SCORE: "Score",
    TEXT: "A, b = c",
    OWNER: "Owner",
    NEW_TYPE: "New",
    TIER: "Tier",
    TAGS: "Tags",
}
OPTIONS = [
    {"id": 7, "label": "Gold"},
    {"id": 8, "label": "Silver, old"},
    {"id": "pt", "label": "Platinum"},
]
FIELDS = [
    {
        "field_code": key,
        "field_name": NAMES[key],
        "field_type": kind,
        "is_custom_field": True,
        "options": OPTIONS if kind in ("enum", "set") else None,
    }
    for key, kind in TYPES.items()
]
hashed = Hasher(KEY)


def config(**changes: Any) -> Config:
    keys = {"auth_type": "api_token", "api_token": "token"}
    return parse({"credentials": keys, "privacy": {"mode": "on", "key": KEY, **changes}})


def definitions() -> Definitions:
    return Definitions(lambda stream: FIELDS)


def privacy(**changes: Any) -> Privacy:
    found = privacy_of(config(**changes).privacy, definitions(), STREAMS)
    assert found is not None
    return found


def protection(stream: str, **changes: Any) -> Protection:
    return privacy(**changes).protection(STREAMS[stream], {})


def left(stream: str, record: dict[str, Any], **changes: Any) -> dict[str, Any]:
    (found,) = protection(stream, **changes).records([record])
    return found


# -- settings


def test_nothing_is_protected_by_default() -> None:
    plain = parse({"credentials": {"auth_type": "api_token", "api_token": "token"}})
    assert privacy_of(plain.privacy, definitions(), STREAMS) is None
    assert not plain.privacy.hides_names
    assert not plain.privacy.hides_words


def test_all_presets_are_on_if_none_is_named() -> None:
    assert tuple(config().privacy.presets) == PRESETS  # type: ignore[union-attr]
    assert config().privacy.hides_names
    assert not config(presets=["notes"]).privacy.hides_names


@pytest.mark.parametrize(
    ("columns", "hidden"),
    [("users.name", True), ("users.name=remove", True), ("users.name=keep", False), ("", False)],
)
def test_who_protects_the_names_of_users_alone_has_none_in_the_log(
    columns: str, hidden: bool
) -> None:
    assert config(presets=[], columns=columns).privacy.hides_names is hidden


@pytest.mark.parametrize(
    ("changes", "hidden"),
    [
        ({}, True),
        ({"presets": ["notes"]}, True),
        ({"presets": []}, False),
        ({"presets": [], "columns": "persons.birthday=remove"}, True),
        ({"presets": [], "columns": "persons.birthday=keep"}, False),
    ],
)
def test_pipedrives_words_are_hidden_as_soon_as_anything_is_protected(
    changes: dict[str, Any], hidden: bool
) -> None:
    assert config(**changes).privacy.hides_words is hidden


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"key": ""}, "privacy.key is missing"),
        ({"key": "short"}, "privacy.key is too short"),
        ({"key": "a" * 40}, "privacy.key repeats a few characters"),
        ({"key": "1234512345123451"}, "privacy.key repeats a few characters"),
        ({"key": "", "action": "remove", "columns": "deals.title=hash"}, "privacy.key is missing"),
        ({"columns": "title=hash"}, '"title=hash" names no column'),
        ({"columns": "deals.=hash"}, "names no column"),
        (
            {"columns": "a.title=blur"},
            '"a.title=blur" has an unknown action. Use hash, remove or keep',
        ),
        ({"columns": f"deals.title={KEY}"}, "an entry has an unknown action"),
        ({"columns": KEY}, "an entry names no column"),
        ({"colums": "persons.birthday"}, "did you mean `privacy.columns`?"),
        ({"presents": ["notes"]}, "did you mean `privacy.presets`?"),
        ({"columns": "deals.title, deals.title=keep"}, "names deals.title twice"),
        ({"columns": "deals.title=remove, deals . title=keep"}, "names deals.title twice"),
        ({"presets": ["shoe_sizes"]}, "privacy.presets"),
        ({"action": "blur"}, "privacy.action"),
        ({"mode": "maybe"}, 'privacy.mode "maybe" is not valid. Use "off" or "on"'),
    ],
)
def test_a_wrong_setting_is_explained(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(AirbyteTracedException) as error:
        config(**changes)
    assert sentence in str(error.value)
    assert KEY not in str(error.value)


def test_no_key_is_needed_to_remove() -> None:
    assert "name" not in left("persons", {"id": 1, "name": "Bob"}, key="", action="remove")


def test_the_key_is_in_no_repr() -> None:
    assert KEY not in repr(config())


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ("deal.title", 'there is no stream "deal"; did you mean "deals"?'),
        ("deals.titel", 'has no column "titel"; did you mean "title"?'),
        ("deals.Privat phone", 'has no column "Privat phone"; did you mean "Private phone"?'),
        ("persons.id=remove", "persons.id is a key or a time"),
        ("persons.org_id=hash", "persons.org_id is a key or a time"),
        ("deals.label_ids=remove", "deals.label_ids is a key or a time"),
        ("deals.update_time=remove", "deals.update_time is a key or a time"),
        ("deals.is_deleted=remove", "deals.is_deleted is a key or a time"),
        ("lead_sources.name=hash", "lead_sources.name is a key or a time"),
        ("mail_threads.last_message_timestamp=remove", "is a key or a time"),
        (
            "deals.Private phone=remove, leads.Private phone=keep",
            "leads.Private phone=keep contradicts another entry for the same custom field",
        ),
        (f"deals.private_phone=keep, deals.{PHONE}=hash", "contradicts another entry"),
        ("deals.custom_fields=keep", "deals.custom_fields holds many fields"),
    ],
)
def test_a_column_that_does_not_exist_or_has_to_stay_is_named(columns: str, sentence: str) -> None:
    with pytest.raises(AirbyteTracedException) as error:
        privacy(columns=columns)
    assert sentence in str(error.value)


@pytest.mark.parametrize(
    "column",
    [
        "activities.conference_meeting_id",
        "deals.origin_id",
        "leads.channel_id",
        "files.remote_id",
        "deal_mail_messages.mua_message_id",
    ],
)
def test_ids_of_other_programs_can_be_protected(column: str) -> None:
    """Nothing is joined on them, and they may lead to a person."""
    stream, _, name = column.partition(".")
    assert left(stream, {"id": 1, name: "x"}, presets=[], columns=f"{column}=remove") == {"id": 1}


def test_a_name_that_nobody_can_look_up_is_not_called_missing() -> None:
    def refused(stream: Any) -> Any:
        raise StreamError("refused", CONFIG, status=403)

    with pytest.raises(AirbyteTracedException) as error:
        privacy_of(config(columns="deals.Score=hash").privacy, Definitions(refused), STREAMS)
    assert "may not see the custom fields, so name them by their keys" in str(error.value)


def test_two_choices_for_one_field_may_agree() -> None:
    found = privacy(presets=[], columns="deals.Score=remove, leads.Score=remove")
    (deal,) = found.protection(STREAMS["deals"], {}).records([{"custom_fields": {SCORE: 5}}])
    assert deal == {"custom_fields": {}}


def test_a_key_of_a_deleted_field_is_accepted_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING, "airbyte"):
        found = privacy(columns=f"deals.{UNKNOWN}=remove", presets=[])
    assert UNKNOWN in caplog.text
    entry = {"deal_id": 1, "field_key": UNKNOWN, "old_value": "x"}
    (record,) = found.protection(STREAMS["deal_changelog"], {}).records([entry])
    assert record == {"deal_id": 1, "field_key": UNKNOWN}


# -- hashes


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        (Personal.EMAIL, " Bob@Example.com ", "bob@example.com"),
        (None, "Bob@Example.com", "bob@example.com"),
        (Personal.PHONE, "+372 (555) 01-23", "+372.555.0123"),
        (Personal.PHONE, "00372 555 0123", "+3725550123"),
        (Personal.PHONE, "(00372) 5550123", "+3725550123"),
        (Personal.PHONE, "(+372) 5550123", "+3725550123"),
        (Personal.NAME, " Bob", "Bob"),
    ],
)
def test_values_that_mean_the_same_have_one_hash(
    kind: Personal | None, one: str, other: str
) -> None:
    assert hashed(one, kind) == hashed(other, kind)
    assert normalized(other, kind) in (other, "+3725550123")


def test_other_values_and_other_keys_have_other_hashes() -> None:
    known = {hashed(text) for text in ("Bob", "bob", "+1", "1", "é", "e")}
    assert len(known) == 6
    assert Hasher("another key of 16").__call__("Bob") != hashed("Bob")
    assert all(len(each) == 32 and int(each, 16) >= 0 for each in known)


def test_a_text_that_is_no_unicode_can_be_hashed() -> None:
    assert len(hashed("\ud800")) == 32


# -- records


def test_a_list_keeps_its_shape_when_its_values_are_hashed() -> None:
    emails = [{"value": "BOB@x.com", "primary": True, "label": "work", "new": "Bob"}]
    found = left("persons", {"id": 1, "emails": emails, "new": "Bob"})
    assert found == {
        "id": 1,
        "emails": [{"value": hashed("bob@x.com"), "primary": True, "label": "work"}],
    }


def test_a_value_in_another_shape_than_documented_is_protected() -> None:
    person = {"id": 1, "name": ["Bob"], "emails": "bob@x.com", "phones": [5], "postal_address": 7}
    found = left("persons", person)
    assert found["emails"] == hashed("bob@x.com")
    assert found["name"] == hashed('["Bob"]')
    assert found["phones"] == [hashed("5")]
    assert "postal_address" not in found


SHAPES = ("canary", ["canary"], {"x": "canary"}, [[{"x": "canary"}]], [{"x": ["canary"]}, "canary"])


@pytest.mark.parametrize("name", [name for name in STREAMS if personal_columns(name)])
@pytest.mark.parametrize("action", ["hash", "remove"])
def test_no_shape_of_a_value_lets_it_through(name: str, action: str) -> None:
    """Whatever Pipedrive sends at the place of a personal value, or above it."""
    found = protection(name, action=action)
    for path in personal_columns(name):
        steps = path.replace("/*", "").replace("/", ".").split(".")
        for depth in range(1, len(steps) + 1):
            for value in SHAPES:
                record = nested(steps[:depth], value)
                assert "canary" not in json.dumps(found.records([record])), (path, record)


def nested(steps: Sequence[str], value: Any) -> dict[str, Any]:
    return {steps[0]: value if len(steps) == 1 else nested(steps[1:], value)}


@pytest.mark.parametrize(
    ("value", "protected"),
    [(7, 7), ("Bob", hashed("Bob")), ({"value": 7, "name": "Bob"}, {"value": 7})],
)
def test_a_link_may_be_an_id_or_an_object(value: Any, protected: Any) -> None:
    found = left("deal_participants", {"id": 1, "person_id": value})
    expected = {**protected, "name": hashed("Bob")} if isinstance(value, dict) else protected
    assert found == {"id": 1, "person_id": expected}


def test_nulls_and_empty_texts_stay() -> None:
    person = {"id": 1, "name": "", "emails": [{"value": None}], "phones": None}
    assert left("persons", person) == person


def test_an_address_keeps_no_text_and_no_coordinates() -> None:
    address = {"value": "1 High Street", "lat": 1.5, "country": "UK", "route": None}
    found = left("organizations", {"id": 1, "address": address})
    hashes = {"value": hashed("1 High Street"), "country": hashed("UK"), "route": None}
    assert found["address"].items() <= hashes.items()
    assert "lat" not in found["address"]
    assert "address" not in left("organizations", {"id": 1, "address": address}, action="remove")


def test_only_the_named_presets_are_on() -> None:
    person = {"id": 1, "name": "Bob", "notes": "likes tea"}
    assert left("persons", person, presets=["notes"]) == {**person, "notes": hashed("likes tea")}


def test_a_choice_wins_over_the_presets() -> None:
    person = {"id": 1, "name": "Bob", "first_name": "Bob", "birthday": "2000-01-01"}
    chosen = "persons.name=keep, persons.first_name=remove\npersons.birthday"
    found = left("persons", person, columns=chosen)
    assert found == {"id": 1, "name": "Bob", "birthday": hashed("2000-01-01")}


def test_a_choice_for_a_list_of_objects_hashes_their_values() -> None:
    emails = {"id": 1, "emails": [{"value": "b@x.com", "primary": True}]}
    assert left("persons", emails, presets=[], columns="persons.emails=hash") == {
        "id": 1,
        "emails": [{"value": hashed("b@x.com"), "primary": True}],
    }
    assert left("persons", emails, presets=[], columns="persons.emails=remove") == {"id": 1}


@pytest.mark.parametrize("stream", ["deals", "deals_archived"])
def test_a_choice_for_a_list_holds_for_its_archive(stream: str) -> None:
    assert left(stream, {"id": 1, "title": "x"}, presets=[], columns="deals.title=remove") == {
        "id": 1
    }


# -- custom fields


@pytest.mark.parametrize(
    ("key", "value", "protected"),
    [
        (PHONE, "+372 555", hashed("+372555")),
        (SCORE, 5, 5),
        (SCORE, "-5.5", "-5.5"),
        (SCORE, {"value": 5, "currency": "EUR"}, {"value": 5, "currency": "EUR"}),
        (
            SCORE,
            {"value": "2026-01-31", "until": "9:30:00", "timezone_name": "America/Port-au-Prince"},
            {"value": "2026-01-31", "until": "9:30:00", "timezone_name": "America/Port-au-Prince"},
        ),
        (SCORE, "2026-01-31 09:30:00", "2026-01-31 09:30:00"),
        (SCORE, "", ""),
        (SCORE, "Bob", hashed("Bob")),
        (SCORE, "+372 555", hashed("+372 555")),
        (SCORE, [{"value": "Bob Hall"}, 1], [{"value": hashed("Bob Hall")}, 1]),
        (TEXT, "b@X.com", hashed("b@x.com")),
        (OWNER, 7, 7),
        (OWNER, {"value": 7, "name": "Bob"}, {"value": 7}),
        (NEW_TYPE, "Bob", hashed("Bob")),
        (UNKNOWN, "Bob", hashed("Bob")),
        (
            UNKNOWN,
            {"value": 5, "currency": "EUR"},
            {"value": hashed("5"), "currency": hashed("EUR")},
        ),
        (PHONE, None, None),
        (TIER, 7, 7),
        (TIER, "7", "7"),
        (TIER, "Gold", "Gold"),
        (TIER, "pt", "pt"),
        (TIER, {"id": 7, "label": "Gold"}, {"id": 7, "label": "Gold"}),
        (TIER, 99, 99),
        (TIER, True, True),
        (TIER, "", ""),
        (TIER, "Bob Hall", hashed("Bob Hall")),
        (TIER, {"id": 99, "label": "Bob"}, {"id": 99, "label": hashed("Bob")}),
        (TAGS, [7, 8], [7, 8]),
        (TAGS, "7,8", "7,8"),
        (TAGS, ["Gold", "Silver, old", "99"], ["Gold", "Silver, old", "99"]),
        (TAGS, ["Gold", "Bob"], ["Gold", hashed("Bob")]),
        (TAGS, "7,Bob", hashed("7,Bob")),
    ],
)
def test_the_type_of_a_custom_field_decides(key: str, value: Any, protected: Any) -> None:
    found = left("deals", {"id": 1, "custom_fields": {key: value}})
    assert found == {"id": 1, "custom_fields": {key: protected}}


@pytest.mark.parametrize("name", ["Private phone", "private_phone", PHONE])
def test_a_custom_field_has_three_names(name: str) -> None:
    found = privacy(presets=[], columns=f"deals.{name}=remove")
    record = {"id": 1, "custom_fields": {PHONE: "1", SCORE: 2}, "private_phone": "1", "score": 2}
    plan = found.protection(STREAMS["deals"], {"private_phone": PHONE, "score": SCORE})
    assert plan.records([record]) == [{"id": 1, "custom_fields": {SCORE: 2}, "score": 2}]
    (lead,) = found.protection(STREAMS["leads"], {}).records([{"id": "u", PHONE: "1", SCORE: 2}])
    assert lead == {"id": "u", SCORE: 2}


def test_no_field_passes_if_the_definitions_cannot_be_seen() -> None:
    def refused(stream: Any) -> Any:
        raise StreamError("refused", CONFIG, status=403)

    found = privacy_of(config().privacy, Definitions(refused), STREAMS)
    assert found is not None
    (record,) = found.protection(STREAMS["deals"], {}).records([{"custom_fields": {SCORE: 5}}])
    assert record == {"custom_fields": {SCORE: hashed("5")}}


# -- changelogs


@pytest.mark.parametrize(
    ("stream", "field", "value", "protected"),
    [
        ("person_changelog", "email", "BOB@x.com", hashed("bob@x.com")),
        ("person_changelog", "phone", "+1 2", hashed("+12")),
        ("person_changelog", "name", "Bob", hashed("Bob")),
        ("person_changelog", "postal_address_locality", "Tallinn", hashed("Tallinn")),
        ("person_changelog", PHONE, "+1 2", hashed("+12")),
        ("person_changelog", SCORE, "5", "5"),
        ("person_changelog", SCORE, "Bob", hashed("Bob")),
        ("person_changelog", f"{SCORE}_currency", "EUR", "EUR"),
        ("person_changelog", TIER, "7", "7"),
        # The field was one for text.
        ("person_changelog", TIER, "Bob", hashed("Bob")),
        ("person_changelog", UNKNOWN, "Bob", hashed("Bob")),
        ("person_changelog", f"{UNKNOWN}_locality", "Tallinn", hashed("Tallinn")),
        ("person_changelog", "owner_id", "7", "7"),
        ("deal_changelog", "title", "Bob deal", hashed("Bob deal")),
        ("deal_changelog", "stage_id", "7", "7"),
        ("organization_changelog", "address", "1 High Street", hashed("1 High Street")),
        ("organization_changelog", "name", None, None),
    ],
)
def test_a_changelog_is_protected_like_the_field(
    stream: str, field: str, value: Any, protected: Any
) -> None:
    entry = {"field_key": field, "old_value": value, "new_value": value}
    assert left(stream, entry) == {**entry, "old_value": protected, "new_value": protected}


def test_text_in_a_field_for_numbers_is_removed_without_its_number() -> None:
    record = {"id": 1, "custom_fields": {SCORE: {"value": 5, "currency": "Bob"}}}
    found = left("deals", record, action="remove")
    assert found == {"id": 1, "custom_fields": {SCORE: {"value": 5}}}


def test_the_changelog_of_projects_is_protected_field_by_field() -> None:
    entry = {"project_id": 1, "old_values": {"title": "Bob", "status": "open", TEXT: "x"}}
    assert left("project_changelog", entry)["old_values"] == {
        "title": hashed("Bob"),
        "status": "open",
        TEXT: hashed("x"),
    }
    removed = left("project_changelog", entry, action="remove")
    assert removed["old_values"] == {"status": "open"}


def test_a_choice_reaches_the_changelog() -> None:
    entry = {"field_key": "value", "old_value": "5", "new_value": "6"}
    chosen = {"presets": [], "columns": "deals.value=remove"}
    assert left("deal_changelog", entry, **chosen) == {"field_key": "value"}


# -- schemas


def test_the_schema_tells_what_leaves() -> None:
    stream = STREAMS["persons"]
    settings = {"columns": "persons.birthday=hash, persons.notes=remove"}
    properties = privacy(**settings).schema(stream, stream.schema)["properties"]
    assert "notes" not in properties
    assert properties["birthday"]["type"] == ["null", "string"]
    assert "format" not in properties["birthday"]
    assert properties["emails"]["items"]["properties"].keys() == {"value", "primary", "label"}
    removed = privacy(action="remove").schema(stream, stream.schema)["properties"]
    assert not {"name", "emails", "phones", "postal_address"} & removed.keys()
    assert "org_id" in removed


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("action", ["hash", "remove"])
def test_no_key_and_no_time_is_lost_from_a_schema(name: str, action: str) -> None:
    stream = STREAMS[name]
    properties = privacy(action=action).schema(stream, stream.schema)["properties"]
    assert {*stream.key, *filter(None, [stream.cursor_field])} <= properties.keys()


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("action", ["hash", "remove"])
def test_a_schema_is_outdated_until_it_is_refreshed(name: str, action: str) -> None:
    stream, found = STREAMS[name], privacy(action=action, columns="users.last_login=hash")
    new = found.schema(stream, stream.schema)
    assert not found.is_outdated(stream, new)
    assert found.is_outdated(stream, stream.schema) is (
        json.dumps(new["properties"]) != json.dumps(stream.schema["properties"])
    )
    assert not found.is_outdated(stream, {})


def test_only_what_changes_makes_a_schema_outdated() -> None:
    users = STREAMS["users"]
    assert not privacy().is_outdated(users, users.schema)
    assert privacy(action="remove").is_outdated(users, users.schema)


def test_the_log_says_what_is_protected(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "airbyte"):
        privacy(presets=["names", "notes"], columns="persons.birthday=remove")
    assert caplog.messages == [
        "Personal data is hashed: names, notes. Single columns: persons.birthday=remove."
    ]


# -- the one place where it happens


def test_structs_are_protected_like_dictionaries() -> None:
    body = b'{"data": [{"id": 1, "name": "Bob", "new": "x"}, {"id": 2, "name": null}]}'
    shape, stream = Shape(["id"]), STREAMS["persons"]
    dictionaries = shape.decode(body, "persons")["data"]
    structs = shape.decode(body, "persons")["data"]
    assert are_shaped(structs)
    assert not are_shaped(dictionaries)
    shaping = Shaping(stream, 7, None, {}, privacy=privacy())
    expected = [{"id": 1, "name": hashed("Bob")}, {"id": 2}]
    assert shaping.records(dictionaries) == expected
    assert shaping.records(structs) == expected


def test_a_stream_without_personal_data_keeps_the_fast_path() -> None:
    stages = protection("stages")
    assert stages.is_idle({*STREAMS["stages"].schema["properties"]})
    assert not stages.is_idle(["id", "new_key"])
    assert Plan(STREAMS["stages"], 7, protection=stages).shape([{"id": 1, "new_key": 2}]) == [
        {"id": 1}
    ]


# -- what Pipedrive does not document


@pytest.mark.parametrize("field", ["person_name", "next_activity_subject", "hobby", None])
@pytest.mark.parametrize("action", ["hash", "remove"])
def test_a_changed_field_that_nobody_knows_is_protected(field: str | None, action: str) -> None:
    entry = {"deal_id": 1, "field_key": field, "old_value": "canary", "new_value": ["canary"]}
    assert "canary" not in json.dumps(left("deal_changelog", entry, action=action))
    del entry["field_key"]
    assert "canary" not in json.dumps(left("deal_changelog", entry, action=action))


@pytest.mark.parametrize("field", ["stage_id", "label", "user_id", "add_time", "products_count"])
def test_fields_that_hold_ids_times_and_numbers_stay_in_changelogs(field: str) -> None:
    entry = {"deal_id": 1, "field_key": field, "old_value": "7", "new_value": None}
    assert left("deal_changelog", entry) == entry


@pytest.mark.parametrize("value", ["canary", ["canary"], [{"title": "canary"}], {"x": "canary"}])
@pytest.mark.parametrize("action", ["hash", "remove"])
def test_no_shape_lets_values_through_the_changelog_of_projects(value: Any, action: str) -> None:
    entry = {"project_id": 1, "old_values": value, "new_values": value}
    assert "canary" not in json.dumps(left("project_changelog", entry, action=action))


@pytest.mark.parametrize(
    ("value", "protected"),
    [
        ("7", "7"),
        ("7,8", "7,8"),
        ([{"value": 7, "name": "Bob"}, 8], [{"value": 7}, 8]),
        ([["Bob"]], [[]]),
        ({"id": "Bob"}, {}),
        ("2bb52d7a-8a2b-4c5b-9d37-0a5b6a1f4e11",) * 2,
    ],
)
def test_a_link_leaves_as_an_id_only(value: Any, protected: Any) -> None:
    found = left("deals", {"id": 1, "custom_fields": {OWNER: value}})
    assert found == {"id": 1, "custom_fields": {OWNER: protected}}


def test_the_name_of_a_linked_record_does_not_leave() -> None:
    found = left("deals", {"id": 1, "custom_fields": {OWNER: "Bob"}})
    assert found == {"id": 1, "custom_fields": {}}
    entry = {"deal_id": 1, "field_key": OWNER, "old_value": "Bob", "new_value": "7"}
    assert left("deal_changelog", entry) == {"deal_id": 1, "field_key": OWNER, "new_value": "7"}


@pytest.mark.parametrize("kind", [None, *Personal])
@pytest.mark.parametrize("one", ["Andr\u00e9", "J\u00d6RG@x.com"])
def test_two_ways_to_write_an_accent_have_one_hash(kind: Personal | None, one: str) -> None:
    other = unicodedata.normalize("NFD", one)
    assert other != one
    assert hashed(other, kind) == hashed(one, kind)


@pytest.mark.parametrize("blank", ["", " ", "\u00a0\n"])
def test_blanks_have_no_hash(blank: str) -> None:
    assert left("persons", {"id": 1, "name": blank}) == {"id": 1, "name": blank}


@pytest.mark.parametrize("action", ["hash", "remove"])
def test_custom_fields_inside_the_changelog_of_projects_are_protected(action: str) -> None:
    values = {"custom_fields": {TEXT: "canary", SCORE: 5}, "person_ids": [7]}
    found = left("project_changelog", {"project_id": 1, "new_values": values}, action=action)
    assert "canary" not in json.dumps(found)
    assert found["new_values"]["custom_fields"][SCORE] == 5
    assert found["new_values"]["person_ids"] == [7]


def test_a_changelog_has_no_name_in_place_of_an_id() -> None:
    entry = {"deal_id": 1, "field_key": "person_id", "old_value": "Bob", "new_value": "[7, 8]"}
    assert left("deal_changelog", entry) == {
        "deal_id": 1,
        "field_key": "person_id",
        "new_value": "[7, 8]",
    }


@pytest.mark.parametrize(
    ("stream", "column", "copy"),
    [
        ("persons", "emails", "primary_email"),
        ("persons", "phones", "primary_phone"),
        ("leads", "value", "value_amount"),
        ("leads_archived", "value", "value_currency"),
        ("activities", "outcome", STREAMS["activities"].columns.labels["outcome"]),
    ],
)
def test_a_choice_holds_for_the_columns_that_repeat_a_part_or_the_label(
    stream: str, column: str, copy: str
) -> None:
    record = {"id": 1, copy: "canary"}
    of = stream.removesuffix("_archived")
    for action, gone in (("remove", {"id": 1}), ("hash", {"id": 1, copy: hashed("canary")})):
        assert left(stream, record, presets=[], columns=f"{of}.{column}={action}") == gone
    both = f"{of}.{column}=remove, {of}.{copy}=keep"
    assert left(stream, record, presets=[], columns=both) == record


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        *((name, "privacy") for name in ("privcy", "Privacy", "privacy_")),
        ("presets", "privacy.presets"),  # beside the object that it belongs into
        ("colums", "privacy.columns"),
    ],
)
def test_a_misspelt_setting_never_lets_data_through(name: str, meant: str) -> None:
    """A warning would be read when the data have left."""
    keys = {"auth_type": "api_token", "api_token": "token"}
    with pytest.raises(AirbyteTracedException) as error:
        parse({"credentials": keys, name: {"mode": "on", "key": KEY}})
    assert str(error.value) == f"`{name}` is not a setting; did you mean `{meant}`?"
    assert error.value.failure_type is CONFIG


LINKED = {"id": 3, "value": 3, "name": "canary", "email": "canary@x.com"}


@pytest.mark.parametrize(
    ("stream", "column"),
    [
        *(("deals", name) for name in ("person_id", "org_id", "owner_id", "creator_user_id")),
        *(("persons", name) for name in ("org_id", "owner_id", "picture_id")),
        *(("organizations", "owner_id"), ("activities", "owner_id"), ("leads", "person_id")),
        *(("notes", "user_id"), ("files", "user_id"), ("deal_products", "product_id")),
    ],
)
def test_an_object_in_place_of_an_id_leaves_with_its_id_only(stream: str, column: str) -> None:
    """v1 has such objects, and v2 once had."""
    assert left(stream, {column: LINKED}) == {column: {"id": 3, "value": 3}}
    assert left(stream, {column: 3}) == {column: 3}


def test_objects_in_a_list_of_ids_leave_with_their_ids_only() -> None:
    record = {"id": 1, "label_ids": [LINKED, 5, [LINKED]]}
    found = {"id": 1, "label_ids": [{"id": 3, "value": 3}, 5, [{"id": 3, "value": 3}]]}
    assert left("deals", record) == found


def test_an_object_in_place_of_an_id_in_a_struct_keeps_its_id_only() -> None:
    stream = STREAMS["stages"]
    plan = Plan(stream, 7, protection=privacy().protection(stream, {}))
    shape = Shape(["id"])
    body = json.dumps({"data": [{"id": 1, "pipeline_id": LINKED}]}).encode()
    shape.decode(body, "stages")
    structs = shape.decode(body, "stages")["data"]
    assert are_shaped(structs)
    assert plan.shape_structs(structs) == [{"id": 1, "pipeline_id": {"id": 3, "value": 3}}]
