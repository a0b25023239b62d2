import functools
import json
import os
import sys
from pathlib import Path
from urllib.parse import quote

import airbyte as ab
import pandas
from airbyte.caches import PostgresCache

sys.tracebacklimit = 0  # errors in a sentence, without the calls that led to them
# PyAirbyte loads PostgreSQL through pandas, which would make 7 of the text "007".
pandas.read_json = functools.partial(pandas.read_json, dtype=False, convert_dates=False)
source = ab.get_source(
    "source-pipedrive",
    config=json.loads(Path("config.json").read_text()),
    local_executable="source-pipedrive",
    streams=[
        *("deals", "deals_archived", "deal_products", "persons", "organizations", "activities"),
        *("products", "pipelines", "stages", "users", "deleted_records", "sync_reports"),
    ],
)
cache = PostgresCache(
    host=os.environ["PGHOST"],
    port=int(os.environ["PGPORT"]),
    database=os.environ["PGDATABASE"],
    username=os.environ["PGUSER"],
    password=quote(os.environ["PGPASSWORD"], safe=""),  # becomes part of a URL
    schema_name="crm",
)
source.read(cache=cache)
