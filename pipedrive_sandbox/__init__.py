"""A small, strict, local Pipedrive for demos and tests, built only on the vendor's contract."""

from .options import Options
from .sandbox import Sandbox

__all__ = ["Options", "Sandbox"]
