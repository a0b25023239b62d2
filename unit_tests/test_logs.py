"""Logs and errors show no secret and no customer's email address, wherever they came from."""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from airbyte_cdk.utils.airbyte_secrets_utils import update_secrets
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.stdout import LogHandler, Writer
from source_pipedrive.sync.failures import unexpected
from source_pipedrive.sync.messages import error_message

ADDRESS, SECRET, NAME = "james.hall@work.example", "5ecret-t0ken", "James Hall"


@pytest.fixture
def written(tmp_path: Path) -> Iterator[tuple[logging.Logger, Path]]:
    """The program's logger, and the file that its lines go to."""
    path = tmp_path / "output"
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY)
    logger = logging.Logger("test")
    logger.addHandler(LogHandler(Writer(descriptor)))
    update_secrets([SECRET])
    yield logger, path
    update_secrets([])
    os.close(descriptor)


@pytest.mark.parametrize("debug", [False, True])
def test_a_log_line_and_its_traceback_show_no_address_and_no_secret(
    written: tuple[logging.Logger, Path], debug: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    logger, path = written
    monkeypatch.setattr(logging.getLogger("airbyte"), "level", logging.DEBUG if debug else 20)
    logging.getLogger("airbyte").manager._clear_cache()  # type: ignore[attr-defined]
    try:
        raise KeyError(f"{ADDRESS} {SECRET} {NAME}")
    except KeyError:
        logger.error("Person %s with %s exists", ADDRESS, SECRET, exc_info=True)
    (line,) = path.read_text(encoding="utf-8").splitlines()
    message = json.loads(line)["log"]["message"]
    assert "Person <email> with **** exists" in message
    assert ("Traceback" in message) is debug
    assert ("KeyError" in message) is debug
    assert NAME not in message
    assert ADDRESS not in line
    assert SECRET not in line


def test_an_error_that_quotes_a_record_does_not_show_its_address() -> None:
    """Errors appear in the platform's interface, and people paste them into bug reports."""
    error = AirbyteTracedException(
        message=f"Reading {ADDRESS} failed.", internal_message=repr(KeyError(ADDRESS))
    )
    shown = error_message(error, "persons").trace.error
    assert shown.message == "Reading <email> failed."
    assert "work.example" not in shown.internal_message


def test_an_unexpected_error_is_reported_without_its_message() -> None:
    """Python quotes the value that it could not convert."""
    try:
        int(NAME)
    except ValueError as failure:
        error = unexpected("persons", failure)
    assert NAME not in f"{error.message} {error.internal_message}"
    assert re.fullmatch(r"ValueError at test_logs.py:[0-9]+", str(error.internal_message))
