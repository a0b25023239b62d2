"""What a login reports: the company, the user, the missing scopes, and what to do next."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from source_pipedrive.access import missing_scopes, partial_access
from source_pipedrive.http.company import Company
from source_pipedrive.streams import STREAMS
from source_pipedrive.tools.report import Report, Table

NEXT = {
    "what you can read": "source-pipedrive check --config {path}",
    "what it costs": "source-pipedrive estimate --config {path}",
    "choose streams": "source-pipedrive catalog --config {path} > catalog.json",
    "read them": "source-pipedrive read --config {path} --catalog catalog.json",
}


def report(company: Company, path: str) -> Report:
    """The report. company.scopes: those that Pipedrive reported, or empty."""
    missing = missing_scopes(company, STREAMS.values())
    commands = {what: line.format(path=shlex.quote(path)) for what, line in NEXT.items()}
    found = partial_access(company, ())
    return Report(
        {
            "config": path,
            "company": {"id": company.id, "name": company.name},
            "user": {"id": company.user_id, "name": company.user_name},
            "scopes": sorted(company.scopes or ()),
            "missing_scopes": missing,
            "next": list(commands.values()),
        },
        [
            f"Connected to {company.name} (company {company.id}) as {company.user_name} (user "
            f"{company.user_id}). The tokens are in {path}, which only you can read.",
            _about_scopes(company, missing),
            *([found[1]] if found else []),
            Table(("next", "command"), list(commands.items())),
        ],
    )


def _about_scopes(company: Company, missing: Mapping[str, Sequence[str]]) -> str:
    if not company.scopes:
        return "Pipedrive did not report the app's scopes. `check` says what could not be checked."
    if not missing:
        return "The app has the scopes that all streams need."
    lines = [f"{scope}, for {', '.join(names)}" for scope, names in missing.items()]
    return "\n".join(
        [
            "The app lacks these scopes:",
            *lines,
            "To read these streams, add the scopes in Pipedrive's Developer Hub and run this "
            "command again.",
        ]
    )
