"""A small, strict, local Pipedrive for demos and tests; it knows only the vendor's contract."""

from .sandbox import Sandbox

__all__ = ["Sandbox"]
