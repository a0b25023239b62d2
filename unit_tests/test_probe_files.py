"""The files that the probe writes: what it has spent is never lost to one of them."""

from __future__ import annotations

from argparse import Namespace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from airbyte_cdk.utils.traced_exception import AirbyteTracedException

from source_pipedrive.tools.probe.probe import JSON_FILE, MARKDOWN_FILE, probe, run
from source_pipedrive.tools.report import Job, Notes
from unit_tests.probing import Time, api_token, sandbox


@pytest.mark.parametrize("name", [JSON_FILE, MARKDOWN_FILE])
def test_a_report_that_cannot_be_written_shows_before_anything_is_spent(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).mkdir()
    arguments = Namespace(plan=False, out=str(tmp_path))
    with pytest.raises(AirbyteTracedException, match="cannot be written"):
        run(Job(arguments, Notes(said := StringIO()), {}))
    assert said.getvalue() == ""


def test_a_report_that_was_paid_for_is_printed_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the disk is full by then."""

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    with sandbox() as box:
        time = Time(box)
        report = probe(api_token(box), lambda _: None, time.sleep, time.clock)
    monkeypatch.setattr("source_pipedrive.tools.probe.probe.probe", lambda *_: report)
    monkeypatch.setattr(Path, "write_text", full)
    job = Job(Namespace(plan=False, out=str(tmp_path)), Notes(said := StringIO()), {})
    assert run(job) is report
    assert "cannot be written" in said.getvalue()
    assert "No space left on device" in said.getvalue()
