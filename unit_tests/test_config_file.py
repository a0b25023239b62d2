"""The configuration file that a tool writes again when Pipedrive replaces the refresh token."""

from __future__ import annotations

import json
import os
import signal
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from source_pipedrive.tools import command, config_file
from source_pipedrive.tools.config_file import keep_tokens
from source_pipedrive.tools.report import Report

OLD = {"credentials": {"refresh_token": "old"}, "padding": "x" * 1_000}
NEW = {"credentials": {"refresh_token": "new"}}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps(OLD))
    path.chmod(0o640)
    return path


def test_a_new_token_replaces_the_file_and_keeps_its_mode(path: Path) -> None:
    assert keep_tokens(str(path), NEW, "old")
    assert json.loads(path.read_text()) == NEW
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(path.parent) == ["config.json"]


def test_without_a_new_token_the_file_is_left_alone(path: Path) -> None:
    assert keep_tokens(str(path), {**NEW, "changed": True}, "new")
    assert json.loads(path.read_text()) == OLD


def test_a_file_that_cannot_be_replaced_is_overwritten(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that is a mount of its own. The old token is void."""

    def busy(*_: Any) -> None:
        raise OSError(16, "Device or resource busy")

    monkeypatch.setattr(os, "replace", busy)
    assert keep_tokens(str(path), NEW, "old")
    assert json.loads(path.read_text()) == NEW
    assert os.listdir(path.parent) == ["config.json"]


def test_a_file_that_has_gone_is_not_made_again(path: Path) -> None:
    path.unlink()
    assert not keep_tokens(str(path), NEW, "old")
    assert os.listdir(path.parent) == []


@pytest.fixture
def _handlers() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in command.ENDINGS}
    for number in command.ENDINGS:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize("number", command.ENDINGS)
def test_a_tool_that_is_stopped_saves_the_new_token(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Otherwise `docker stop`, or a terminal that is closed, costs the connection."""
    config: dict[str, Any] = {"credentials": {"refresh_token": "old"}}
    monkeypatch.setattr(command, "load", lambda _: config)

    def tool(_: Any) -> Any:
        config["credentials"]["refresh_token"] = "new"
        os.kill(os.getpid(), number)
        raise AssertionError("not stopped")

    module = Namespace(run=tool)
    monkeypatch.setattr(command, "import_module", lambda _: module)
    monkeypatch.setattr(command, "_log_to_stderr", lambda _: None)
    arguments = Namespace(command="probe", config=str(path), json=False, debug=False)
    with pytest.raises(SystemExit) as stopped:
        command.run(arguments)
    assert stopped.value.code == 128 + number
    assert config_file.refresh_token(json.loads(path.read_text())) == "new"


@pytest.mark.usefixtures("_handlers")
@pytest.mark.parametrize("number", command.ENDINGS)
def test_a_tool_that_is_stopped_prints_the_report_that_it_has(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], number: int
) -> None:
    """And the exit code still says that it was stopped."""

    def tool(_: Any) -> Report:
        try:
            os.kill(os.getpid(), number)
        except KeyboardInterrupt:
            return Report({"answers": 3})
        raise AssertionError("not stopped")

    monkeypatch.setattr(command, "import_module", lambda _: Namespace(run=tool))
    monkeypatch.setattr(command, "_log_to_stderr", lambda _: None)
    with pytest.raises(SystemExit) as stopped:
        command.run(Namespace(command="probe", json=True, debug=False))
    assert stopped.value.code == 128 + number
    assert json.loads(capsys.readouterr().out) == {"answers": 3}
