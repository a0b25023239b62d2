"""The spec follows the rules of Airbyte's form. A broken one renders wrongly or reveals a secret.

Each rule is a function of a spec, so that each can be tested against specs that break it.
https://docs.airbyte.com/connector-development/connector-specification-reference
"""

import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import pytest
from airbyte_cdk.models import ConnectorSpecificationSerializer
from jsonschema import Draft7Validator, SchemaError

from source_pipedrive.config.model import specification

Node = dict[str, Any]
Rule = Callable[[Node], Iterator[str]]

# Airbyte does not interpret these. It does resolve the last three in the form, but not when it
# looks for secrets.
FORBIDDEN = (
    *("not", "anyOf", "allOf", "if", "then", "else", "patternProperties", "prefixItems"),
    *("dependentSchemas", "dependentRequired", "$ref", "$defs", "definitions"),
)
SECRET_NAME = re.compile("(^|_)(token|secret|password|key)$")


def nodes(spec: Node) -> Iterator[tuple[str, Node]]:
    """Every schema of the form with its path, e.g. `credentials.0.api_token`. The root's is ""."""
    yield from _below("", spec["connectionSpecification"])


def fields(spec: Node) -> Iterator[tuple[str, Node]]:
    """Every property of every object, with its path."""
    for path, node in nodes(spec):
        for name, field in node.get("properties", {}).items():
            yield _join(path, name), field


def _below(path: str, node: Node) -> Iterator[tuple[str, Node]]:
    yield path, node
    children = {**node.get("properties", {}), **dict(enumerate(node.get("oneOf", [])))}
    if isinstance(node.get("items"), dict):
        children["items"] = node["items"]
    for name, child in children.items():
        yield from _below(_join(path, name), child)


def _join(path: str, name: str | int) -> str:
    return f"{path}.{name}".strip(".")


def draft_07(spec: Node) -> Iterator[str]:
    schema = spec["connectionSpecification"]
    if schema.get("$schema") != "http://json-schema.org/draft-07/schema#":
        yield "$schema does not name draft 07"
    try:
        Draft7Validator.check_schema(schema)
    except SchemaError as error:
        yield error.message


def no_forbidden_keyword(spec: Node) -> Iterator[str]:
    for path, node in nodes(spec):
        yield from (f"{path}: {word}" for word in FORBIDDEN if word in node)


def objects_have_a_title_and_a_description(spec: Node) -> Iterator[str]:
    for path, node in nodes(spec):
        if "properties" in node:
            if node.get("type") != "object" or node.get("additionalProperties") is not True:
                yield f"{path}: not an object that allows Airbyte's own keys"
            if not set(node.get("required", [])) <= set(node["properties"]):
                yield f"{path}: a required field is missing"
            if not node.get("title") or not node.get("description"):
                yield f"{path}: no title or description"


def fields_have_texts_and_a_type(spec: Node) -> Iterator[str]:
    for path, field in fields(spec):
        missing = [key for key in ("title", "description", "type") if not field.get(key)]
        if missing:
            yield f"{path}: no {missing}"


def order_is_complete(spec: Node) -> Iterator[str]:
    for path, node in nodes(spec):
        order = [field.get("order", -1) for field in node.get("properties", {}).values()]
        if sorted(order) != list(range(len(order))):
            yield f"{path}: {order}"


def sections_are_complete(spec: Node) -> Iterator[str]:
    """Airbyte shows a field without a section of its own in a card without a title."""
    root = spec["connectionSpecification"]
    titles = {section["id"]: section.get("title") for section in root.get("groups", [])}
    used = {field.get("group") for field in root["properties"].values()}
    if len(titles) < len(root.get("groups", [])) or not all(titles.values()):
        yield "two sections with the same id, or one without a title"
    if used != {*titles}:
        yield f"{used ^ {*titles}}: a section without fields, or a field without a section"
    for path, field in fields(spec):
        if "group" in field and "." in path:
            yield f"{path}: a section inside a section"


