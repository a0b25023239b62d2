"""The pages that the browser shows. None contains a code, a state or a token."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape

_STYLE = (
    "body{font:1.1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:15vh auto;padding:0 1rem;"
    "color-scheme:light dark}h1{font-size:1.5rem}"
)


@dataclass(frozen=True)
class Page:
    """A page with a title and one paragraph of text per sentence."""

    title: str
    sentences: tuple[str, ...]
    status: int = 200

    def html(self) -> bytes:
        """The page; its text is escaped."""
        title = escape(self.title)
        body = "\n".join(f"<p>{escape(sentence)}</p>" for sentence in self.sentences)
        return (
            '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width">\n'
            f"<title>{title}</title>\n<style>{_STYLE}</style>\n<h1>{title}</h1>\n{body}\n</html>\n"
        ).encode()


def connected(company: str, user: str) -> Page:
    """The end of a login that worked."""
    return Page(
        f"Connected to {company}",
        (
            f"source-pipedrive can now read {company} as {user}.",
            "You can close this window. The terminal says what to do next.",
        ),
    )


def failed(sentence: str) -> Page:
    """The end of a login that did not."""
    return Page("Not connected", (sentence, "You can close this window."))


NOT_THIS_LOGIN = Page(
    "This is not the login that is waiting",
    (
        "The request does not carry the secret of the login that source-pipedrive is waiting for, "
        "so it was ignored.",
        "If you clicked Cancel in Pipedrive, press Ctrl-C in the terminal. Otherwise open the "
        "address that the terminal shows.",
    ),
    400,
)
NOTHING_HERE = Page("Nothing here", ("Open the address that the terminal shows.",), 404)
NOT_UNDERSTOOD = Page("Not understood", ("Only a browser should send requests to this port.",), 400)
