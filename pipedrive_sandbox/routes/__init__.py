"""Every endpoint that the sandbox serves: one module per topic, each with a table of routes.

A row has the name under which the endpoint is recorded, its path, its cost in tokens and the
scopes, any one of which suffices. The parameters it accepts are defined above the table. All this
comes from the vendor's OpenAPI files, and the contract test compares it with them. To add an
ordinary endpoint, add a row to the table of its topic. Its records come from the table of that
name in `data`, or else are generated from the stream's schema.
"""

from __future__ import annotations

from ..route import Route
from . import children, crm, mail, projects, settings, singles, statistics

ROUTES: tuple[Route, ...] = (
    *crm.ROUTES,
    *children.ROUTES,
    *projects.ROUTES,
    *settings.ROUTES,
    *mail.ROUTES,
    *statistics.ROUTES,
)
ALL_ROUTES: tuple[Route, ...] = (*ROUTES, *settings.OTHER_ROUTES, *singles.ROUTES)
