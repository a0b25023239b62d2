"""Every endpoint that the sandbox serves: a module for each topic, with a table of routes.

A row is what the endpoint is recorded as, its path, its cost in tokens and the scopes of which
one suffices; what its lists accept stands above the table. That is written down from the vendor's
OpenAPI files, with which the contract test compares it. An ordinary endpoint is one more row in
the table of its topic. Its records are a table of that name in `data`, or else are made from the
stream's schema.
"""

from __future__ import annotations

from ..route import Route
from . import children, crm, mail, projects, settings, statistics

ROUTES: tuple[Route, ...] = (
    *crm.ROUTES,
    *children.ROUTES,
    *projects.ROUTES,
    *settings.ROUTES,
    *mail.ROUTES,
    *statistics.ROUTES,
)
EVERY: tuple[Route, ...] = (*ROUTES, *settings.BESIDE)
