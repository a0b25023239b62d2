"""A small, strict, local Pipedrive for demos and tests; it knows only the vendor's contract."""

from .options import Options
from .sandbox import Sandbox

__all__ = ["Options", "Sandbox"]
