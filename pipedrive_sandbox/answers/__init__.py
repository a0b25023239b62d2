"""Builds response bodies from records: one module per topic of routes, `pages` for what they
share, `computed` for data that no table stores."""
