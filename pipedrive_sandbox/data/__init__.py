"""The made-up company: every record is generated from a seed, relative to the clock at creation."""
