# Each target is one or a few plain commands that work by hand as well, after `make setup`.
# Everything sets itself up: no manual step before `make demo` or `make test`.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

PY := .venv/bin/python
# Written last, with the path of this checkout: absent after an interrupted set-up, and wrong after
# a move of the folder, which breaks what pip wrote into .venv.
STAMP := .venv/.complete
TYPES_STAMP := .venv/.types-complete

# How `make test` runs pytest: on all cores, up to eight.
QUICK := -m "not slow" --hypothesis-profile=ci -q --numprocesses=auto --maxprocesses=8

# Which cells of `make matrix` to run; empty for all.
CELLS ?=

# Which Python to make .venv with; empty to look for one.
PYTHON ?=

# The demo's input, see `make help`.
EXPORT ?=
CHAT ?=
export EXPORT CHAT

.PHONY: setup demo test test-long lint types docs bench bench-quick foreign matrix check-wheel format clean help

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1	\2/p' Makefile | while IFS='	' read -r name text; do \
	  printf '  %-12s %s\n' "$$name" "$$text"; done

setup: $(STAMP) ## Create .venv with everything in it (the other targets do this by themselves)

demo: $(STAMP) ## Export 20,000 messages, telefast against stock [EXPORT=result.json] [CHAT=name]
	@set -- demo; [ -z "$$EXPORT" ] || set -- "$$@" --export "$$EXPORT"; \
	[ -z "$$CHAT" ] || set -- "$$@" --chat "$$CHAT"; exec $(PY) -m telefast "$$@"

test: $(STAMP) ## Run all tests but the slow ones, with coverage gates (up to 8 minutes)
	$(PY) -m coverage erase
	$(PY) -m coverage run --data-file=.coverage.unit -m pytest tests/unit $(QUICK)
	$(PY) -m coverage run --data-file=.coverage.rest -m pytest --ignore=tests/unit $(QUICK)
	$(PY) tests/coverage_gates.py

test-long: $(STAMP) ## Run all tests with full numbers
	$(PY) -m pytest --hypothesis-profile=long -q --override-ini=timeout=1800

lint: $(STAMP) ## Check style, formatting, import contracts, spelling and project metadata
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m compileall -q -x '/[.]venv/' telefast tests examples docs $(wildcard benchmarks)
	.venv/bin/lint-imports --no-cache
	$(PY) -m codespell_lib
	$(PY) -m validate_pyproject pyproject.toml

types: $(TYPES_STAMP) ## Check types with mypy --strict, and the public API with pyright
	$(PY) -m mypy
	$(PY) -m basedpyright

docs: $(STAMP) ## Build the documentation into docs/_build/html, without network, and run its examples
	$(PY) -m sphinx -n -W --keep-going -q -b html docs docs/_build/html
	$(PY) -m sphinx -n -W --keep-going -q -b doctest docs docs/_build/doctest

bench: $(STAMP) ## Run the benchmarks, full sizes (hours); results in bench-out/full.json and .csv
	$(PY) -m benchmarks --json bench-out/full.json --csv bench-out/full.csv
	$(PY) -m benchmarks memory ablation --json bench-out/more.json --csv bench-out/more.csv

bench-quick: $(STAMP) ## Run the benchmarks, small sizes, and fail if something costs more than it did
	$(PY) -m benchmarks --quick --gate --json bench-out/quick.json --csv bench-out/quick.csv

foreign: $(STAMP) ## Let clients that nobody here wrote (kurigram, mtcute) at the embedded Telegram
	$(PY) tests/foreign/prepare.py
	$(PY) -m pytest tests/foreign -q -rs

matrix: $(STAMP) ## Run some tests on each Telethon and Python that is served, in turn [CELLS=1.42]
	$(PY) tests/matrix.py $(CELLS)

check-wheel: $(STAMP) ## Build the sdist and the wheel, look at them, use the wheel elsewhere
	$(PY) tests/check_wheel.py

format: $(STAMP) ## Sort imports, fix what ruff can fix, format
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean: ## Remove everything that make has made, .venv included
	rm -rf tests/foreign/.venv tests/foreign/node_modules tests/foreign/.unavailable-*
	rm -rf .venv dist build demo-out bench-out docs/_build htmlcov .coverage .coverage.* \
	  .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find telefast tests examples docs -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up -------------------------------------------------------------------------------------

# Made anew unless it is complete, belongs to this folder, and its Python still runs.
ifneq ($(shell [ "$$(cat $(STAMP) 2>/dev/null)" = "$$(pwd -P)" ] && $(PY) -c 'print(1)' 2>/dev/null),1)
.PHONY: $(STAMP)
endif

# A pythonX.Y on the path may be a shim that does not run, and some distributions ship Python
# without ensurepip: each candidate is tried, not only found.
$(STAMP): pyproject.toml
	@set -eu; \
	usable() { "$$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }; \
	find_python() { \
	  if [ -n "$(PYTHON)" ]; then ! usable "$(PYTHON)" || echo "$(PYTHON)"; return; fi; \
	  IFS=:; for name in python3 python3.13 python3.12 python3.14 python3.11 python; do \
	    for dir in $$PATH; do \
	      if [ -x "$$dir/$$name" ] && usable "$$dir/$$name"; then echo "$$dir/$$name"; return; fi; \
	    done; \
	  done; \
	  for python in "$$HOME"/.pyenv/versions/*/bin/python3; do \
	    if usable "$$python"; then echo "$$python"; return; fi; \
	  done; }; \
	if ! [ "$$(cat $(STAMP) 2>/dev/null)" = "$$(pwd -P)" ] || ! $(PY) -c '' 2>/dev/null; then \
	  python=$$(find_python); \
	  if [ -z "$$python" ]; then \
	    echo "telefast needs Python 3.11 or newer with its venv module (Debian, Ubuntu: apt install python3-venv);" >&2; \
	    echo "none was found on the path. Name one: make setup PYTHON=/path/to/python3" >&2; exit 1; \
	  fi; \
	  echo "creating .venv with $$python ($$("$$python" -V))"; \
	  rm -rf .venv; "$$python" -m venv .venv; \
	fi; \
	rm -f $(STAMP); \
	echo "installing telefast and its tools into .venv"; \
	$(PY) -m pip install -q --disable-pip-version-check -U "pip>=25.1"; \
	$(PY) -m pip install -q --disable-pip-version-check -e ".[cli,prometheus,testing]" --group dev; \
	pwd -P > $(STAMP)

# 60 MB that only this target needs.
$(TYPES_STAMP): $(STAMP)
	@echo "installing the type checkers into .venv"
	@$(PY) -m pip install -q --disable-pip-version-check --group types
	@touch $@
