# make demo    run the quick study and print where its report is
# make test    every check; make check is the quick part of it, make format mends what it can;
#              PROCESSES=8 takes eight processes instead of two
# make faults  the rest, which takes two hours: kills at twenty moments, damage of every file, thousands of mutants
# make setup   the environment in .venv alone

PYTHON ?= python3
PROCESSES ?= 2
BIN := .venv/bin
INSTALLED := .venv/.installed
TESTS = $(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile --no-loadscope-reorder

export OMP_NUM_THREADS := 1

.PHONY: setup demo check test faults lint format bench clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "temshift needs Python 3.11 or newer; call make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	@touch $@

demo: setup
	$(BIN)/temshift run examples/quick_study.yaml

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/oxlint --deny-warnings src tests
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint
	$(TESTS) -m "not slow and not browser and not faults"

test: lint
	$(TESTS) -m "not faults"

faults: setup
	$(TESTS) --dist load -m faults

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup
	$(BIN)/python benchmarks/noise.py
	$(BIN)/python benchmarks/specimens.py
	$(BIN)/python benchmarks/multislice.py
	$(BIN)/python benchmarks/image_formation.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/dataset.py
	$(BIN)/python benchmarks/orchestration.py

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
