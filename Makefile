# On a fresh machine with Python 3.11 or newer: `make demo` shows the market, `make test` runs the tests.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CODE := market_core server tests benchmarks docs

.PHONY: help demo test check lint format docs golden soak bench clean
help:            ## show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

# uv where it is installed, else venv and pip; exact versions from constraints.txt.
$(READY): pyproject.toml constraints.txt
	@if command -v uv >/dev/null 2>&1; then \
		uv venv --quiet --allow-existing --python '>=3.11' $(VENV) && \
		uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '.[dev]'; \
	else \
		$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")' && \
		$(PYTHON) -m venv $(VENV) && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'; \
	fi
	@touch $@

demo: $(READY)   ## run the demonstration: three auctions, a clearing and a pool, through real MCP clients
	@$(BIN)/agent-market demo

test: $(READY)   ## run the tests
	@$(BIN)/python -m pytest

check: lint test ## the whole gate: format, lint, types, import rules, docs, the contractors, tests

lint: $(READY)   ## the gate without the tests
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python docs/generate.py --check
	@$(BIN)/python benchmarks/contractors.py --check

format: $(READY) ## format the code and mend what can be mended
	@$(BIN)/ruff format $(CODE)
	@$(BIN)/ruff check --fix $(CODE)

docs: $(READY)   ## write the generated parts of the documentation
	@$(BIN)/python docs/generate.py

golden: docs     ## record anew what agents see and what is stored: tools, refusals, stories, events; review the diff
	@$(BIN)/python -m pytest -q --rewrite-golden tests/server/test_snapshots.py tests/server/test_tool_refusals.py \
		tests/server/test_codec.py

ROUNDS ?= 200
soak: $(READY)   ## long runs of the crash and race tests: make soak ROUNDS=200
	@SOAK_ROUNDS=$(ROUNDS) $(BIN)/python -m pytest -m soak -p no:cacheprovider

bench: $(READY)  ## measure (see benchmarks/README.md)
	@$(BIN)/python benchmarks/core.py
	@$(BIN)/python benchmarks/calls.py
	@$(BIN)/python benchmarks/startup.py

clean:           ## remove what was made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
