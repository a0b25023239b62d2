# Everything needs only make and Python 3.11 to 3.13.
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do $$p -c "" 2>/dev/null && echo $$p && break; done)
# The demo needs PyAirbyte, which does not install on Python 3.13.
GOALS := $(or $(MAKECMDGOALS),demo)
PYTHONS := $(if $(filter demo,$(GOALS)),3.11 or 3.12,3.11 to 3.13)
TOO_NEW := $(if $(filter demo,$(GOALS)),13,14)
BIN := .venv/bin
IMAGE ?= source-pipedrive:dev
INSTALL := pipedrive_sandbox/demo/install.py
# Behind a proxy: `make image BUILD="--network host"`.
BUILD ?=

.PHONY: demo python test test-image lint types unit coverage integration image bench form golden contract lock clean

# `make demo ALL=1` prints every stream, FRESH=1 starts over, SQL="..." only runs a query on the data.
# `make demo DOCKER=1` uses the image. Without an engine, the demo itself explains what to do.
demo: .venv/demo
ifneq ($(filter-out 0,$(DOCKER)),)
	@if docker info >/dev/null 2>&1; then $(MAKE) --no-print-directory image; fi
	@$(BIN)/python -m pipedrive_sandbox.demo --image $(IMAGE)
else
	@$(BIN)/python -m pipedrive_sandbox.demo
endif

# Everything that needs no Docker engine, one part at a time, even under `make -j`.
test:
	@echo "This takes about twenty minutes on two cores: lint, types, unit tests, integration tests."
	@for part in lint types unit integration; do $(MAKE) --no-print-directory $$part || exit; done
	@echo "Left out: the tests that need a Docker engine and the image. Run them: make test-image"

# Without an engine the tests report that they did not run; with REQUIRE_IMAGE_TESTS=1 they fail.
test-image: .venv/ready
	$(BIN)/pytest integration_tests -m image

# Offline. actionlint is left out: its package downloads a program from outside PyPI.
lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/zizmor --quiet --offline .github
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.renovate renovate.json

types: .venv/ready
	$(BIN)/mypy

# Two parts in parallel: `pytest $(1)` in the background and `pytest $(2)`, whose output comes first.
define halves
@$(BIN)/pytest $(1) >.venv/other-half.log 2>&1 & other=$$!; \
trap 'kill $$other 2>/dev/null' INT TERM; \
$(BIN)/pytest $(2); failed=$$?; \
wait $$other || failed=1; cat .venv/other-half.log; exit $$failed
endef

unit: .venv/ready
	$(call halves,unit_tests/test_[a-m]*.py,unit_tests --ignore-glob='*/test_[a-m]*.py')

# The unit tests once more, with branch coverage. pyproject.toml has the floor.
coverage: .venv/ready
	$(BIN)/coverage run -m pytest unit_tests
	$(BIN)/coverage report
	@$(BIN)/coverage report --format=total | awk -v floor=$$(awk '/^fail_under/ { print $$3 }' pyproject.toml) \
		'$$1 >= floor + 1 { print "Coverage has risen to " $$1 " %: raise fail_under in pyproject.toml."; exit 1 }'

# One half mostly waits for rate limits, signals and other programs; the replay makes them even.
WAITING := $(patsubst %,integration_tests/test_%.py,limits termination faults demo pyairbyte recipes standard \
	privacy probe tools estimate login sets replay)
integration: .venv/ready
	$(call halves,-m "not image" $(WAITING),integration_tests -m "not image" $(addprefix --ignore=,$(WAITING)))

image:
	docker build $(BUILD) -t $(IMAGE) .

bench: .venv/ready
	$(BIN)/python -m benchmarks

# Renders the form that the spec defines, fills it in and checks it; pictures go to docs/images.
CHROMIUM ?= chromium
form: .venv/ready
	@node -e 'process.exit(parseInt(process.versions.node) < 18 ? 1 : 0)' 2>/dev/null \
		&& command -v npm >/dev/null && command -v $(CHROMIUM) >/dev/null \
		|| { echo "make form needs Node.js 18 or newer and Chromium:" \
			"on Debian apt-get install nodejs npm chromium"; exit 1; }
	cd form && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@PYTHON=$(BIN)/python CHROMIUM=$(CHROMIUM) node form/fill.mjs

# Rewrites the golden files and the generated parts of the docs (docs/generators); read the diff.
golden: .venv/ready
	UPDATE_GOLDEN=1 $(BIN)/pytest -q unit_tests integration_tests -k golden

# Rewrites the facts about Pipedrive's API from its OpenAPI files in the folder PIPEDRIVE_OPENAPI;
# read the diff.
contract: .venv/ready
	@$(BIN)/python -m unit_tests.contract

# Rewrites requirements.txt: the part of constraints.txt that the image installs, with PyPI's hashes.
# The list is the same for every platform and Python version that the connector supports.
lock: .venv/ready
	echo "# Made by make lock from setup.py and constraints.txt: what the image installs." >requirements.txt
	echo setuptools | $(BIN)/uv pip compile --quiet setup.py - --constraints constraints.txt \
		--generate-hashes --no-header --no-annotate --python-version 3.11 \
		--python-platform x86_64-manylinux_2_31 >>requirements.txt

clean:
	rm -rf .venv .demo build dist *.egg-info form/node_modules form/build

# What the demo needs; the tests need more. Order-only: `python` only checks.
.venv/demo: setup.py constraints.txt | python
	@$(PYTHON) -P $(INSTALL) .venv demo "Installing, about a minute"
	@touch $@

.venv/ready: .venv/demo
	@$(PYTHON) -P $(INSTALL) .venv test "Installing what the tests need, about half a minute"
	@touch $@

python:
	@python='$(PYTHON)'; if [ -e .venv ]; then python=$(BIN)/python; fi; \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, $(TOO_NEW)))' 2>/dev/null \
		|| { echo "make $(GOALS) needs Python $(PYTHONS): install one," \
			"then type make clean $(GOALS) PYTHON=python3.12" >&2; exit 1; }
