# make thesis   the main job: the thesis's benchmark, on the corpora if they are there, else as a rehearsal on stand-ins
# make test     all tests          make test-fast   without the slow ones
# make lint     ruff and mypy      make fix         what ruff can mend by itself
# make performance   benchmarks/performance, which writes docs/performance.md; about 40 minutes on 2 cores
# make schema   docs/benchmark.schema.json, after a parameter changed
# make architecture   the table of rooms in docs/architecture.md, after an import changed
PYTHON ?= python3.11
BIN := .venv/bin
READY := .venv/.ready

.PHONY: performance thesis test test-fast lint fix schema architecture clean

thesis: $(READY)
	@$(BIN)/ferbench run benchmarks/thesis.yaml

test: $(READY)
	$(BIN)/pytest -n 2

test-fast: $(READY)
	$(BIN)/pytest -n 2 -m "not slow"

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

performance: $(READY)
	$(BIN)/python benchmarks/performance/measure.py

schema: $(READY)
	$(BIN)/ferbench schema > docs/benchmark.schema.json

architecture: $(READY)
	$(BIN)/python tools/architecture.py

clean:
	rm -rf .venv runs .pytest_cache .mypy_cache .ruff_cache

# Made anew only when what is to be installed changed.
$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@