def sections_show_a_field(spec: Node) -> Iterator[str]:
    """A section of optional fields alone would be an empty card until it is opened."""
    root = spec["connectionSpecification"]
    for section in root["groups"]:
        inside = {n: f for n, f in root["properties"].items() if f.get("group") == section["id"]}
        if not any(f.get("always_show") or n in root["required"] for n, f in inside.items()):
            yield f"{section['id']}: all fields are collapsed"


def help_texts_have_no_html_but_links(spec: Node) -> Iterator[str]:
    link = r'<a href="https://[^"<>]+" target="_blank">[^<>]+</a>'
    for path, node in nodes(spec):
        if re.search("[<&]", re.sub(link, "", node.get("description", "")).replace(" & ", "")):
            yield f"{path}: {node['description']}"
        if "<" in node.get("title", "") + node.get("pattern_descriptor", ""):
            yield f"{path}: a title with HTML"


def branches_are_distinct(spec: Node) -> Iterator[str]:
    for path, node in nodes(spec):
        if "oneOf" not in node:
            if "const" in node and node.get("type") != "string":
                yield f"{path}: a const that is not a string"
            continue
        tags = [_tags(branch) for branch in node["oneOf"]]
        if node.get("type") != "object" or len(node["oneOf"]) < 2:
            yield f"{path}: not a choice between objects"
        if {len(tag) for tag in tags} != {1} or len({*map(frozenset, tags)}) != 1:
            yield f"{path}: not the same one const field in each branch"
        elif any(not tag.keys() <= {*branch.get("required", [])} for tag, branch in _pairs(node)):
            yield f"{path}: a const that is not required"
        if len({str(tag.values()) for tag in tags}) != len(tags):
            yield f"{path}: two branches with the same const"
        if len({branch.get("title") for branch in node["oneOf"]}) != len(tags):
            yield f"{path}: two branches with the same title"


def _tags(branch: Node) -> dict[str, Any]:
    properties = branch.get("properties", {})
    return {name: field["const"] for name, field in properties.items() if "const" in field}


def _pairs(choice: Node) -> list[tuple[dict[str, Any], Node]]:
    return [(_tags(branch), branch) for branch in choice["oneOf"]]


def secrets_are_marked(spec: Node) -> Iterator[str]:
    for path, field in fields(spec):
        named = SECRET_NAME.search(path.rpartition(".")[2]) and field.get("type") == "string"
        if named and field.get("airbyte_secret") is not True:
            yield f"{path}: named like a secret, but not marked as one"
        if field.get("airbyte_secret") and {"default", "examples", "enum", "const"} & field.keys():
            yield f"{path}: a secret whose value is in the spec"


def lists_have_an_item_type(spec: Node) -> Iterator[str]:
    for path, node in nodes(spec):
        if node.get("type") == "array" and not (node.get("items") or {}).get("type"):
            yield f"{path}: items without a type"


def patterns_have_a_descriptor(spec: Node) -> Iterator[str]:
    for path, field in fields(spec):
        if "pattern_descriptor" in field and "pattern" not in field:
            yield f"{path}: a descriptor without a pattern"
        if field.get("airbyte_hidden"):
            continue
        if "pattern" in field and not field.get("pattern_descriptor"):
            yield f"{path}: the user would see {field['pattern']}"
        if field.get("format") in ("date", "date-time") and "pattern" not in field:
            yield f"{path}: a date in any format"


def values_are_valid(spec: Node) -> Iterator[str]:
    for path, node in nodes(spec):
        values = [*node.get("examples", []), *([node["default"]] if "default" in node else [])]
        if not all(Draft7Validator(node).is_valid(value) for value in values):
            yield f"{path}: an invalid default or example"
        if len({*map(repr, node.get("enum", []))}) != len(node.get("enum", [])):
            yield f"{path}: a duplicate value"


