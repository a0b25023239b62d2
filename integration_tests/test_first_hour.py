"""README alone leads a stranger from a fresh clone to rows in their own PostgreSQL."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from integration_tests.conftest import Start
from integration_tests.engine import ROOT
from integration_tests.postgresql import on_a_port
from integration_tests.test_recipes import company
from source_pipedrive.stream_sets import CORE
from unit_tests.pyairbyte import needs_pyairbyte
from unit_tests.recipes import RECIPES
from unit_tests.test_setup_docs import Block

pytestmark = needs_pyairbyte

INSTALL = re.compile(r".*(-m venv|/bin/activate|pip install).*\n")
COUNT = (
    "SELECT 'deals', COUNT(*) FROM crm.deals UNION ALL SELECT 'persons', COUNT(*) FROM crm.persons"
)
TABLES = "SELECT 'table', table_name FROM information_schema.tables WHERE table_schema = 'crm'"


def typed() -> tuple[str, str]:
    """What the section has a user type: into a shell, and into Python."""
    (section,) = re.findall(
        r"^## Into PostgreSQL\n(.*?)(?=^## )", (ROOT / "README.md").read_text(), re.M | re.S
    )
    ((shell, commands), (python, program)) = re.findall(
        r"^```(\w+)\n(.*?)^```$", section, re.M | re.S
    )
    assert (shell, python) == ("bash", "python")
    return commands, program


def test_readme_leads_from_a_clone_to_rows(start: Start, tmp_path: Path) -> None:
    """In CI with README's own installation; elsewhere with the packages of the tests. The program
    runs twice, as a user runs it again."""
    commands, program = typed()
    assert INSTALL.search(commands)
    if not os.environ.get("CI"):
        commands = INSTALL.sub("", commands)
    with on_a_port() as database, company(start, tmp_path, database) as desk:
        commands = commands.replace('"api_token": "..."', f'"api_token": "{desk.box.api_token}"')
        commands = commands.replace('"history"', f'"api_url": "{desk.box.url}", "history"')
        (desk.checkout / "pipedrive.py").write_text(program)
        ask = f'psql -X -A -t -c "{COUNT}" -c "{TABLES}"\n'
        run = "python pipedrive.py > /dev/null\n"
        printed = desk.type(Block("", "sh", commands + run + run + ask))
        # PyAirbyte hides warnings, so the check comes first: it names what this token cannot read.
        assert "Connected to Sandbox Inc." in printed
        assert '"status":"SUCCEEDED"' in printed
        found = [line.split("|") for line in printed.splitlines() if "|" in line]
        counts = {name: int(number) for name, number in found if number.isdigit()}
        assert counts == {name: len(desk.listed(name)) for name in ("deals", "persons")}
        assert {table for kind, table in found if kind == "table"} >= CORE


@pytest.mark.parametrize("program", ["README", "to_duckdb.py", "to_postgresql.py"])
def test_a_wrong_token_is_told_in_a_sentence(start: Start, tmp_path: Path, program: str) -> None:
    """Above forty lines of PyAirbyte's own calls, nobody would look for it."""
    with company(start, tmp_path, {}) as desk:
        code = typed()[1] if program == "README" else (RECIPES / program).read_text()
        (desk.checkout / "program.py").write_text(code)
        wrong = {"credentials": {"auth_type": "api_token", "api_token": "0" * 40}}
        config = json.dumps({**wrong, "api_url": desk.box.url})
        (desk.checkout / "config.json").write_text(config)
        run = "python program.py 2>&1 && exit 1 || true\n"
        printed = " ".join(
            desk.type(Block("", "sh", f"export AIRBYTE_OFFLINE_MODE=1\n{run}")).split()
        )
        assert "Pipedrive rejected the API token (401)" in printed
        assert "Copy a new token from" in printed
        assert "Traceback" not in printed
