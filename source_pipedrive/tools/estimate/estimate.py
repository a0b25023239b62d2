"""The estimate: connects, asks, and says what a first sync costs."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

from source_pipedrive.cli import load
from source_pipedrive.config.deletions import Verified
from source_pipedrive.config.errors import config_error
from source_pipedrive.config.model import Config
from source_pipedrive.config.parsing import parse
from source_pipedrive.config.privacy import ColumnChoice
from source_pipedrive.fields.columns import reserved
from source_pipedrive.http.company import connect
from source_pipedrive.http.errors import BudgetError
from source_pipedrive.http.usage import Usage
from source_pipedrive.privacy.changelogs import is_changelog
from source_pipedrive.reading.instants import seconds_of
from source_pipedrive.source import SourcePipedrive
from source_pipedrive.stream import Kind, Stream
from source_pipedrive.streams import STREAMS
from source_pipedrive.tools.catalog import chosen
from source_pipedrive.tools.estimate.bill import (
    ABOUT,
    AT_LEAST,
    GUESS,
    Bill,
    Item,
    Naming,
    refine,
)
from source_pipedrive.tools.estimate.sizes import Facts, Size
from source_pipedrive.tools.report import Job, Report, Table

SHOWN = 20  # streams
MOST = 150  # API tokens that an estimate may spend


def run(job: Job) -> Report:
    """What a first sync of the chosen streams costs. Raises SyncError, or a config error."""
    names = _names(job)
    config = parse(job.config)
    limited = config.model_copy(update={"daily_token_budget": MOST})
    client, company = connect(limited)
    lower, until = seconds_of(config.history.since(company.at)), seconds_of(company.at)
    selected = [STREAMS[name] for name in names]
    bill = Bill(selected, naming_lists(config, selected), Facts(lower, until))
    job.notes.say(f"Asking about {company.name}, for at most {MOST} API tokens.")

    def ask(size: Size) -> bool:
        if size.price > (client.usage.allowance or 0):
            return False
        try:
            size.ask(client)
        except BudgetError:  # further tries, or other integrations, have used up the rest
            return False
        return True

    refine(bill, ask)
    return report(
        bill.items(),
        client.usage,
        config.daily_token_reserve,
        config.daily_token_budget,
        audit_share(config, selected),
    )


def _names(job: Job) -> Sequence[str]:
    if not job.arguments.catalog:
        return sorted(chosen(job.arguments.set, job.arguments.streams))
    catalog = load("catalog", job.arguments.catalog, SourcePipedrive().read_catalog)
    if not catalog.streams:
        raise config_error(f"The catalog file {job.arguments.catalog} selects no streams.")
    return sorted(chosen("all", [each.stream.name for each in catalog.streams]))


def naming_lists(config: Config, selected: Sequence[Stream]) -> Sequence[Naming]:
    """The lists that a sync reads besides, each once: the definitions of custom fields, where they
    become columns, may be personal or are named in the privacy setting, and the labels."""
    users: dict[str, list[Stream]] = {}
    chosen_in = [STREAMS[c.stream] for c in config.privacy.choices if _is_custom(c)]
    always = {each.name: each for one in chosen_in for each in one.columns.definitions[:1]}
    found = {**always}
    for stream in selected:
        with_fields = [stream] if config.has_columns else []
        if config.privacy.has_presets:
            with_fields += [stream, *(stream.sources if is_changelog(stream) else ())]
        lists = [each for one in with_fields for each in one.columns.definitions[:1]]
        if config.has_columns and config.labels:
            lists += stream.columns.label_lists.values()
        for each in lists:
            found[each.name] = each
            users.setdefault(each.name, []).append(stream)
    return [Naming(each, () if name in always else users[name]) for name, each in found.items()]


def _is_custom(choice: ColumnChoice) -> bool:
    """Whether a choice names a custom field, or a column that no stream has."""
    stream = STREAMS.get(choice.stream)
    return stream is not None and choice.column not in reserved(stream)


def audit_share(config: Config, selected: Sequence[Stream]) -> int | None:
    """How many percent of the day an audit of these streams may use; None without an audit."""
    wanted = config.find_deleted_records
    has_results = any(stream.kind is Kind.DELETED for stream in selected)
    return wanted.share_of_day if isinstance(wanted, Verified) and has_results else None


def report(
    items: Sequence[Item],
    usage: Usage,
    reserve: int,
    budget: int | None = None,
    audit: int | None = None,
) -> Report:
    """The estimate for people and for programs. reserve: percent of the day left to others; budget:
    the most tokens of one sync, if the user limits them; audit: the percent of the day that an
    audit may use, if there is one."""
    total = sum(item.tokens for item in items)
    limit = usage.daily_limit
    used = {item.how for item in items}
    at_least = AT_LEAST in used and GUESS not in used  # a guess may be too high
    how = AT_LEAST if at_least else ABOUT
    days = ceil(total / (limit * (100 - reserve) / 100)) if limit else None
    head = ("stream", "records", "tokens", "of the day", "")
    shown = [item for item in items if item.tokens][:SHOWN]
    rest = items[len(shown) :]
    rows = [
        (
            item.stream if item.selected else f"({item.stream})",
            item.rows,
            item.tokens,
            usage.share(item.tokens) or None,
            item.how,
        )
        for item in shown
    ]
    if rest:
        left = sum(item.tokens for item in rest)
        rows.append(
            (f"{len(rest)} more (--json has them)", None, left, usage.share(left) or None, "")
        )
    syncs = ceil(total / budget) if budget else None
    words = _sentences(total, how, days, limit, reserve, usage.tokens)
    if budget and syncs and syncs > 1:
        words += (
            f"\nWith daily_token_budget, a sync stops after {budget:,} tokens, so it takes "
            f"{how} {syncs:,} syncs."
        )
    if audit is not None:
        most = f"{limit * audit // 100:,} tokens a day" if limit else f"{audit} % of the day"
        words += (
            "\nThe audit that find_deleted_records asks for comes on top, in the first sync, too. "
            f"It uses at most {most}."
        )
    words += "".join(f"\n{text}" for name, text in MEANINGS.items() if name in used)
    data = {**_data(items, total, at_least, days, usage), "syncs": syncs, "audit_share": audit}
    return Report(data, [Table(head, rows), words])


def _sentences(
    total: int, how: str, days: int | None, limit: int | None, reserve: int, spent: int
) -> str:
    day = (
        f"That is {how} {_percent(total / limit)} of the company's {limit:,} tokens a day"
        if limit
        else "Pipedrive does not report the size of the company's daily budget"
    )
    time = ""
    if days is not None:
        time = ", so it fits into one day" if days == 1 else f", so it takes {how} {days:,} days"
        time += f" ({reserve} % of each day is left to other integrations)" if reserve else ""
    lines = [
        f"A first sync of these streams costs {how} {total:,} API tokens. {day}{time}.",
        "Streams in brackets are read for others, or to name columns.",
        f"This estimate used {spent} API tokens.",
    ]
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.{1 if share < 0.1 else 0}f} %"


MEANINGS = {
    AT_LEAST: '"at least": one request is assumed for each parent, or for the whole list; more are '
    "needed if the answer has several pages.",
    GUESS: '"a guess": not all parents were counted. The tokens did not suffice, or the answers '
    "would cost more than they can change. Fewer streams leave more tokens for each.",
}


def _data(
    items: Sequence[Item], total: int, at_least: bool, days: int | None, usage: Usage
) -> dict[str, Any]:
    return {
        "tokens": total,
        "at_least": at_least,
        "daily_tokens": usage.daily_limit,
        "days": days,
        "spent": usage.tokens,
        "streams": [
            {
                "stream": item.stream,
                "records": item.rows,
                "tokens": item.tokens,
                "certainty": item.how or "exact",
                "selected": item.selected,
            }
            for item in items
        ],
    }
