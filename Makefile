# `make` lists what one can do here.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# Every stage is a process: without compiled modules each would take two seconds longer to start.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= python3
PAGE := .dvc/plots_page.html
LOCK := uv pip compile --universal --python-version 3.11 --generate-hashes \
	--no-annotate --no-emit-index-url --custom-compile-command "make lock"

.PHONY: help install install-bench repro explore compare slides site test types tests bench \
	bench-full cache-size clean-cache lock

help:
	@echo "make repro  install into .venv, then run the whole experiment (dvc repro)"
	@echo "make explore   the page on which one drags sigma, in the browser (made first if it is missing)"
	@echo "make compare   what each experiment changed and what came out, and the page of their curves"
	@echo "make slides   the pictures again, of 16:9 and with large letters, into slides/"
	@echo "make site   make repro and the study of optimisers, then what GitHub Pages shows, into site/"
	@echo "make test   install into .venv, then run linter, type checker and all tests"
	@echo "make bench  install JAX too, then time our trainer beside its peers (5 minutes; bench-full: about 35)"
	@echo "make cache-size   what the trial cache holds (clean-cache: empty it, after asking)"
	@echo "make lock   renew requirements*.lock from pyproject.toml"

repro: install $(PAGE)
	dvc repro

explore: install $(PAGE)
	dvc repro explore
	@python -m stages.show

compare: install $(PAGE)
	@python -m stages.compare

slides: install
	@python -m stages.slides

site: repro
	dvc repro studies/dvc.yaml:study@optimisers
	@python -m stages.site

test: install
	ruff check .
	ruff format --check .
	@$(MAKE) --no-print-directory --jobs 2 types tests

# Side by side: mypy alone would keep one core.
types:
	mypy

tests:
	MAKEFLAGS= pytest -n 3

bench: install-bench
	python -m benchmarks

bench-full: install-bench
	python -m benchmarks --full

cache-size: install
	@python -m stages.trial_cache

clean-cache: install
	@python -m stages.trial_cache clear

lock: install
	$(LOCK) pyproject.toml --group dev -o requirements.lock
	$(LOCK) --group bench -c requirements.lock -o requirements-bench.lock
	$(LOCK) --group install -o requirements-uv.lock

install:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not installed" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit( \
		f"Python 3.11 or newer is needed, $(PYTHON) is {v[0]}.{v[1]}; try: make PYTHON=python3.11")'
	@$(PYTHON) install.py requirements.lock

install-bench: install
	@$(PYTHON) install.py requirements.lock requirements-bench.lock

# DVC's own page of plots loads Vega from the network; this one has it inside.
$(PAGE): stages/page.py stages/page.html requirements.lock | install
	@python -m stages.page
