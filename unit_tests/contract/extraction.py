"""Extracts the facts for facts.json from the vendor's OpenAPI files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from unit_tests.contract import Json

WIDTH = 100

# Keywords of a schema that can be checked, and those that hold prose or illustrations.
WITH_SCHEMAS = ("allOf", "anyOf", "oneOf")
FACTS = (
    *("type", "format", "enum", "nullable", "required", "maximum", "minimum"),
    *("maxItems", "minItems", "uniqueItems", "maxLength", "minLength", "pattern"),
)
PROSE = ("description", "title", "example", "examples", "default")

# Facts that the vendor states only in the description of a parameter.
MAXIMUM = re.compile(r"maximum value of (\d+)")
MOST = re.compile(r"maximum of (\d+)")
SEVERAL = "Multiple selection"

# The text formats that a schema may require, and the neutral text for each in a sample.
TIMES = {
    re.compile(r"\d{4}-\d\d-\d\d"): "2021-01-01",
    re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"): "2021-01-01 00:00:00",
    re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"): "2021-01-01T00:00:00Z",
}


def facts_of(folder: Path) -> dict[str, Json]:
    """The facts of every GET in `openapi-v1.yaml` and `openapi-v2.yaml`, by version and path.

    Raises ValueError if a schema has an unknown keyword, which may be a fact.
    """
    found = {}
    for version in ("v1", "v2"):
        file = folder / f"openapi-{version}.yaml"
        document = yaml.load(file.read_bytes(), yaml.CSafeLoader)
        for path, methods in sorted(document["paths"].items()):
            declared = methods.get("get")
            if declared and "security" in declared:  # the consent page has none
                found[f"{version} {path}"] = dict(operation(document, declared))
    return found


def operation(document: Json, declared: Json) -> Iterator[tuple[str, Any]]:
    """The facts of one operation, by name."""
    yield "operation", declared["operationId"]
    yield "tag", declared["tags"][0]
    if declared.get("deprecated"):
        yield "deprecated", True
    yield "cost", declared["x-token-cost"]
    [scopes] = [each["oauth2"] for each in declared["security"] if "oauth2" in each]
    yield "scopes", sorted(scopes)
    query = {each["name"]: each for each in declared.get("parameters", ()) if each["in"] == "query"}
    yield "parameters", {name: parameter(document, query[name]) for name in sorted(query)}
    content = declared["responses"]["200"]["content"].get("application/json")
    if content:  # a download has none
        yield "answer", schema(document, content["schema"])
        yield "sample", neutral(content.get("example") or content["schema"]["example"])


def parameter(document: Json, declared: Json) -> Json:
    """The facts of a parameter, including those in its description."""
    fact = schema(document, declared["schema"])
    prose = declared.get("description", "")
    if told := MAXIMUM.search(prose):
        fact.setdefault("maximum", int(told[1]))
    if told := MOST.search(prose):
        fact["most"] = int(told[1])
    if SEVERAL in prose:
        fact["several"] = True
    if declared.get("required"):
        fact["required"] = True
    return fact


def schema(document: Json, declared: Json) -> Json:
    """A schema without prose, with references replaced by their targets."""
    if "$ref" in declared:
        target: Any = document
        for part in declared["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return schema(document, target)
    fact: Json = {}
    for keyword, value in sorted(declared.items()):
        if keyword == "properties":
            fact[keyword] = {name: schema(document, value[name]) for name in sorted(value)}
        elif keyword == "items":
            fact[keyword] = schema(document, value)
        elif keyword in WITH_SCHEMAS:
            fact[keyword] = [schema(document, each) for each in value]
        elif keyword == "additionalProperties":
            fact[keyword] = schema(document, value) if isinstance(value, dict) else value
        elif keyword in FACTS:
            fact[keyword] = value
        elif keyword not in PROSE:
            raise ValueError(f"{keyword!r} in {declared}: is it a fact or prose?")
    return fact


def neutral(value: Any) -> Any:
    """A neutral value of the same form as `value`."""
    if isinstance(value, dict):
        return {neutral_name(name): neutral(value[name]) for name in sorted(value)}
    if isinstance(value, list):
        different: list[Any] = []
        for each in map(neutral, value):
            if not any(json.dumps(each) == json.dumps(one) for one in different):
                different.append(each)
        return different
    if isinstance(value, str):
        return next((time for form, time in TIMES.items() if is_time(form, value)), "text")
    if isinstance(value, float):
        return 1.0 if value.is_integer() else 1.5  # JSON schema takes 1.0 for an integer
    return 1 if type(value) is int else value


def neutral_name(name: str) -> str:
    """The key itself, unless it is an id or text for users."""
    if name.isdigit():
        return "1"
    return name if re.fullmatch(r"\w+", name) else "text"


def is_time(form: re.Pattern[str], value: str) -> bool:
    """Whether a text has the form and is a valid time."""
    try:
        return bool(form.fullmatch(value) and datetime.fromisoformat(value))
    except ValueError:
        return False


def as_text(facts: Json) -> str:
    """JSON with one line for each value that fits on it, so that diffs stay readable."""
    return _broken("", facts, "") + "\n"


def _broken(before: str, value: Any, indent: str) -> str:
    line = f"{indent}{before}{json.dumps(value, ensure_ascii=False)}"
    if len(line) <= WIDTH or not value or not isinstance(value, dict | list):
        return line
    inner = value.items() if isinstance(value, dict) else [(None, each) for each in value]
    names = [("" if name is None else f"{json.dumps(name)}: ", each) for name, each in inner]
    lines = ",\n".join(_broken(name, each, indent + " ") for name, each in names)
    opens, closes = "{}" if isinstance(value, dict) else "[]"
    return f"{indent}{before}{opens}\n{lines}\n{indent}{closes}"