def hidden_fields_are_optional(spec: Node) -> Iterator[str]:
    for path, node in nodes(spec):
        for name, field in node.get("properties", {}).items():
            asked = name in node.get("required", []) and "default" not in field
            if field.get("airbyte_hidden") and asked:
                yield f"{_join(path, name)}: the user cannot fill it in"


def oauth_fields_exist(spec: Node) -> Iterator[str]:
    auth = spec.get("advanced_auth") or {}
    choice, tag = (auth.get("predicate_key") or ["", ""])[:2]
    offered = spec["connectionSpecification"]["properties"].get(choice, {}).get("oneOf", [])
    value = auth.get("predicate_value")
    (branch, *_) = [each for each in offered if _tags(each).get(tag) == value] or [{}]
    if not branch:
        yield f"no branch of {choice} has {tag} {value}"
    oauth = auth.get("oauth_config_specification") or {}
    for part in (
        "complete_oauth_output_specification",
        "complete_oauth_server_output_specification",
    ):
        for name, field in oauth.get(part, {}).get("properties", {}).items():
            path = field.get("path_in_connector_config") or ["", ""]
            if path[0] != choice or path[-1] not in branch.get("properties", {}):
                yield f"{part}.{name}: {path} is not in the form"


def at(spec: Node, *path: str) -> Node:
    """The schema at a path, which names branches by const: `at(spec, "history", "all", "mode")`."""
    node: Node = spec["connectionSpecification"]
    for step in path:
        branches = {value: each for each in node.get("oneOf", []) for value in _tags(each).values()}
        node = (branches or node["properties"])[step]
    return node


