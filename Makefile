# `make` lists what one can do here.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
PYTHON ?= python3
INSTALLED := .venv/.installed

BENCH_INSTALLED := .venv/.bench-installed
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --custom-compile-command "make lock"

.PHONY: help repro test bench bench-full lock

help:
	@echo "make repro  install into .venv, then run the whole experiment (dvc repro)"
	@echo "make test   install into .venv, then run linter, type checker and all tests"
	@echo "make bench  install JAX too, then time our trainer beside its peers (5 minutes; bench-full: about 45)"
	@echo "make lock   renew requirements*.lock from pyproject.toml (needs uv)"

repro: $(INSTALLED)
	dvc repro

test: $(INSTALLED)
	ruff check .
	ruff format --check .
	mypy
	pytest

bench: $(BENCH_INSTALLED)
	python -m benchmarks

bench-full: $(BENCH_INSTALLED)
	python -m benchmarks --full

lock:
	$(LOCK) pyproject.toml --group dev -o requirements.lock
	$(LOCK) --group bench -c requirements.lock -o requirements-bench.lock

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit( \
		f"Python 3.11 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(BENCH_INSTALLED): requirements-bench.lock $(INSTALLED)
	pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@
