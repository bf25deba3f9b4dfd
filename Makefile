# SPDX-License-Identifier: Apache-2.0
# Every target needs nothing but Python and make. PYTHON=... picks the interpreter.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
VENV_LATEST := .venv-latest
VENV_WHEEL := .venv-wheel
BIN := $(VENV)/bin
BIN_LATEST := $(VENV_LATEST)/bin
BIN_WHEEL := $(VENV_WHEEL)/bin

# Two test processes with one thread each: more threads than cores make them slower.
PYTEST_OPTIONS := -n 2 --dist loadfile
test test-all test-latest test-research: export OMP_NUM_THREADS := 1

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo benchmark paper test test-all test-latest test-research style quality docs dist clean

help:  ## Show what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The compiled engine of the runtime is built at the same time; see runtime/setup.py. Without a C
# compiler on the machine, that of PyPI's ziglang does it.
RUNTIME := runtime/pyproject.toml runtime/setup.py $(wildcard runtime/dixtill_runtime/c/*)
HAS_COMPILER := $(shell command -v cc || command -v gcc || command -v clang)
ZIG := ziglang==0.17.1
# Of an environment's directory: what stands before a command that compiles.
with_compiler = $(if $(HAS_COMPILER),,$(1)/bin/python -m pip install -q $(ZIG) && \
	CC='$(abspath $(1))/bin/python -m ziglang cc')

$(VENV)/.installed: pyproject.toml $(RUNTIME) pretrained/pyproject.toml constraints.txt
	test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV)
	@echo 'Installing into $(VENV): some minutes, once'
	$(call with_compiler,$(VENV)) $(BIN)/python -m pip install -q -c constraints.txt -e runtime -e pretrained -e ".[all]"
	touch $@

# Without the onnx extra: Optimum's exporter excludes the newest transformers.
$(VENV_LATEST)/.installed: pyproject.toml $(RUNTIME) pretrained/pyproject.toml constraints-latest.txt
	test -x $(BIN_LATEST)/pip || $(PYTHON) -m venv $(VENV_LATEST)
	@echo 'Installing into $(VENV_LATEST): some minutes, once'
	$(call with_compiler,$(VENV_LATEST)) $(BIN_LATEST)/python -m pip install -q -c constraints-latest.txt -e runtime -e pretrained -e ".[embedded,report,dev,device]"
	touch $@

demo: $(VENV)/.installed  ## Distil the embedded example; the report is runs/demo/report.md
	$(BIN)/dixtill-hf run --output_dir runs/demo

benchmark: $(VENV)/.installed  ## Compare its students with int8, pruned heads, ...: runs/benchmark
	$(BIN)/dixtill-hf benchmark --quick --output_dir runs/benchmark

paper: $(VENV)/.installed  ## Measure all that the page "The paper" shows: hours; goes on where it stopped
	$(BIN)/dixtill-hf benchmark benchmarks/tweets.yaml
	$(BIN)/python -m benchmarks.publish runs/tweets
	$(BIN)/python -m research.compare_settings research/recipes/paper.yaml research/settings/paper_losses.yaml --split test --seeds 3
	$(BIN)/python -m benchmarks.the_paper

test: $(VENV)/.installed  ## Run the fast tests
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) -m "not slow"

test-all: $(VENV)/.installed  ## Run all tests
	$(BIN)/python -m pytest $(PYTEST_OPTIONS)

test-latest: $(VENV_LATEST)/.installed  ## Run the fast tests with the newest transformers
	$(BIN_LATEST)/python -m pytest $(PYTEST_OPTIONS) -m "not slow"

test-research: $(VENV)/.installed  ## Run the tests of research/
	$(BIN)/python -m pytest $(PYTEST_OPTIONS) research/tests

style: $(VENV)/.installed  ## Format the code and fix what can be fixed
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

quality: $(VENV)/.installed  ## Check style, types and workflows
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[!c]*.yml

docs: $(VENV)/.installed  ## Build the documentation; a broken link or an undocumented name fails
	$(BIN)/python -m sphinx -W --keep-going -n -b html docs docs/_build/html

# The runtime is published as source: pip compiles it, or does without a compiler.
dist: $(VENV)/.installed  ## Build sdist and wheel, check them, run README's quick start from the wheel
	rm -rf build dist $(VENV_WHEEL)
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m build --sdist --outdir dist runtime
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv $(VENV_WHEEL)
	$(BIN_WHEEL)/python -m pip install -q -c constraints.txt "$$(echo dist/dixtill_hf-*.whl)[embedded]"
	$(BIN_WHEEL)/python .ci/quick_start.py

clean:  ## Remove the environments and all caches, but no results
	rm -rf $(VENV) $(VENV_LATEST) $(VENV_WHEEL) build dist docs/_build *.egg-info
	rm -rf .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
