"""The facts of the vendor's contract: where they come from, and what does not come with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from unit_tests.contract import FACTS, FACTS_FILE, operation, vendors_folder
from unit_tests.contract.extraction import as_text, facts_of

SENTENCE = "A sentence of the vendor's, with a maximum value of 50."
LIST: dict[str, Any] = {
    "operationId": "getThings",
    "tags": ["Things", "Beta"],
    "summary": SENTENCE,
    "description": SENTENCE,
    "x-token-cost": 10,
    "security": [{"api_key": []}, {"oauth2": ["things:read", "admin"]}],
    "parameters": [
        {"in": "path", "name": "id", "required": True, "schema": {"type": "integer"}},
        {"in": "query", "name": "limit", "description": SENTENCE, "schema": {"type": "integer"}},
        {
            "in": "query",
            "name": "ids",
            "required": True,
            "description": "Multiple selection. A maximum of 7 ids.",
            "schema": {"type": "string", "enum": ["a", "b"], "example": "a,b"},
        },
    ],
    "responses": {
        "200": {
            "description": SENTENCE,
            "content": {
                "application/json": {
                    "schema": {"$ref": "#/components/schemas/Things"},
                    "example": {
                        "data": [
                            {
                                "id": 7,
                                "name": {"12": "Jane", "For you": 1},
                                "part": 0.5,
                                "at": "2030-02-03 04:05:06",
                            },
                            {
                                "id": 8,
                                "name": {"34": "John", "For us": 2},
                                "part": 0.7,
                                "at": "2031-02-03 04:05:06",
                            },
                            {"id": 9, "name": None, "part": 2.0, "at": "2031-02-33 04:05:06"},
                        ]
                    },
                }
            },
        }
    },
}
THINGS = {
    "title": SENTENCE,
    "type": "object",
    "required": ["data"],
    "properties": {
        "title": {"type": "string", "nullable": True, "description": SENTENCE},
        "data": {"type": "array", "items": {"allOf": [{"type": "object"}]}},
    },
}
WANTED = {
    "operation": "getThings",
    "tag": "Things",
    "cost": 10,
    "scopes": ["admin", "things:read"],
    "parameters": {
        "ids": {"type": "string", "enum": ["a", "b"], "most": 7, "several": True, "required": True},
        "limit": {"type": "integer", "maximum": 50},
    },
    "answer": {
        "type": "object",
        "required": ["data"],
        "properties": {
            "data": {"type": "array", "items": {"allOf": [{"type": "object"}]}},
            "title": {"type": "string", "nullable": True},
        },
    },
    "sample": {
        "data": [
            {"at": "2021-01-01 00:00:00", "id": 1, "name": {"1": "text", "text": 1}, "part": 1.5},
            {"at": "text", "id": 1, "name": None, "part": 1.0},
        ]
    },
}


def files(folder: Path, things: dict[str, Any] = THINGS, **changes: Any) -> Path:
    """A folder like the vendor's: a list in v2; in v1 a page without a token, and a POST."""
    consent = {"get": {"operationId": "authorize"}, "post": LIST}
    listed = {"get": {**LIST, **changes}}
    for version, paths in (("v1", {"/consent": consent}), ("v2", {"/things/{id}": listed})):
        document = {"paths": paths, "components": {"schemas": {"Things": things}}}
        (folder / f"openapi-{version}.yaml").write_text(yaml.safe_dump(document))
    return folder


def texts(value: Any) -> Iterator[str]:
    """Every text in a JSON value, the keys included."""
    if isinstance(value, dict):
        yield from value
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from texts(each)
    elif isinstance(value, str):
        yield value


def test_the_facts_come_without_the_sentences(tmp_path: Path) -> None:
    assert facts_of(files(tmp_path)) == {"v2 /things/{id}": WANTED}


def test_what_is_deprecated_says_so(tmp_path: Path) -> None:
    facts = facts_of(files(tmp_path, deprecated=True))
    assert facts["v2 /things/{id}"]["deprecated"] is True


def test_a_new_keyword_is_not_lost(tmp_path: Path) -> None:
    """It may forbid something; whoever runs the command decides."""
    with pytest.raises(ValueError, match=r"'dependentRequired' in .*: is it a fact or prose"):
        facts_of(files(tmp_path, {**THINGS, "dependentRequired": {}}))


def test_the_file_holds_no_sentence() -> None:
    """Those are the vendor's."""
    times = {"2021-01-01 00:00:00", "2021-01-01T00:00:00Z"}
    endpoints = {text for name in FACTS for text in (name, name.partition(" ")[2])}
    assert {t for t in texts(FACTS) if " " in t} - times - endpoints == {"not opened"}
    assert max(len(text) for text in set(texts(FACTS)) - endpoints) < 60


def test_the_file_is_as_the_command_writes_it() -> None:
    assert FACTS_FILE.read_text("utf-8") == as_text(FACTS), "run `make contract`"


def test_a_path_with_ids_is_one_with_placeholders() -> None:
    assert operation("v2", "/deals/7/followers") is FACTS["v2 /deals/{id}/followers"]
    with pytest.raises(LookupError, match="declares no GET"):
        operation("v1", "/deals")


def test_the_facts_are_still_those_of_the_vendors_files() -> None:
    folder = vendors_folder()
    if not folder:
        pytest.skip("did not run: PIPEDRIVE_OPENAPI names no folder with the vendor's files")
    found = facts_of(folder)
    assert {name for name in found | FACTS if found.get(name) != FACTS.get(name)} == set(), (
        "run `make contract` and read the diff"
    )
