# Mailwright on one machine: Python 3.11+, make and git are enough.

UV_VERSION := 0.13.9
PYTHON ?= python3
# uv from the path when it works, otherwise one in a local environment of its own
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv || echo .tools/bin/uv)
RUN := $(UV) run --frozen
# As pip does: who sits behind a proxy with a certificate of its own has that in the system's store.
export UV_SYSTEM_CERTS ?= 1
# Two processes with scikit-learn on two cores spin against each other.
export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.PHONY: help env demo test check bench chaos format docs

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

.tools/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Mailwright needs Python 3.11 or newer")'
	@echo "First time here: setting up a Python environment in .venv, about half a minute."
	@$(PYTHON) -m venv .tools
	@.tools/bin/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

env: $(filter .tools/%,$(UV)) ## the Python environment in .venv, as locked
	@$(UV) sync --frozen --quiet

demo: env ## servers, a sandbox shop, thirty days turned, then the admin's address
	@$(RUN) mailwright demo

test: env ## every test, in random order, on two processes
	$(RUN) pytest -n 2

check: env ## format, lint, types, walls
	$(RUN) ruff format --check .
	$(RUN) ruff check .
	$(RUN) mypy
	$(RUN) lint-imports
	$(RUN) pytest -q tests/architecture

bench: env ## the numbers, each beside its baseline
	$(RUN) python -m bench

chaos: env ## workers killed at every line while mail goes out by each channel, and all else that may break
	CHAOS_MESSAGES=$${CHAOS_MESSAGES:-50000} CHAOS_KILLS=$${CHAOS_KILLS:-500} \
		$(RUN) pytest -q -s -p no:xdist -p no:randomly tests/e2e/test_chaos.py

format: env ## rewrite files to the house style
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

docs: env ## the generated pages of docs/
	$(RUN) mailwright docs
