"""What `make golden` writes into the docs: tables of streams, scopes, permissions; the diagram."""
