"""docs/recipes/meltano.yml and the keys in meltano.md are those of the streams.

tap-airbyte-wrapper itself is on no package index. `published_key` is what it makes of a key, and
what singer-sdk makes of `__key_properties__`.
"""

from __future__ import annotations

import os
from typing import Any

import pytest
import yaml

from docs.generators.blocks import read, updated
from docs.generators.meltano import FILE, PAGE, keys, project
from source_pipedrive.config.model import Config
from source_pipedrive.stream import Stream
from source_pipedrive.streams import STREAMS


def extractor() -> dict[str, Any]:
    (found,) = yaml.safe_load(FILE.read_text())["plugins"]["extractors"]
    return dict(found)


def selected() -> set[str]:
    return {rule.removesuffix(".*") for rule in extractor()["select"]}


def page_maps() -> dict[str, Any]:
    block = read(PAGE, "keys")
    return dict(yaml.safe_load(block.removeprefix("```yaml\n").removesuffix("```\n")))


def published_key(stream: Stream, maps: dict[str, Any]) -> list[str]:
    """The columns that a target takes as the key of a stream."""
    first_part = list(stream.key[:1])
    return list(maps.get(stream.name, {}).get("__key_properties__", first_part))


def test_the_golden_project_matches_the_streams() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        FILE.write_text(project(), encoding="utf-8")
    assert FILE.read_text() == project(), "run `make golden`"


def test_the_golden_keys_match_the_streams() -> None:
    assert updated(PAGE, "keys", keys()) == keys(), "run `make golden`"


@pytest.mark.parametrize("stream", STREAMS.values(), ids=lambda stream: stream.name)
def test_a_target_gets_the_whole_key(stream: Stream) -> None:
    """With a part of it, the target would keep one product of each deal."""
    assert published_key(stream, page_maps()) == list(stream.key)
    if stream.name in selected():
        assert published_key(stream, extractor()["config"]["stream_maps"]) == list(stream.key)
    assert set(stream.key) <= stream.schema["properties"].keys()


def test_only_selected_streams_are_mapped() -> None:
    """singer-sdk ends the run if a map names the columns of a stream that is not selected."""
    maps = extractor()["config"]["stream_maps"]
    assert maps
    assert maps.keys() <= selected() <= STREAMS.keys()
    assert page_maps().keys() <= STREAMS.keys()


def test_no_map_changes_anything_but_keys() -> None:
    for maps in (page_maps(), extractor()["config"]["stream_maps"]):
        assert all(each.keys() == {"__key_properties__"} for each in maps.values())


def test_the_configuration_is_valid_and_holds_no_secret() -> None:
    config = extractor()["config"]["airbyte_config"]
    assert config["credentials"]["api_token"] == "$PIPEDRIVE_API_TOKEN"
    Config.model_validate(config)


def test_every_setting_is_declared() -> None:
    """Meltano passes on no setting that it does not know."""
    declared = {setting["name"] for setting in extractor()["settings"]}
    assert extractor()["config"].keys() <= declared
