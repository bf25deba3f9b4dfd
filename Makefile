# SPDX-License-Identifier: Apache-2.0
# `make demo` and `make test` need nothing but Python and make. PYTHON=... picks the interpreter.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
VENV_LATEST := .venv-latest
BIN := $(VENV)/bin
BIN_LATEST := $(VENV_LATEST)/bin

# Two test processes with one thread each: more threads than cores make them slower.
PYTEST_OPTIONS := -n 2 --dist loadfile
test test-latest test-research: export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo benchmark test test-latest test-research style quality clean

help:  ## Show what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The runtime's compiled engine is built by the way; see runtime/setup.py.
RUNTIME := runtime/pyproject.toml runtime/setup.py $(wildcard runtime/dixtill_runtime/c/*)

$(VENV)/.installed: pyproject.toml $(RUNTIME) constraints.txt
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo 'Installing into $(VENV): some minutes, once'
	$(BIN)/python -m pip install -q -c constraints.txt -e runtime -e ".[all]"
	touch $@

# Without the onnx extra: Optimum's exporter excludes the newest transformers.
$(VENV_LATEST)/.installed: pyproject.toml $(RUNTIME) constraints-latest.txt
	test -x $(BIN_LATEST)/pip || $(PYTHON) -m venv $(VENV_LATEST)
	@echo 'Installing into $(VENV_LATEST): some minutes, once'
	$(BIN_LATEST)/python -m pip install -q -c constraints-latest.txt -e runtime -e ".[embedded,report,dev,device]"
	touch $@

demo: $(VENV)/.installed  ## Distil the embedded example; the report lands in runs/demo
	$(BIN)/dixtill-hf run --output_dir runs/demo

benchmark: $(VENV)/.installed  ## Compare its students with int8, pruned heads, ...: runs/benchmark
	$(BIN)/dixtill-hf benchmark --quick --output_dir runs/benchmark

test: $(VENV)/.installed  ## Run the tests
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

# The scripts of benchmarks/ are run with the tested versions alone.
test-latest: $(VENV_LATEST)/.installed  ## Run the tests with the newest transformers
	$(BIN_LATEST)/python -m pytest $(PYTEST_OPTIONS) --ignore tests/benchmarks

test-research: $(VENV)/.installed  ## Run the tests of research/
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) research/tests

style: $(VENV)/.installed  ## Format the code and mend what can be mended
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

quality: $(VENV)/.installed  ## Check style and types
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy

clean:  ## Remove the environments and all caches, but no results
	rm -rf $(VENV) $(VENV_LATEST) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
