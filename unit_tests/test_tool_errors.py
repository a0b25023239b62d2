"""What a person reads on standard error if a tool fails."""

from __future__ import annotations

import ast
import logging
import re
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.http.errors import TRANSIENT, BudgetError, StreamError
from source_pipedrive.http.usage import Usage
from source_pipedrive.http.words import AGAIN
from source_pipedrive.tools import command
from source_pipedrive.tools.catalog import chosen
from source_pipedrive.tools.errors import sentence

SOURCE = Path(__file__).parent.parent / "source_pipedrive"
LIMIT, LEFT = "x-daily-ratelimit-token-limit", "x-daily-ratelimit-token-remaining"


@pytest.fixture(autouse=True)
def _logging() -> Iterator[None]:
    """A tool sets up the log of its own process."""
    root, airbyte = logging.getLogger(), logging.getLogger("airbyte")
    before = root.handlers, airbyte.level
    yield
    root.handlers = before[0]
    airbyte.setLevel(before[1])
    logging.captureWarnings(False)


def failing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    debug: bool = False,
) -> str:
    """Standard error of a tool that raises `error`."""

    def tool(_: Any) -> Any:
        raise error

    monkeypatch.setattr(command, "import_module", lambda _: Namespace(run=tool))
    with pytest.raises(SystemExit) as ended:
        command.run(Namespace(command="estimate", json=True, debug=debug))
    assert ended.value.code == 1
    out, err = capsys.readouterr()
    assert out == ""
    return err


def usage(reserve: int = 0, most: int | None = None) -> Usage:
    found = Usage(reserve, most)
    found.charge("deals", 90, {LIMIT: "1000", LEFT: "190"})
    return found


def refused(usage: Usage) -> Exception:
    with pytest.raises(BudgetError) as refusal:
        usage.admit(40)
    return refusal.value


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (usage().day_spent(), "spent its daily budget of 1,000 API tokens. Pipedrive renews"),
        (usage().day_spent(sure=False), "use up the whole rate limit. Pipedrive renews"),
        (refused(usage(reserve=10)), "for its other integrations. Pipedrive renews"),
        (refused(usage(most=100)), "This command has used 90 API tokens, and daily_token_budget"),
        (StreamError("Run the sync again later.", TRANSIENT), "Run the command again later."),
    ],
)
def test_no_tool_speaks_of_a_sync(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    words: str,
) -> None:
    """No sync continues where a tool has stopped."""
    said = failing(monkeypatch, capsys, error)
    assert words in said
    assert "sync" not in said
    assert len(said.splitlines()) == 1


def test_every_error_says_run_the_sync_again_with_the_words_that_a_tool_replaces() -> None:
    """One that was worded by itself would speak of a sync to whoever runs a tool."""
    again = re.compile(
        r"(run|start|repeat|try) (the|this) sync( once)? (again|later)", re.IGNORECASE
    )
    found = {
        path.name
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and again.search(node.value)
    }
    assert found == {"words.py"}
    assert again.search(AGAIN)
    error = StreamError(f"{AGAIN} later, or check the proxy. {AGAIN}.", TRANSIENT)
    assert (
        sentence(error) == "Run the command again later, or check the proxy. Run the command again."
    )


def test_a_traceback_does_not_quote_what_pipedrive_sent(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    said = failing(monkeypatch, capsys, ValueError("Jane Doe"), debug=True)
    assert "ValueError" in said
    assert "Traceback" in said
    assert "Jane" not in said


@pytest.mark.parametrize("names", [[""], [","], ["", ""]])
def test_a_script_whose_variable_is_empty_gets_no_empty_catalog(names: list[str]) -> None:
    with pytest.raises(AirbyteTracedException, match="--streams names no stream"):
        chosen("core", names)
