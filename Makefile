# `make demo` and `make test` are all a fresh clone needs; both make .venv on first use.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
endif
READY := $(VENV)/.ready

.PHONY: demo test lint types unit long inspector conformance bench bench-peers lock clean

demo: $(READY)
	$(BIN)/order-skills demo

test: lint types unit

lint: $(READY)
	$(BIN)/ruff format --check src tests
	$(BIN)/ruff check src tests

types: $(READY)
	$(BIN)/mypy

unit: $(READY)
	$(BIN)/python -m pytest -n auto --dist worksteal -m "not long"

long: $(READY) inspector conformance
	$(BIN)/python -m pytest -m long

# Brings Node.js and the MCP Inspector; needs the npm registry beside Python's.
inspector: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/inspector/requirements.txt
	$(BIN)/npm --prefix tests/inspector install --silent --no-audit --no-fund --no-package-lock --ignore-scripts
	$(BIN)/python tests/inspector/run.py

# Brings Node.js and the official conformance suite in the same way.
conformance: $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tests/inspector/requirements.txt
	$(BIN)/npm --prefix tests/conformance install --silent --no-audit --no-fund --no-package-lock --ignore-scripts
	$(BIN)/python -m tests.conformance

bench: $(READY) bench-peers
	$(BIN)/python -m tests.benchmarks

# What ours is measured beside lives in a venv of its own: it is no dependency.
bench-peers:
	$(PYTHON) -m venv .bench-venv
	.bench-venv/$(notdir $(BIN))/python -m pip install --quiet --disable-pip-version-check -r tests/benchmarks/peers/requirements.txt

$(READY): pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	$(BIN)/python -c "import pathlib; pathlib.Path('$(READY)').touch()"

# Exact versions of everything, without a registry's address.
lock:
	$(PYTHON) -m venv .lock-venv
	.lock-venv/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,postgres,otel]"
	.lock-venv/bin/python -m pip freeze --exclude-editable | sort -f > requirements.lock
	rm -rf .lock-venv

clean:
	rm -rf $(VENV) .bench-venv tests/inspector/node_modules tests/conformance/node_modules
	rm -rf .mypy_cache .ruff_cache .pytest_cache
