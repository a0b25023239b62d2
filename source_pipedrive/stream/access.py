"""Who can read a stream: scopes, permissions, and answers that mean it is unavailable."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from source_pipedrive.http.errors import AnswerPattern
from source_pipedrive.http.words import HIDDEN_WORDS, NO_WORDS, words

PAYMENT_REQUIRED = 402


@dataclass(frozen=True)
class UnavailableAnswer(AnswerPattern):
    """An error that means "this account does not have it": the stream is empty, not broken."""

    meaning: str
    """What the user should know, after the name of the stream: "not part of this plan"."""
    source: str
    """How this is known, or what the account lacks; documentation shows what stands before a
    semicolon. No log does."""

    def words_for(self, body: str) -> str:
        """`not part of this Pipedrive plan (402)`; for any less certain answer with Pipedrive's own
        words from `body`."""
        said = words(body).rstrip(".")
        is_certain = self.status == PAYMENT_REQUIRED or said in (NO_WORDS, HIDDEN_WORDS)
        quoted = "" if is_certain else f' "{said}"'
        return f"{self.meaning} ({self.status}{quoted})"


@dataclass(frozen=True)
class Needs:
    """What a user needs to see a stream, and how `check` finds out."""

    words: str
    """Ends a sentence about a refusal: "the user lacks the permission ..."."""
    app: str = ""
    """An app that users/me lists for the user."""
    admin: bool = False
    """Whether the user has to be an admin of that app."""
    permission: str = ""
    """One of the permissions of users/{id}/permissions."""
    unknown: str = ""
    """Why only a sync can find out; `check` then reports the stream as not checked."""


@dataclass(frozen=True, kw_only=True)
class StreamAccess:
    """Which credentials can read a stream, and how much they see."""

    scopes: tuple[str, ...]
    """OAuth scopes, any of which is enough."""
    needs: Needs
    """What the token's user needs beyond a scope."""
    means_unavailable: tuple[UnavailableAnswer, ...] = ()
    """Answers that mean that this account does not have the stream."""
    only_own_data: bool = False
    """Whether the stream contains only the token user's own data."""

    @property
    def read_scope(self) -> str:
        """The narrowest scope that lets an app read the stream."""
        return min(self.scopes, key=lambda s: (not s.endswith(":read"), s == "admin", s))

    def mistakes(self) -> Iterator[str]:
        """What is wrong with the definition, in sentences."""
        if not self.scopes:
            yield "it has no scope"
