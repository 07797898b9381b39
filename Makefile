# Every target sets up .venv first, from the lock file with hashes; the second time that is instant.
#   make demo              watch a model go stale and recover, on a year of real flights
#   make demo ARGS=--once  the same, and end by itself
#   make test              the test suite          make test ARGS=tests/core
#   make kills             kill the service 60 times under load, and compare      make kills KILLS=200
#   make check             style, types, import rules, Dockerfile, known vulnerabilities
# PYTHON=/path/to/python3.12 chooses the interpreter.
MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DEFAULT_GOAL := help

ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Numerical libraries would start a thread a core in each of the test processes.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: help
help: ## what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(READY) ## watch a model go stale and recover, on a year of real flights (ARGS=--once: end by itself)
	@$(BIN)/driftwatch demo $(ARGS)

.PHONY: test
test: $(READY) ## the test suite, and every example in the documentation of the code
	@$(ONE_THREAD) $(BIN)/python -m pytest -n 2 $(if $(ARGS),$(ARGS),--cov --cov-report=term)

.PHONY: kills
kills: KILLS ?= 60
kills: $(READY) ## kill the service at every step and at random moments under load, and compare what it keeps (KILLS=60)
	@KILLS=$(KILLS) $(ONE_THREAD) $(BIN)/python -m pytest --capture=no tests/durability/test_kills.py \
		tests/durability/test_outbox_kills.py

.PHONY: fuzz
fuzz: $(READY) ## a hundred thousand inputs for every decoder, and more questions to every route (FUZZ_INPUTS, FUZZ_SEED)
	@FUZZ_INPUTS=$${FUZZ_INPUTS:-100000} $(ONE_THREAD) $(BIN)/python -m pytest -n 2 --dist worksteal tests/fuzz $(ARGS)

.PHONY: conformance
conformance: $(READY) ## the proxy before real model servers, the sinks before real schedulers; installs them in build/servers
	@PYTHON=$(BIN)/python tests/servers/install
	@CONFORMANCE=1 $(ONE_THREAD) $(BIN)/python -m pytest tests/servers

.PHONY: check
check: lint types imports dockerfile audit ## style, types, import rules, Dockerfile, known vulnerabilities

.PHONY: lint
lint: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: types
types: $(READY)
	@$(BIN)/mypy

.PHONY: imports
imports: $(READY)
	@$(BIN)/lint-imports --no-cache

.PHONY: dockerfile
dockerfile: $(READY)
	@$(BIN)/hadolint Dockerfile

.PHONY: audit
audit: $(READY) ## known vulnerabilities in the locked packages
	@PYTHON=$(BIN)/python requirements/audit

.PHONY: format
format: $(READY) ## rewrite the code in the project's style
	@$(BIN)/ruff check --quiet --fix-only .
	@$(BIN)/ruff format --quiet .

.PHONY: docs
docs: $(READY) ## write the documentation's tables of settings and metrics from the code
	@$(BIN)/python docs/write_tables.py

.PHONY: lock
lock: $(READY) ## resolve the dependencies of pyproject.toml into requirements/*.lock (UPGRADE=1: newest of all)
	@command -v uv >/dev/null || [ -x build/uv/bin/uv ] || \
		{ $(BIN)/python -m venv build/uv && build/uv/bin/pip install --quiet uv; }
	@UV=$$(command -v uv || echo build/uv/bin/uv) UPGRADE=$(UPGRADE) requirements/lock

.PHONY: clean
clean: ## remove everything that was made here
	@rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache \
		.pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements/build.lock requirements/dev.lock requirements/install pyproject.toml
	@requirements/install
	@touch $@
