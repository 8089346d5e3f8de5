# make proposal: set up and make the report of a scenario.    make test: set up and pass every check.
# make spark: add PySpark (Java 17 or newer is yours) and check that it gives the same tables as DuckDB.
SCENARIO ?= scenarios/toolkit-2010.toml
VENV := .venv
BIN := $(VENV)/bin
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)

.PHONY: proposal test docs spark format lab benchmarks lock clean

proposal: $(VENV)/ready
	$(BIN)/acomodel propose $(SCENARIO)

test: $(VENV)/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -n auto --dist loadfile --nbval-lax tests acomodel notebooks

$(VENV)/ready: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "acomodel needs Python 3.11 or newer; name it with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

docs: $(VENV)/ready
	$(BIN)/python -m sphinx -E -q -W --keep-going -b html docs build/docs
	@echo build/docs/index.html

spark: $(VENV)/ready
	@java -version
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock
	$(BIN)/python -m pytest tests/test_engines.py

format: $(VENV)/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lab: $(VENV)/ready
	$(BIN)/acomodel lab

benchmarks: $(VENV)/ready
	@for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --no-emit-index-url --upgrade -o requirements.lock
	echo 'pyspark>=4.0,<4.1' | uv pip compile - --universal --python-version 3.11 --generate-hashes \
		--no-annotate --no-header --no-emit-index-url --upgrade -o requirements-spark.lock

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
