"""Pipedrive as an Airbyte source: `SourcePipedrive` and the version.

The class is imported on first use, because the import takes most of a second.
"""

from __future__ import annotations

from source_pipedrive.version import __version__

__all__ = ["SourcePipedrive", "__version__"]

TYPE_CHECKING = False  # true for type checkers; saves importing typing
if TYPE_CHECKING:
    from source_pipedrive.source import SourcePipedrive
else:

    def __getattr__(name: str) -> object:
        if name != "SourcePipedrive":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from source_pipedrive.source import SourcePipedrive

        return SourcePipedrive
