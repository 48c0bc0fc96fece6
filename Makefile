# Every target does its own set-up: all that is needed beforehand is make, git and Python 3.11 or later.
#   make verify                        judge every statement on the standard suite; table on screen, pages in report/
#   make test [PYTEST_ARGS='-k bound'] the whole test suite, in parallel
#   make prove                         check the symbolic proofs of all statements
#   make ledger                        check them and record what was found, for `verify` to show
#   make lint                          style, types and layers
#   make coverage                      the test suite again; at least 95 % of branches covered, nothing skipped without cause
#   make test-lowest                   the test suite on the lowest supported versions of the dependencies
#   make test-gpu                      the tests that need a CUDA device, which is looked for before anything is installed
#   make bench [BENCH_ARGS='-k TestS']   benchmarks beside other libraries; the table is written to tests/benchmarks/BENCHMARKS.md
#   make tightness [TIGHTNESS_ARGS='--instances 20']   how tight the bounds are, on the benchmark set: tests/benchmarks/TIGHTNESS.md
#   make findings                      run the paper's experiments and write what they found: fa_theory/experiments/FINDINGS.md
#   make notebooks [NOTEBOOKS_ARGS='--only 03*']   execute the notebooks and write their outputs anew
#   make docs                          the documentation as pages that need no network, in .build/docs
#   make clean                         remove everything made here
PYTHON ?= python3
PYTEST_ARGS ?=
VERIFY_ARGS ?= --report report
TIGHTNESS_ARGS ?= --out tests/benchmarks/TIGHTNESS.md
NOTEBOOKS_ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
LOWEST := .venv-lowest
BENCH := .venv-bench
BENCH_ARGS ?=
PACKAGING := setup.cfg pyproject.toml
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help verify test prove ledger lint coverage test-lowest test-gpu bench tightness findings notebooks docs clean

help:
	@sed -n 's/^#   //p' Makefile

define make_venv
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "fa_theory needs Python 3.11 or later, but '$(PYTHON)' is $$($(PYTHON) --version 2>/dev/null || echo missing)." \
	       "Try: make PYTHON=python3.12" >&2; exit 2; }
	$(PYTHON) -m venv --clear $(1)
endef

$(VENV)/.made:
	$(call make_venv,$(VENV))
	@touch $@

$(VENV)/.runtime: $(VENV)/.made $(PACKAGING)
	$(BIN)/python $(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.made $(PACKAGING)
	$(BIN)/python $(PIP_INSTALL) --editable '.[dev]'
	@touch $(VENV)/.runtime $@

$(VENV)/.cuda: $(VENV)/.dev
	$(BIN)/python $(PIP_INSTALL) --editable '.[dev,cuda]'
	@touch $@

$(LOWEST)/.dev: $(PACKAGING) .ci/lowest.txt
	$(call make_venv,$(LOWEST))
	$(LOWEST)/bin/python $(PIP_INSTALL) --constraint .ci/lowest.txt --editable '.[dev]'
	@touch $@

verify: $(VENV)/.runtime
	$(BIN)/fa-theory verify $(VERIFY_ARGS)

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(PYTEST_ARGS)

prove: $(VENV)/.runtime
	$(BIN)/fa-theory prove

ledger: $(VENV)/.runtime
	$(BIN)/python -m fa_theory.proofs

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

coverage: $(VENV)/.dev
	@mkdir -p .build/coverage
	$(BIN)/python -m pytest --cov --cov-report=term --cov-report=json:.build/coverage/report.json \
	  --junit-xml=.build/coverage/junit.xml $(PYTEST_ARGS)
	$(BIN)/python .ci/judge.py .build/coverage/junit.xml .build/coverage/report.json

test-lowest: $(LOWEST)/.dev
	$(LOWEST)/bin/python -m pytest $(PYTEST_ARGS)

# CuPy is large, so a machine without a device is told so before it is fetched.
test-gpu:
	@nvidia-smi -L 2>/dev/null | grep -q '^GPU' || { \
	  echo "make test-gpu needs a CUDA device, and nvidia-smi -L lists none on this machine." >&2; exit 2; }
	@$(MAKE) --no-print-directory $(VENV)/.cuda
	$(BIN)/python -c 'from fa_theory.model import backend_namespace; backend_namespace("cupy")'
	$(BIN)/python -m pytest -n 0 -m gpu $(PYTEST_ARGS)

$(BENCH)/.dev: $(PACKAGING)
	$(call make_venv,$(BENCH))
	$(BENCH)/bin/python $(PIP_INSTALL) --editable '.[dev,bench]'
	@touch $@

# Without the two variables, which force an old processor's kernel where they are set; no warning is an error here, as
# the other libraries have theirs.
bench: $(BENCH)/.dev
	@mkdir -p .build
	@env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/bin/python -c 'import numpy, threadpoolctl; \
	  print("BLAS kernel:", *{each["architecture"] for each in threadpoolctl.threadpool_info() if "architecture" in each})'
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(BENCH)/bin/python -m pytest tests/benchmarks -n 0 \
	  -o 'python_files=bench_*.py' -W default --benchmark-json=.build/bench.json $(BENCH_ARGS); status=$$?; \
	  $(BENCH)/bin/python tests/benchmarks/table.py .build/bench.json tests/benchmarks/BENCHMARKS.md && exit $$status
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE OPENBLAS_NUM_THREADS=1 \
	  $(BENCH)/bin/python tests/benchmarks/bench_precision.py

tightness: $(VENV)/.runtime
	$(BIN)/python tests/benchmarks/bench_tightness.py $(TIGHTNESS_ARGS)

# With one thread of BLAS, as the matrices are small; cells of code that has changed since must not be taken up again.
findings: $(VENV)/.dev
	rm -rf .build/experiments
	@mkdir -p .build/experiments
	for name in conservation alignment overfitting; do OPENBLAS_NUM_THREADS=1 $(BIN)/fa-theory experiment $$name \
	  --out .build/experiments/$$name --json tests/experiments/results/$$name.json || exit; done
	$(BIN)/python tests/experiments/findings.py

notebooks: $(VENV)/.dev
	$(BIN)/python .ci/notebooks.py --write $(NOTEBOOKS_ARGS)

docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=.docs $(BIN)/mkdocs build --quiet -f .docs/mkdocs.yml
	@echo "documentation: .build/docs/index.html"

clean:
	rm -rf $(VENV) $(LOWEST) $(BENCH) .build build dist report *.egg-info .coverage* .hypothesis .benchmarks \
	  .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find fa_theory tests -name __pycache__ -type d -prune -exec rm -rf {} +
