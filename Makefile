# make demo    install, score the demo articles, show what came out
# make test    install, then lint, types, all tests, notebooks
# make notebooks  open JupyterLab with the training notebook
# Each does its own set-up in .venv; nothing else is needed but Python 3.11 or newer and a package registry.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint types notebooks models bench-equality clean

demo: .venv/installed
	mkdir -p demo
	$(BIN)/ctnlp score data/demo/articles.csv -o demo/scored.csv

test: .venv/installed-dev lint types
	$(BIN)/python -m pytest --cov --cov-report=term
	CTNLP_NOTEBOOK_MODELS=$$(mktemp -d) $(BIN)/python -m pytest --nbmake --nbmake-timeout=1200 notebooks

lint: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/installed-dev
	$(BIN)/mypy

notebooks: .venv/installed-notebook
	$(BIN)/jupyter lab notebooks/train.ipynb

# The shipped models. VNTC, PHAP_DIEN and NEWS name local copies of the public corpora (see data/README.md).
models: .venv/installed
	$(BIN)/ctnlp train topic --with vntc=$(VNTC) --with phap_dien=$(PHAP_DIEN) --news $(NEWS) --promote --jobs 2
	$(BIN)/ctnlp train programme --with vntc=$(VNTC) --with phap_dien=$(PHAP_DIEN) --news $(NEWS) --promote --jobs 2
	$(BIN)/ctnlp train sentiment --with vntc=$(VNTC) --news $(NEWS) --promote --jobs 2

# Our words against underthesea's, on whole tables: make bench-equality CORPORA="a.parquet b.parquet"
bench-equality: .venv/installed
	$(BIN)/python -m benchmarks.equality $(CORPORA) --jobs 2

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "ctnlp needs Python 3.11 or newer; name one: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

# The extra that is named: dev, notebook.
.venv/installed-%: pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	touch $@ .venv/installed

clean:
	rm -rf .venv demo dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
