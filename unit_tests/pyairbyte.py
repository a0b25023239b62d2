"""PyAirbyte and Airbyte's schema of metadata.yaml, which setup.py leaves out on newer Pythons."""

from __future__ import annotations

import sys

import pytest

needs_pyairbyte = pytest.mark.skipif(
    sys.version_info >= (3, 13),
    reason="did not run: airbyte and airbyte-connector-models do not install on Python 3.13",
)
