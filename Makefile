# make thesis         run the main benchmark, the thesis's, on the corpora or, if any is missing, as a rehearsal on stand-ins
# make test           run all tests
# make test-fast      run the tests that take less than a few seconds
# make lint           run ruff and mypy
# make fix            fix and format what ruff can
# make schema         write docs/benchmark.schema.json, after a parameter changed
# make architecture   write the table of rooms into docs/architecture.md, after an import changed
# make golden         write the golden outputs of stages whose version was raised (tests/golden)
# make performance    run benchmarks/performance and write docs/performance.md; about 45 minutes on 2 cores
# make clean          delete the environment, the store and all caches
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

.PHONY: performance thesis test test-fast lint fix schema architecture golden clean

thesis: $(READY)
	@$(BIN)/ferbench run thesis

test: $(READY)
	$(BIN)/pytest -n 2

test-fast: $(READY)
	$(BIN)/pytest -n 2 -m "not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy benchmarks/performance tools

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

performance: $(READY)
	$(BIN)/python benchmarks/performance/measure.py

schema: $(READY)
	$(BIN)/ferbench schema > docs/benchmark.schema.json

architecture: $(READY)
	$(BIN)/python tools/architecture.py

golden: $(READY)
	cd tests && OMP_NUM_THREADS=1 ../$(BIN)/python -m golden

clean:
	rm -rf .venv ferbench-store .pytest_cache .mypy_cache .ruff_cache

# Installs again only if what is to be installed changed.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
