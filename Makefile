# Everything needs only make and Python 3.11 or newer.
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do $$p -c "" 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
IMAGE ?= source-pipedrive:dev
# `make image BUILD="--network host"` is what works where a proxy is in the way.
BUILD ?=

.PHONY: demo test lint types unit integration image bench golden clean

demo: .venv/ready
	@$(BIN)/python -m pipedrive_sandbox.demo

test: lint types unit integration

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

unit: .venv/ready
	$(BIN)/pytest unit_tests

integration: .venv/ready
	$(BIN)/pytest integration_tests

image:
	docker build $(BUILD) -t $(IMAGE) .

bench: .venv/ready
	$(BIN)/python -m benchmarks

# Writes the golden files and the README's table anew; read the diff.
golden: .venv/ready
	UPDATE_GOLDEN=1 $(BIN)/pytest -q unit_tests integration_tests -k golden

clean:
	rm -rf .venv .demo build dist *.egg-info

.venv/ready: setup.py constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[test]'
	touch $@
