"""Files that the program may not read."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive import SourcePipedrive
from source_pipedrive.cli import _config, _load

SOURCE = SourcePipedrive()
NOBODY = 65_534


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[str]:
    """A file of another user's, as the image's user finds one that is mounted."""
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
    ("what", "load"),
    [
        ("config", lambda path: _config(SOURCE, Namespace(config=path))),
        ("catalog", lambda path: _load("catalog", path, SOURCE.read_catalog)),
        ("state", lambda path: _load("state", path, SOURCE.read_state)),
    ],
)
def test_a_file_that_the_user_may_not_read(
    theirs: str, what: str, load: Callable[[str], object]
) -> None:
    """The first thing that people meet who mount a file of their own."""
    with pytest.raises(AirbyteTracedException) as caught:
        load(theirs)
    sentence = str(caught.value)
    assert sentence.startswith(f"The {what} file {theirs} may not be read by user ")
    assert "Add `--user $(id -u)` to docker run" in sentence
