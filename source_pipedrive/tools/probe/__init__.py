"""source-pipedrive probe: asks a real account what nobody documents, for at most 600 API tokens.

asks.py       the table of requests; each is sent once, its answer serves several questions
questions.py  the table of questions: what the connector assumes, and who judges the answers
interview.py  sends the requests
answers.py    an answer, and all answers together
findings.py   what a report may contain; nothing else can enter one
orders.py, lists.py, shapes.py, refusals.py, deletions.py, headers.py, tokens.py   the judges
document.py   the report as JSON and as Markdown
"""

from source_pipedrive.tools.probe.probe import run

__all__ = ["run"]
