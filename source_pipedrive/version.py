"""The version and the address of the project, in a module that any other can import."""

from __future__ import annotations

__version__ = "0.2.0"
HOME = "https://github.com/pipedrive-to-warehouse/source-pipedrive"
