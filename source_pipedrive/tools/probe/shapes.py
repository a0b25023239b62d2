"""Judges: which keys and types records have."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from source_pipedrive.streams import STREAMS
from source_pipedrive.tools.probe.answers import Ask, Judge, Record, Seen
from source_pipedrive.tools.probe.asks import CHANGELOG, FOLDER, GOALS, ITEMS, MAIL, STAGES
from source_pipedrive.tools.probe.findings import (
    CUSTOM,
    Finding,
    Why,
    count,
    flag,
    found,
    listed_keys,
    type_name,
    types,
    undecided,
    unexpected_keys,
    words,
)

MOST = 0.9  # the share of records that "nearly every" stands for
GOAL_TYPES = (
    "deals_won", "deals_progressed", "activities_completed", "activities_added", "deals_started",
    "revenue_forecast",
)  # fmt: skip
FORECAST = "revenue_forecast"


@cache
def known_keys() -> frozenset[str]:
    """The keys that the schemas of any stream list."""
    return frozenset(key for stream in STREAMS.values() for key in stream.schema["properties"])


def keys_known(stream: str, *asks: Ask) -> Judge:
    """Whether the schema of the stream lists every key of the records, but for custom fields."""

    def judge(seen: Seen) -> Finding:
        records = seen.records(*asks)
        if not records:
            return undecided(Why.EMPTY)
        expected = STREAMS[stream].schema["properties"]
        new = unexpected_keys(records, expected, known_keys(), seen.values)
        assert isinstance(new.value, Mapping)
        return found(new.value.keys() <= {CUSTOM}, new_keys=new, records=count(len(records)))

    return judge


def has_key(name: str, *asks: Ask) -> Judge:
    """Whether records have a key."""

    def judge(seen: Seen) -> Finding:
        records = seen.records(*asks)
        if not records:
            return undecided(Why.EMPTY)
        having = [record[name] for record in records if name in record]
        return found(len(having) == len(records), types=types(having), having=count(len(having)))

    return judge


def may_be_null(name: str, *asks: Ask) -> Judge:
    """Whether a field that usually holds an object is null in some records."""

    def judge(seen: Seen) -> Finding:
        values = [record.get(name) for record in seen.records(*asks)]
        kinds = {type_name(value) for value in values}
        facts = {"types": types(values), "null": count(values.count(None))}
        if not kinds:
            return undecided(Why.EMPTY)
        if kinds == {"object"}:
            return undecided(Why.EMPTY, **facts)
        return found(kinds <= {"object", "null"}, **facts)

    return judge


def creator_follows(ask: Ask) -> Judge:
    """Whether nearly every record has a follower."""

    def judge(seen: Seen) -> Finding:
        counts = [record.get("followers_count") for record in seen.records(ask)]
        known = [number for number in counts if isinstance(number, int)]
        if not known:
            return undecided(Why.EMPTY)
        followed = sum(number > 0 for number in known)
        facts = {"records": count(len(known)), "not_followed": count(len(known) - followed)}
        return found(followed >= MOST * len(known), **facts)

    return judge


def some_inactive(ask: Ask) -> Judge:
    """Whether a list contains inactive records."""

    def judge(seen: Seen) -> Finding:
        some = any(record.get("active_flag") is False for record in seen.records(ask))
        return found(True) if some else undecided(Why.EMPTY)

    return judge


def option_ids(ask: Ask) -> Judge:
    """Whether the ids of options are numbers or texts."""

    def judge(seen: Seen) -> Finding:
        ids = [
            option.get("id")
            for record in seen.records(ask)
            for option in record.get("options") or []
            if isinstance(option, dict)
        ]
        if not ids:
            return undecided(Why.EMPTY)
        return found({type_name(id_) for id_ in ids} <= {"integer", "string"}, types=types(ids))

    return judge


def phones_are_text(fields: Ask, *asks: Ask) -> Judge:
    """Whether values of custom fields of the type phone are plain texts."""

    def judge(seen: Seen) -> Finding:
        phones = [each for each in seen.records(fields) if each.get("field_type") == "phone"]
        codes = {each.get("field_code") for each in phones if each.get("is_custom_field") is True}
        values = [
            value
            for record in seen.records(*asks)
            for code, value in (record.get("custom_fields") or {}).items()
            if code in codes and value is not None
        ]
        if not values:
            return undecided(Why.EMPTY)
        return found({type_name(value) for value in values} == {"string"}, types=types(values))

    return judge


def forecasts(seen: Seen) -> Finding:
    """Whether there are goals of a type that goals/find does not list."""
    titles = [_inside(goal, "type", "name") for goal in seen.records(GOALS)]
    names = [str(title).lower().replace(" ", "_") for title in titles]
    if not names:
        return undecided(Why.EMPTY)
    facts = {"types": words(names, GOAL_TYPES)}
    return found(True, **facts) if FORECAST in names else undecided(Why.EMPTY, **facts)


def _inside(record: Record, *path: str) -> Any:
    value: Any = record
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def folder_is_listed(seen: Seen) -> Finding:
    """Whether the threads of a folder list it among their folders."""
    threads = [thread for thread in seen.records(MAIL) if isinstance(thread.get("folders"), list)]
    if not threads:
        return undecided(Why.EMPTY)
    return found(all(FOLDER in thread["folders"] for thread in threads))


def recent_items(ask: Ask) -> Judge:
    """Whether recent changes have the keys item, id and data, and only the items asked for."""

    def judge(seen: Seen) -> Finding:
        changes = seen.records(ask)
        if not changes:
            return undecided(Why.EMPTY)
        items = [change.get("item") for change in changes]
        whole = all({"item", "id", "data"} <= change.keys() for change in changes)
        inside = [change["data"] for change in changes if isinstance(change.get("data"), dict)]
        keys = {key for record in inside for key in record}
        facts = {
            "items": words(items, ITEMS),
            "changes": count(len(changes)),
            "keys": listed_keys(keys, known_keys()),
        }
        return found(whole and set(items) <= set(ITEMS), **facts)

    return judge


def pipelines_are_logged(seen: Seen) -> Finding:
    """Whether the changelog has an entry for each move to another pipeline."""
    entries = seen.records(CHANGELOG)
    pipeline = {str(stage.get("id")): stage.get("pipeline_id") for stage in seen.records(STAGES)}
    logged = any(entry.get("field_key") == "pipeline_id" for entry in entries)
    moves = [
        (pipeline.get(str(entry.get("old_value"))), pipeline.get(str(entry.get("new_value"))))
        for entry in entries
        if entry.get("field_key") == "stage_id"
    ]
    crossed = any(None not in move and move[0] != move[1] for move in moves)
    facts = {"entries": count(len(entries)), "moved": flag(crossed)}
    if not crossed and not logged:
        return undecided(Why.FEW_CHANGES, **facts)
    return found(logged, **facts)


def newest_first(ask: Ask, field: str) -> Judge:
    """Whether a log begins with its newest entry."""

    def judge(seen: Seen) -> Finding:
        times = [str(record[field]) for record in seen.records(ask) if record.get(field)]
        if len(set(times)) < 2:
            return undecided(Why.FEW)
        return found(times == sorted(times, reverse=True), entries=count(len(times)))

    return judge
