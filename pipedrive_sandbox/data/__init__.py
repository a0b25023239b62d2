"""The made-up company: every record is drawn from a seed, relative to the clock at creation."""
