"""Writes facts.json from the vendor's OpenAPI files: `make contract`."""

from __future__ import annotations

import sys

from unit_tests.contract import FACTS_FILE, vendors_folder
from unit_tests.contract.extraction import as_text, facts_of

PAGES = "https://developers.pipedrive.com/docs/api/v1"

folder = vendors_folder()
if not folder:
    sys.exit(
        "Set PIPEDRIVE_OPENAPI to a folder with Pipedrive's OpenAPI files: save\n"
        f"{PAGES}/openapi.yaml there as openapi-v1.yaml and\n"
        f"{PAGES}/openapi-v2.yaml as openapi-v2.yaml."
    )
FACTS_FILE.write_text(as_text(facts_of(folder)), "utf-8")
