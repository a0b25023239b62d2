"""source-pipedrive login: connects an OAuth app to a company, and writes the configuration.

login.py       the steps, and what may go wrong between them
callback.py    the address that Pipedrive sends the browser to, and what it says there
loopback.py    receives it on this machine
pasted.py      receives it from the person, who pastes it
pages.py       what the browser shows
person.py      asks the person at the terminal, and opens the browser
saved.py       the configuration file
result.py      the report
"""

from source_pipedrive.tools.login.login import run

__all__ = ["run"]
