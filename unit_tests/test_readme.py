"""README.md and docs/which-streams.md: what they state of the streams, the prices, the defaults and
the core set is true, and their code is Python."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from docs.generators.blocks import updated
from docs.generators.listing import groups, reason
from source_pipedrive.config.model import Config
from source_pipedrive.stream_sets import CORE
from source_pipedrive.streams import GROUPS, STREAMS

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
STREAMS_PAGE = ROOT / "docs" / "which-streams.md"
BENCHMARKS = (ROOT / "benchmarks" / "README.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def text() -> str:
    """README without its line breaks."""
    return " ".join(README.read_text().split())


def section(heading: str) -> str:
    """What stands below a heading, up to the next of its level."""
    (found,) = re.findall(
        rf"^## {heading}\n(.*?)(?=^## )", README.read_text(), re.MULTILINE | re.DOTALL
    )
    return str(found)


@pytest.mark.parametrize(
    ("page", "wanted"), [(README, reason()), (STREAMS_PAGE, groups())], ids=["README", "groups"]
)
def test_the_golden_lists_match_the_streams(page: Path, wanted: str) -> None:
    assert updated(page, "streams", wanted) == wanted, "run `make golden`"


def test_every_stream_is_in_one_group() -> None:
    """Otherwise readers cannot find it."""
    listed = [stream.name for group in GROUPS.values() for stream in group]
    assert sorted(listed) == list(STREAMS)
    assert README.read_text().count(f"{len(STREAMS)} streams") == 1, "run `make golden`"


def test_the_first_screen_says_what_a_stranger_must_know() -> None:
    """It is what people read before they decide."""
    lines = README.read_text().partition("\n## ")[0].splitlines()
    assert len(lines) < 52
    first = " ".join(" ".join(lines).split())
    for words in ("MIT", "make demo", "docs/images/result.svg", "Nothing is published yet"):
        assert words in first
    assert "Nothing has been run against a live account yet" in first
    assert "Not affiliated with Pipedrive or Airbyte." in first
    assert len(README.read_text().splitlines()) <= 180


def test_the_stated_figures_match_the_benchmarks() -> None:
    def row(name: str) -> str:
        (found,) = re.findall(rf"^\| {name} +\|(.*)$", BENCHMARKS, re.MULTILINE)
        return str(found)

    (quiet,) = re.findall(r"^ (\d+) tokens", row("nothing changed"))
    assert f"A sync in which nothing has changed costs {quiet}" in text()
    (bulk,) = re.findall(r"^ ([\d,]+) tokens", row("deal_products, 10,000 deals"))
    (single,) = re.findall(r"one deal at a time: ([\d,]+)", row("deal_products, 10,000 deals"))
    assert f"10,000 deals cost {bulk} tokens; one deal at a time, {single}" in text()
    (audit,) = re.findall(r"([\d,]+) tokens over", row("audit, tokens"))
    assert f"200,000 records for {audit} tokens" in text()


def test_the_default_history_is_stated() -> None:
    """Whoever misses it takes a year for everything."""
    config = Config.model_validate({"credentials": {"auth_type": "api_token", "api_token": "a"}})
    assert config.history.model_dump() == {"mode": "duration", "duration": "1 year"}
    assert "Unless you set `history`, one year of deals" in text()
    assert "The default history is one year." in section("Into DuckDB")
    assert '"history": {"mode": "all"}' in section("Into DuckDB")
    assert '"history": {"mode": "all"}' in section("Into PostgreSQL")


def test_readme_reads_the_core_set() -> None:
    code = dict(BLOCK.findall(section("Into PostgreSQL")))["python"]
    assert "from source_pipedrive.stream_sets import CORE\n" in code
    assert "source.select_streams(sorted(CORE))" in code
    assert f"{len(CORE)} streams" in section("Into PostgreSQL")


def test_the_way_into_postgresql_is_two_blocks_that_run_as_they_stand() -> None:
    """integration_tests run them. The code is short enough to be read before it is run."""
    languages = [language for language, _ in BLOCK.findall(section("Into PostgreSQL"))]
    assert languages == ["bash", "python"]
    for heading, most in (("Into DuckDB", 6), ("Into PostgreSQL", 24)):
        code = dict(BLOCK.findall(section(heading)))["python"]
        ast.parse(code)
        assert len([line for line in code.splitlines() if line]) <= most
        names = re.findall(r'"([a-z_]+)"', code.partition("select_streams")[2].partition(")")[0])
        assert set(names) <= STREAMS.keys()


def test_the_streams_that_the_views_need_besides_the_core_set_are_named() -> None:
    """Without one of them, the file of its views fails."""
    needed = {}
    for file in sorted((ROOT / "docs" / "sql").glob("*.sql")):
        words = re.findall(r"\b(?:FROM|JOIN) (\w+)", file.read_text())
        needed[file.name] = {*words} & STREAMS.keys() - CORE
    stages = needed.pop("4-stages.sql")
    assert set().union(*needed.values()) == {"deleted_records"}
    assert stages == {"deal_stage_history"}
    sentence = "To the core set, add `deleted_records`, and for the last two `deal_stage_history`."
    assert sentence in text()


def test_no_one_else_is_called() -> None:
    """Without the variable, PyAirbyte fails where Airbyte's registry cannot be reached, and sends
    telemetry."""
    recipe = (ROOT / "docs" / "recipes" / "postgresql.md").read_text()
    for page in (section("Into PostgreSQL"), recipe):
        commands = "".join(code for name, code in BLOCK.findall(page) if name in ("bash", "sh"))
        assert "export AIRBYTE_OFFLINE_MODE=1" in commands


def test_who_has_airbyte_cloud_learns_at_once_that_it_takes_no_images() -> None:
    assert "Airbyte Cloud takes no connectors by image." in section("Everywhere else")


def test_the_comparison_is_dated_and_linked() -> None:
    """A table of others is worth nothing if readers cannot check it."""
    table = [line for line in section("Compared with others").splitlines() if line[:1] == "|"]
    assert table[0].count("](https://") == 4
    assert len(table) == 2 + 8
    assert {line.count("|") for line in table} == {7}
    assert "As of November 2026" in section("Compared with others")
