import json
import os
import sys
from pathlib import Path

import airbyte as ab
from airbyte.caches import SnowflakeCache

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
cache = SnowflakeCache(
    account=os.environ["SNOWFLAKE_ACCOUNT"],
    username=os.environ["SNOWFLAKE_USER"],
    private_key_path=os.environ["SNOWFLAKE_PRIVATE_KEY_PATH"],
    role=os.environ["SNOWFLAKE_ROLE"],
    warehouse=os.environ["SNOWFLAKE_WAREHOUSE"],
    database=os.environ["SNOWFLAKE_DATABASE"],
    schema_name="crm",
)
source.read(cache=cache)
