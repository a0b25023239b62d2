import json
import sys
from pathlib import Path

import airbyte as ab
from airbyte.caches import DuckDBCache

sys.tracebacklimit = 0  # errors in a sentence, without the calls that led to them
source = ab.get_source(
    "source-pipedrive",
    config=json.loads(Path("config.json").read_text()),
    local_executable="source-pipedrive",
    streams=[
        *("deals", "deals_archived", "deal_products", "persons", "organizations", "activities"),
        *("products", "pipelines", "stages", "users", "deleted_records", "sync_reports"),
    ],
)
source.read(cache=DuckDBCache(db_path="pipedrive.duckdb", schema_name="crm"))
