# `make` lists what one can do here.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
PYTHON ?= python3
INSTALLED := .venv/.installed
BENCH_INSTALLED := .venv/.bench-installed
PAGE := .dvc/plots_page.html
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --custom-compile-command "make lock"

.PHONY: help repro compare test bench bench-full cache-size clean-cache lock

help:
	@echo "make repro  install into .venv, then run the whole experiment (dvc repro)"
	@echo "make compare   what each experiment changed and what came out, and the page of their curves"
	@echo "make test   install into .venv, then run linter, type checker and all tests"
	@echo "make bench  install JAX too, then time our trainer beside its peers (5 minutes; bench-full: about 35)"
	@echo "make cache-size   what the trial cache holds (clean-cache: empty it, after asking)"
	@echo "make lock   renew requirements*.lock from pyproject.toml (needs uv)"

repro: $(INSTALLED) $(PAGE)
	dvc repro

compare: $(INSTALLED) $(PAGE)
	@python -m stages.compare

test: $(INSTALLED)
	ruff check .
	ruff format --check .
	mypy
	pytest

bench: $(BENCH_INSTALLED)
	python -m benchmarks

bench-full: $(BENCH_INSTALLED)
	python -m benchmarks --full

cache-size: $(INSTALLED)
	@python -m stages.trial_cache

clean-cache: $(INSTALLED)
	@python -m stages.trial_cache clear

lock:
	$(LOCK) pyproject.toml --group dev -o requirements.lock
	$(LOCK) --group bench -c requirements.lock -o requirements-bench.lock

$(INSTALLED): requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit( \
		f"Python 3.11 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

# DVC's own page of plots loads Vega from the network; this one has it inside.
$(PAGE): stages/page.py stages/page.html $(INSTALLED)
	@python -m stages.page

$(BENCH_INSTALLED): requirements-bench.lock $(INSTALLED)
	pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.lock
	@touch $@
