# Trivium: `make` says what there is. Needs git, make and Python 3.11-3.13; everything else comes with `make setup`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-clean test test-all test-compat check fmt lock bench bench-tasks ui down

CORPUS ?= openmoji
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && command -v $$p && break; done)
export TRIVIUM_HOME ?= $(CURDIR)/.trivium
RUN := .venv/bin/python
# uv is taken from PATH, else from a small environment of its own.
UV_VERSION := 0.13.9
UV = $(shell command -v uv || echo .venv/uv/bin/uv)
STAMP := .venv/installed

help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo "  CORPUS=openmoji | stamps | path/to/your/folder (now $(CORPUS));  TRIVIUM_HOME=$(TRIVIUM_HOME)"

setup: $(STAMP) ## create the environment in .venv from requirements.lock

# The stamp is written last: a set-up that was interrupted is done again, and what is there is not fetched again.
$(STAMP): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found. Install one, or name it: make setup PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || { echo "$(PYTHON): not Python 3.11 to 3.13"; exit 1; }
	@rm -f $(STAMP)
	@command -v uv >/dev/null || test -x .venv/uv/bin/uv || { $(PYTHON) -m venv .venv/uv && .venv/uv/bin/python -m pip install --quiet uv==$(UV_VERSION); }
	@test -x $(RUN) || $(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	@echo "Installing what requirements.lock names into .venv (some gigabytes the first time)"
	VIRTUAL_ENV=.venv $(UV) pip sync --require-hashes requirements.lock
	VIRTUAL_ENV=.venv $(UV) pip install --no-deps --editable .
	@touch $(STAMP)

demo: $(STAMP) ## from the corpus to a promoted model, with a summary; again: only what is missing
	@exec $(RUN) -m assets journey --corpus "$(CORPUS)"

demo-clean: ## delete everything the demo made (TRIVIUM_HOME); asks before it does
	@test -d "$(TRIVIUM_HOME)" || { echo "nothing to delete"; exit 0; }; \
	test "$(YES)" = 1 || { read -r -p "Delete $(TRIVIUM_HOME)? [y/N] " answer && test "$$answer" = y; } && rm -rf "$(TRIVIUM_HOME)"

test: $(STAMP) ## the fast tests: no network, a few minutes
	$(RUN) -m pytest -q -n auto --dist loadfile -m "not slow and not ray and not gpu and not compat"

test-all: $(STAMP) ## every test that needs no accelerator
	$(RUN) -m pytest -q -m "not gpu and not compat"

test-compat: $(STAMP) ## our shards read by foreign readers and theirs by us; makes their environments (network, once)
	$(RUN) -m pytest -q -m compat tests/compat

check: $(STAMP) ## formatting, lint, types, layers
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo

fmt: $(STAMP) ## format, mend what can be mended, write generated tables into the documents
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .
	$(RUN) -m tests.project.architecture

lock: ## write requirements.lock again from pyproject.toml
	$(UV) pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet --output-file requirements.lock

bench: $(STAMP) ## measure speed, side by side with the peers: tests/benchmarks/results
	$(RUN) -m tests.benchmarks

bench-tasks: $(STAMP) ## train every task's recipe on the root of `make demo` and hold it to its bar (an hour)
	$(RUN) -m tests.benchmarks.tasks

ui: $(STAMP) ## start the Dagster and MLflow pages and wait; says where they are
	@exec $(RUN) -m assets ui

down: ## stop what `make ui` started
	@exec $(RUN) -m assets down
