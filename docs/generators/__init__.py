"""What `make golden` writes into the docs: the tables of streams and the diagram."""