# Each edit breaks the rule.
BROKEN: dict[Rule, list[Callable[[Node], object]]] = {
    draft_07: [
        lambda spec: at(spec).pop("$schema"),
        lambda spec: at(spec, "labels").update(type="truth"),
    ],
    no_forbidden_keyword: [
        lambda spec: at(spec).update(anyOf=[{"properties": {"pin": {"airbyte_secret": True}}}]),
        lambda spec: at(spec, "credentials").update({"$ref": "#/definitions/credentials"}),
        lambda spec: at(spec, "history", "all").update(allOf=[{}]),
    ],
    objects_have_a_title_and_a_description: [
        lambda spec: at(spec).pop("title"),
        lambda spec: at(spec, "credentials", "oauth2.0").pop("description"),
        lambda spec: at(spec, "history", "all").update(additionalProperties=False),
        lambda spec: at(spec, "history", "all").pop("type"),
        lambda spec: at(spec, "history", "all")["required"].append("end_date"),
    ],
    fields_have_texts_and_a_type: [
        lambda spec: at(spec, "credentials").pop("title"),
        lambda spec: at(spec, "history", "duration", "duration").update(description=""),
        lambda spec: at(spec, "api_url").pop("type"),
    ],
    order_is_complete: [
        lambda spec: at(spec, "labels").pop("order"),
        lambda spec: at(spec, "labels").update(order=at(spec, "history")["order"]),
        lambda spec: at(spec, "credentials", "oauth2.0", "client_id").update(order=9),
    ],
    sections_are_complete: [
        lambda spec: at(spec, "labels").pop("group"),
        lambda spec: at(spec, "labels").update(group="other"),
        lambda spec: at(spec)["groups"].pop(),
        lambda spec: at(spec)["groups"][0].pop("title"),
        lambda spec: at(spec)["groups"].append({"id": "data", "title": "Data"}),
        lambda spec: at(spec, "history", "all", "mode").update(group="data"),
    ],
    sections_show_a_field: [
        lambda spec: at(spec, "daily_token_reserve").pop("always_show"),
        lambda spec: at(spec)["required"].clear(),
    ],
    help_texts_have_no_html_but_links: [
        lambda spec: at(spec, "labels").update(description="<b>On</b>: labels"),
        lambda spec: at(spec, "labels").update(description='<a href="https://a.b">no tab</a>'),
        lambda spec: at(spec, "history", "all").update(title="<i>Everything</i>"),
    ],
    branches_are_distinct: [
        lambda spec: at(spec, "credentials").pop("type"),
        lambda spec: at(spec, "credentials")["oneOf"].pop(),
        lambda spec: at(spec, "history", "all", "mode").pop("const"),
        lambda spec: at(spec, "history", "all", "mode").update(const="duration"),
        lambda spec: at(spec, "history", "all", "mode").update(type="integer"),
        lambda spec: at(spec, "history", "all")["required"].remove("mode"),
        lambda spec: at(spec, "history", "all").update(
            properties={"kind": at(spec, "history", "all", "mode")}, required=["kind"]
        ),
        lambda spec: at(spec, "history", "duration", "duration").update(const="1 year"),
        lambda spec: at(spec, "credentials", "oauth2.0").update(
            title=at(spec, "credentials", "api_token")["title"]
        ),
    ],
    secrets_are_marked: [
        lambda spec: at(spec, "credentials", "api_token", "api_token").pop("airbyte_secret"),
        lambda spec: at(spec, "credentials", "oauth2.0", "access_token").pop("airbyte_secret"),
        lambda spec: at(spec, "credentials", "oauth2.0", "client_secret").update(examples=["x"]),
        lambda spec: at(spec)["properties"].update(proxy_password={"type": "string"}),
    ],
    lists_have_an_item_type: [
        lambda spec: at(spec, "labels").update(type="array"),
        lambda spec: at(spec, "labels").update(type="array", items={"title": "Label"}),
    ],
    patterns_have_a_descriptor: [
        lambda spec: at(spec, "history", "start_date", "start_date").pop("pattern"),
        lambda spec: at(spec, "history", "start_date", "start_date").pop("pattern_descriptor"),
        lambda spec: at(spec, "labels").update(pattern_descriptor="yes or no"),
        lambda spec: at(spec, "history", "duration", "duration").update(format="date"),
    ],
    values_are_valid: [
        lambda spec: at(spec, "history").update(default={"mode": "never"}),
        lambda spec: at(spec, "daily_token_reserve").update(default=91),
        lambda spec: at(spec, "history", "start_date", "start_date").update(examples=["31/12/23"]),
        lambda spec: at(spec, "custom_fields")["enum"].append("raw"),
        lambda spec: at(spec, "custom_field_columns").update(default={"mode": "columns"}),
    ],
    hidden_fields_are_optional: [
        lambda spec: at(spec)["required"].append("api_url"),
        lambda spec: at(spec, "credentials").update(airbyte_hidden=True),
    ],
    oauth_fields_exist: [
        lambda spec: spec.pop("advanced_auth"),
        lambda spec: spec["advanced_auth"].update(predicate_key=["authorization", "auth_type"]),
        lambda spec: spec["advanced_auth"].update(predicate_value="oauth"),
        lambda spec: spec["advanced_auth"].update(predicate_value="api_token"),
        lambda spec: at(spec, "credentials", "oauth2.0")["properties"].pop("api_domain"),
    ],
}
EDITS = [
    pytest.param(rule, edit, id=f"{rule.__name__}-{number}")
    for rule, edits in BROKEN.items()
    for number, edit in enumerate(edits)
]


def the_spec() -> Node:
    return deepcopy(ConnectorSpecificationSerializer.dump(specification()))


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__)
def test_the_spec_follows_the_rule(rule: Rule) -> None:
    assert list(rule(the_spec())) == []


@pytest.mark.parametrize(("rule", "edit"), EDITS)
def test_a_broken_spec_is_caught(rule: Rule, edit: Callable[[Node], object]) -> None:
    spec = the_spec()
    edit(spec)
    assert list(rule(spec)) != []
