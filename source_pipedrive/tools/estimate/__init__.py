"""source-pipedrive estimate: what a first sync reads and costs, for at most 150 API tokens."""

from source_pipedrive.tools.estimate.estimate import run

__all__ = ["run"]
