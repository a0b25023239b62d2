"""Input files that the program has no permission to read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive import SourcePipedrive
from source_pipedrive.cli import load, load_config

SOURCE = SourcePipedrive()
NOBODY = 65_534


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[str]:
    """Another user's file, like one that is mounted into the image."""
    file = tmp_path / "file.json"
    file.write_text("{}")
    file.chmod(0)
    if os.geteuid() != 0:
        yield str(file)
        return
    os.seteuid(NOBODY)
    try:
        yield str(file)
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("what", "read"),
    [
        ("config", lambda path: load_config(SOURCE, path)),
        ("catalog", lambda path: load("catalog", path, SOURCE.read_catalog)),
        ("state", lambda path: load("state", path, SOURCE.read_state)),
    ],
)
def test_a_file_without_permission_to_read_it(
    theirs: str, what: str, read: Callable[[str], object]
) -> None:
    """The first error that people see who mount a file of their own."""
    with pytest.raises(AirbyteTracedException) as caught:
        read(theirs)
    sentence = str(caught.value)
    assert sentence.startswith(f"The {what} file {theirs} may not be read by user ")
    assert "Add `--user $(id -u)` to docker run" in sentence
