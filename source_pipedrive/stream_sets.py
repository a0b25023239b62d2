"""Sets of streams that a person can name instead of listing streams.

They hold names only, so that the command line can offer them without importing the streams.
"""

from __future__ import annotations

# fmt: off
# What most warehouses need from a CRM; metadata.yaml suggests the same streams.
CORE = frozenset({
    "activities", "activity_types", "currencies", "deal_fields", "deal_products", "deals",
    "deals_archived", "leads", "notes", "organization_fields", "organizations", "person_fields",
    "persons", "pipelines", "products", "stages", "users",
})
# To explain how deals are won and lost: stages over time, goals, leads, and what they refer to.
SALES = frozenset({
    "activities", "activity_types", "currencies", "deal_fields", "deal_products",
    "deal_stage_history", "deals", "deals_archived", "deals_summary", "deleted_records",
    "goal_results", "goals", "lead_labels", "lead_sources", "leads", "leads_archived",
    "organizations", "persons", "pipeline_conversion_statistics", "pipeline_movement_statistics",
    "pipelines", "products", "stages", "users",
})
# fmt: on
# None stands for every stream of this version.
SETS: dict[str, frozenset[str] | None] = {"core": CORE, "sales": SALES, "all": None}
