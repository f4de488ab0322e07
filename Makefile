# Everything runs in .venv, which `make setup` builds; nothing else on the machine is used or changed.
PYTHON ?= python3
BIN := .venv/bin
# Processes that share the test files; a file's tests stay together, with the server and the browser they use.
WORKERS ?= 2
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile
BENCHMARKS := embedding_throughput retrieval_latency retrieval_quality relevance_floor precision intent own_words reading \
	ingestion search_during_ingestion clauses desk_check ui_load

.PHONY: setup run test test-all check bench

setup: .venv/.installed

.venv/.installed: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed: make PYTHON=python3.12 setup")'
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch .venv/.installed

run: setup
	$(BIN)/python -m app serve

test: setup
	$(PYTEST) -m "not slow"

test-all: setup
	$(PYTEST)

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	for name in $(BENCHMARKS); do $(BIN)/python -m benchmarks.$$name || exit 1; done
