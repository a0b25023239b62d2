"""What a report of the probe may contain, so that it can be published.

A report is made of sentences of this program and of facts. A fact is a yes or no, an HTTP status,
a count cut to a power of ten, the names of JSON types, a word from a list in this program, or names
of keys. The functions below make facts of nothing else, so no value of a record can become one.

Names of keys are those of Pipedrive's fields, as the connector's schemas list them. Pipedrive adds
fields, and to learn of them is one purpose of a report, so another name is shown if it looks like
one of Pipedrive's: lower-case words with underscores, without digits, at most 40 characters, in at
least half of the records, and no text of any answer. Otherwise it may be data that became a key,
and the report only says that there is one. A custom field is "<custom field>": its key is 40
hexadecimal digits, with or without more.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import Any
from unicodedata import normalize

CUSTOM = "<custom field>"
OTHER = "<other>"
OF_CUSTOM_FIELD = re.compile(r"[0-9a-f]{40}(_.*)?", re.DOTALL)
LIKE_PIPEDRIVES = re.compile(r"[a-z]+(_[a-z]+)*")
LONGEST = 40  # characters of a name
# Words that names of headers about limits are made of, beside those of ordinary headers.
LIMIT_WORDS = frozenset(
    {
        *("x", "daily", "ratelimit", "rate", "limit", "remaining", "reset", "token", "tokens"),
        *("requests", "request", "left", "retry", "after", "policy", "used", "cost", "budget"),
        *("window", "correlation", "id"),
    }
)
HEADERS = frozenset(
    {
        *("date", "server", "vary", "age", "via", "etag", "expires", "pragma", "connection"),
        *("keep-alive", "content-type", "content-length", "content-encoding", "cache-control"),
        *("transfer-encoding", "cf-ray", "cf-cache-status", "access-control-expose-headers"),
        *("access-control-allow-origin", "strict-transport-security", "x-content-type-options"),
        *("x-frame-options", "x-xss-protection", "x-401-by-gw", "set-cookie", "referrer-policy"),
        *("alt-svc", "nel", "report-to", "server-timing"),
    }
)


class Verdict(StrEnum):
    """What the answers say about an assumption."""

    CONFIRMED = "confirmed"
    REFUTED = "refuted"
    UNDECIDED = "undecided"


class Why(StrEnum):
    """Why the answers decide nothing."""

    EMPTY = "the account has no such records"
    FEW = "the account has too few such records"
    SAME_ORDER = "by id, the records have the same order"
    HAS_IT = "the account has the feature, so nothing was refused"
    REFUSED = "Pipedrive refused the request"
    UNANSWERED = "Pipedrive did not answer"
    STOPPED = "the probe had stopped before: Pipedrive no longer answered"
    ENDED = "the probe had been ended before, by Ctrl-C"
    BLOCKED = "the probe had stopped before: Pipedrive refused the credentials or all requests"
    BUDGET = "the API tokens that were allowed or left did not suffice"
    ODD = "the answer has no form that this program knows"
    NOT_OAUTH = "the credentials are an API token"
    OTHER_SCOPES = "the app has other scopes"
    NO_LIMIT = "no request exceeded a limit"
    OTHERS = "other integrations were at work"
    NO_HEADER = "the answers lack the header"
    FEW_CHANGES = "no change shows it"


@dataclass(frozen=True)
class Fact:
    """A part of a finding that may be published. Use the functions below to make one."""

    value: bool | int | str | tuple[str, ...] | Mapping[str, str]


def flag(value: object) -> Fact:
    """Yes or no."""
    return Fact(bool(value))


def status(code: int) -> Fact:
    """An HTTP status."""
    return Fact(code if 100 <= code <= 599 else 0)


def rounded(number: int) -> str:
    """`number` cut to a power of ten: none, 1+, 10+, 100+."""
    return "none" if number <= 0 else f"{10 ** (len(str(number)) - 1)}+"


def count(number: int) -> Fact:
    """About how many."""
    return Fact(rounded(number))


def word(text: object, among: Collection[str]) -> Fact:
    """`text` if it is one of `among`, which this program lists."""
    return Fact(text if isinstance(text, str) and text in among else OTHER)


def words(texts: Iterable[object], among: Collection[str]) -> Fact:
    """Those of `texts` that are among the listed ones, and whether there are others."""
    return Fact(tuple(sorted({str(word(text, among).value) for text in texts})))


def type_name(value: object) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    names = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
    return names.get(type(value), "object")


def types(values: Iterable[object]) -> Fact:
    """The JSON types of the values."""
    return Fact(tuple(sorted({type_name(value) for value in values})))


def shown(name: str, known: Collection[str], values: frozenset[str]) -> str:
    """The name of a key as a report shows it. values: texts that the answers contain, in lower
    case."""
    if OF_CUSTOM_FIELD.fullmatch(name):
        return CUSTOM
    if name in known:
        return name
    like = LIKE_PIPEDRIVES.fullmatch(name) and len(name) <= LONGEST
    return name if like and name not in _as_keys(values) else OTHER


@lru_cache(maxsize=1)
def _as_keys(values: frozenset[str]) -> frozenset[str]:
    """The texts as keys would have them: "Jane O'Hara" becomes jane_o_hara, and janeohara.
    Accents are left out."""
    plain = [normalize("NFKD", text) for text in values if len(text) <= 2 * LONGEST]
    words_of = [re.findall(r"[a-z]+", re.sub(r"[\u0300-\u036f]", "", text)) for text in plain]
    return frozenset(joined.join(each) for each in words_of for joined in ("_", ""))


def unexpected_keys(
    records: Sequence[Mapping[str, Any]],
    expected: Collection[str],
    known: Collection[str],
    values: frozenset[str],
) -> Fact:
    """The keys that are not expected, with the types of their values. known: keys of other lists;
    values: texts that the answers contain, in lower case."""
    kinds_of: dict[str, list[str]] = {}
    for record in records:
        for key, value in record.items():
            if key not in expected:
                kinds_of.setdefault(key, []).append(type_name(value))
    found: dict[str, set[str]] = {}
    for key, kinds in kinds_of.items():
        rare = 2 * len(kinds) < len(records)
        name = shown(key, known, values)
        name = OTHER if rare and name not in (*known, CUSTOM) else name
        found.setdefault(name, set()).update(kinds)
    return Fact({name: ", ".join(sorted(kinds)) for name, kinds in sorted(found.items())})


def listed_keys(names: Iterable[str], known: Collection[str]) -> Fact:
    """The names of keys that are known; others count as one."""
    return Fact(tuple(sorted({name if name in known else OTHER for name in names})))


def header_name(name: str) -> str:
    """The name of a header as a report shows it: one of the usual names, or made of words about
    limits. A proxy's own name may tell who uses it."""
    lower = name.lower()
    usual = lower in HEADERS or set(lower.split("-")) <= LIMIT_WORDS
    return lower if usual else OTHER


@dataclass(frozen=True)
class Finding:
    """A verdict, the reason if the answers do not tell, and the facts that it rests on."""

    verdict: Verdict
    why: Why | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)


def confirmed(**facts: Fact) -> Finding:
    """The account behaves as the connector assumes."""
    return Finding(Verdict.CONFIRMED, None, facts)


def refuted(**facts: Fact) -> Finding:
    """It does not."""
    return Finding(Verdict.REFUTED, None, facts)


def undecided(why: Why, **facts: Fact) -> Finding:
    """The answers do not tell."""
    return Finding(Verdict.UNDECIDED, why, facts)


def found(holds: object, **facts: Fact) -> Finding:
    """Confirmed if it holds, else refuted."""
    return confirmed(**facts) if holds else refuted(**facts)
