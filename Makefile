# One command each, the same on every machine. Needed: make and a Python of 3.11 or newer.

PY := .venv/bin/python
PIP := $(PY) -m pip install -q --no-compile
# uv takes a third of the time of pip; where it cannot reach the packages, pip does the same.
INSTALL := sh -c '$(PY) -m uv pip install -q --python $(PY) "$$@" 2>/dev/null || $(PIP) "$$@"' install
MAKEFLAGS += -j2
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1
unexport PYTHONDONTWRITEBYTECODE # what has been compiled once is kept, or every process compiles everything again

.PHONY: demo test check test-laws test-more test-services test-lowest test-full tables charts notebooks stubs mutants lint types mypy pyright complete docs bench clean
.DELETE_ON_ERROR:

demo: .venv/demo.stamp ## the report on a real shop's file; the whole page in build/report.html
	@mkdir -p build
	@.venv/bin/funnel report examples/online_retail.parquet --mapping examples/online_retail.toml -o build/report.html

# COVERAGE=yes measures the lines and branches of src/, all of which must run; it takes half as long again.
COVERAGE =
# Tables of tests are small: a second thread of Polars in each process only waits. `make test-more` uses all threads.
test: .venv/dev.stamp ## every test that needs no service
	@POLARS_MAX_THREADS=1 $(PY) -m pytest -q -n 2 --dist worksteal -m "not services and not more and not words" $(if $(COVERAGE),--cov --cov-report=term)

check: lint types test ## everything that must hold before a change is kept: the code's rules, its types, and the tests

test-more: .venv/dev.stamp ## laws on more engines, more broken files, real data, and the benchmarks
	@$(PY) -m pytest -q -n 2 --dist worksteal -m more

test-laws: .venv/dev.stamp ## the laws alone, 50 examples each
	@FUNNEL_PROFILE=laws POLARS_MAX_THREADS=1 $(PY) -m pytest -q -n 2 --dist worksteal -m "law and not services and not more"

test-services: .venv/engines.stamp ## the stores on PostgreSQL and MariaDB, a browser, a notebook, and a cluster of Spark
	@$(PY) -m pytest -q -n 2 --dist loadfile -m services

test-lowest: .venv-lowest/stamp ## the oldest versions that pyproject.toml allows, 2 examples per law
	@FUNNEL_PROFILE=lowest .venv-lowest/bin/python -m pytest -q -n 2 --dist worksteal -m "not services and not more and not words" --ignore tests/test_benchmarks.py --ignore tests/examples

test-full: .venv/engines.stamp ## 500 random examples per law, and every engine
	@$(MAKE) --no-print-directory lint types
	@FUNNEL_PROFILE=full $(PY) -m pytest -q -n 2 --dist worksteal --cov --cov-report=term

tables: .venv/dev.stamp ## the tables in the docs that are computed from the code
	@$(PY) -m tests.tables

charts: .venv/dev.stamp ## the pictures in docs/_static/charts
	@$(PY) -m tests.gallery

notebooks: .venv/dev.stamp ## the pages with code as Jupyter and marimo notebooks, in build/notebooks
	@$(PY) -m docs.notebooks build/notebooks

stubs: .venv/dev.stamp ## the type stubs of packages whose names load lazily
	@$(PY) -m tests.stubs

mutants: .venv/dev.stamp ## faults made on purpose: does a test find each?
	@HYPOTHESIS_NO_PLUGINS=1 $(PY) -m tests.mutants

lint: .venv/dev.stamp ## ruff: rules and format; the words of the code and the docs
	@$(PY) -m ruff check -q .
	@$(PY) -m ruff format -q --check .
	@$(PY) -m pytest -qq tests/test_voice.py

types: mypy pyright complete ## mypy, pyright, and how complete the public types are

mypy: build/pages
	@$(PY) -m mypy --no-error-summary src tests/typing build/pages

pyright: build/pages
	@$(PY) -m pyright --warnings

build/pages: .venv/dev.stamp README.md docs/tutorial.md tests/page_code.py ## the code of pages, to check its types
	@$(PY) -m tests.page_code $@

complete: .venv/dev.stamp
	@rm -rf build/typed
	@$(INSTALL) --no-deps --no-build-isolation --target build/typed .
	@cd build/typed && said=$$(PYTHONPATH=. ../../$(PY) -m pyright --verifytypes funnel --ignoreexternal) \
		|| { echo "$$said"; exit 1; }

docs: .venv/dev.stamp ## the pages, in docs/_build/html
	@$(PY) -m sphinx -q -n -W --keep-going -b html docs docs/_build/html

bench: .venv/dev.stamp ## the ratios that the docs quote
	@$(PY) -m benchmarks

clean: ## everything that was made here, the environment too
	rm -rf .venv .venv-lowest build dist docs/_build .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache

# ---------------------------------------------------------------- the environment, made once per pyproject.toml

PYTHON = $(or $(shell for p in python3 python3.15 python3.14 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; \
	done),$(error no Python of 3.11 or newer with venv was found; install one, or give PYTHON=/path/to/python))

.venv/uv.stamp:
	@test -x $(PY) || "$(PYTHON)" -m venv .venv
	@$(PIP) --upgrade 'pip>=25.1'
	@$(PIP) 'uv>=0.8' || true
	@touch $@

.venv/demo.stamp: pyproject.toml | .venv/uv.stamp
	@$(INSTALL) -e '.[cli,plots,forecast]'
	@touch $@

.venv/dev.stamp: pyproject.toml | .venv/uv.stamp
	@$(INSTALL) -e '.[polars,pandas,pyarrow,duckdb,cli]' --group dev
	@touch $@ .venv/demo.stamp

.venv/engines.stamp: pyproject.toml | .venv/dev.stamp
	@$(INSTALL) -e '.[ibis,pyspark]' --group engines
	@touch $@

.venv-lowest/stamp: pyproject.toml | .venv/uv.stamp
	@$(PY) -m uv venv -q --clear --python $(PY) .venv-lowest
	@$(PY) -m uv pip install -q --python .venv-lowest --resolution lowest-direct \
		-e '.[polars,xlsx,numpy,forecast,plots,pandas,pyarrow,duckdb,cli,sqlalchemy,testing]' --group test
	@touch $@
