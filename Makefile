# The front door. Needs Python 3.10 to 3.13 with venv, git and gcc; everything else is installed below this folder.
PYTHON ?= python3
BIN := .venv/bin
MELTANO := .venv-meltano/bin/meltano
PIP := -m pip --quiet --disable-pip-version-check --no-input
SEED ?= 4711
FOREIGN := .venv-foreign/tap-postgres/ready .venv-foreign/target-jsonl/ready
# Thousands of small ledgers are flushed to disk in the tests; on a RAM disk that takes no time.
RAM := $(shell if [ -w /dev/shm ]; then echo /dev/shm; else echo /tmp; fi)
# More than there are cores: many tests wait, for a server's limit or a timeout.
WORKERS ?= 3

.PHONY: help setup demo test thorough check format bench crash mutants coverage docs promise sandbox lock clean
help: ## list what there is
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

setup: .meltano/ready .venv-bigquery/ready ## install everything (each of the commands below does it by itself)

.venv/ready: requirements/dev.txt pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "make: there is no '$(PYTHON)'; name another: make PYTHON=python3.11"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
	  || { echo "make: needs Python 3.10 to 3.13 as '$(PYTHON)'; name another: make PYTHON=python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' \
	  || { echo "make: '$(PYTHON)' lacks venv or ensurepip; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "setting up .venv (a minute or so)"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python $(PIP) install --require-hashes -r requirements/dev.txt
	@$(BIN)/python $(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

.venv-meltano/ready: requirements/meltano.txt .venv/ready
	@echo "setting up .venv-meltano"
	@$(PYTHON) -m venv .venv-meltano
	@$(BIN)/uv pip install --quiet --python .venv-meltano/bin/python --require-hashes -r requirements/meltano.txt
	@touch $@

# A server that passes for BigQuery in the tests. With Python 3.10 it stays empty, and they are skipped.
.venv-bigquery/ready: requirements/bigquery-emulator.txt .venv/ready
	@echo "setting up .venv-bigquery"
	@$(PYTHON) -m venv .venv-bigquery
	@$(BIN)/uv pip install --quiet --python .venv-bigquery/bin/python --require-hashes -r requirements/bigquery-emulator.txt
	@touch $@

# Meltano notices neither a new dependency in pyproject.toml nor a new lock file: that is why they stand here.
.meltano/ready: meltano.yml pyproject.toml requirements/penstock.txt requirements/snowflake.txt requirements/bigquery.txt requirements/dbt.txt .venv-meltano/ready
	@echo "installing the Meltano plugins"
	@$(MELTANO) --log-level warning install > .venv-meltano/install.log 2>&1 || { cat .venv-meltano/install.log; exit 1; }
	@mkdir -p .sandbox
	@touch $@

# A tap and a target that nobody here wrote, for tests and benchmarks; bench/plugins.py says where they are.
.venv-foreign/%/ready: requirements/foreign-%.txt .venv/ready
	@echo "setting up .venv-foreign/$*"
	@mkdir -p .venv-foreign && rm -rf .venv-foreign/$*
	@$(PYTHON) -m venv .venv-foreign/$*
	@$(BIN)/uv pip install --quiet --python .venv-foreign/$*/bin/python --require-hashes -r requirements/foreign-$*.txt
	@touch $@

demo: .meltano/ready ## the whole way, from dbt models to contacts in a (simulated) CRM, twice; WAREHOUSE=postgres, snowflake
	@$(BIN)/python -m demo.demo $(WAREHOUSE)

sandbox: .venv/ready ## keep a simulated CRM running on http://127.0.0.1:8470
	@$(BIN)/python -c 'import socket; socket.create_server(("127.0.0.1", 8470)).close()' 2>/dev/null \
	  || { echo "make: port 8470 is taken; is a sandbox running already? See http://127.0.0.1:8470/"; exit 1; }
	@rm -f .penstock/target-*-sandbox.db .penstock/target-*-sandbox.db-wal .penstock/target-*-sandbox.db-shm # it starts empty
	@echo "contacts at http://127.0.0.1:8470/; all is forgotten at Ctrl-C"
	@$(BIN)/penstock-sandbox serve --port 8470 --org demo/org.json

test: .meltano/ready .venv-bigquery/ready $(FOREIGN) check ## every check and every test
	@# What goes through Meltano shares this Meltano project, so it runs one at a time; beside the others, to save time.
	@$(BIN)/python -m pytest -q -m e2e > .venv/e2e.log 2>&1 & project=$$!; trap 'kill $$project' INT TERM; \
	  TMPDIR=$(RAM) $(BIN)/python -m pytest -n $(WORKERS) -q -m "not e2e"; failed=$$?; \
	  echo "and through Meltano:"; wait $$project || failed=1; cat .venv/e2e.log; exit $$failed

thorough: .meltano/ready .venv-bigquery/ready ## every test with all its examples, on every warehouse; T=tests/tap for a part
	@PENSTOCK_THOROUGH=1 TMPDIR=$(RAM) $(BIN)/python -m pytest -n 2 -q -m "not e2e" $(T)

check: .venv/ready ## formatting, lint, types, layers
	@$(BIN)/ruff format --check --quiet . && $(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo > .venv/layers.log || { cat .venv/layers.log; exit 1; }

format: .venv/ready ## let ruff format the code
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

crash: .meltano/ready ## kill it a hundred thousand times; S=simulated SEED=4711 CYCLES=1000, or S=kills COUNT=20, for one
	@for storm in $(if $(S),$(S),simulated kills signals meltano goodput snapshots); do \
	  $(BIN)/python -m storm.$$storm --seed $(SEED) --save \
	    $(if $(CYCLES),--cycles $(CYCLES)) $(if $(COUNT),--count $(COUNT)) || exit 1; done

bench: .meltano/ready $(FOREIGN) .venv-foreign/drt/ready ## measure; B=name for one; writes bench/results.json and bench/RESULTS.md
	@$(BIN)/python -m bench.run $(B)

docs: .venv/ready ## write the tables of settings in the targets' READMEs anew
	@$(BIN)/python -m penstock.settings_page target_hubspot.target:TargetHubSpot targets/target_hubspot/README.md
	@$(BIN)/python -m penstock.settings_page target_salesforce.target:TargetSalesforce targets/target_salesforce/README.md
	@$(BIN)/python -m penstock.settings_page target_intercom.target:TargetIntercom targets/target_intercom/README.md

promise: .venv/ready ## run the conformance suite on our targets, a stock one and one that does nothing; writes docs/promise.md
	@$(BIN)/python -m penstock.conformance.table --into docs/promise.md --pytest=-n2 \
	  "target-hubspot=tests/conformance/test_target_hubspot.py" \
	  "target-salesforce=tests/conformance/test_target_salesforce.py" \
	  "target-intercom=tests/conformance/test_target_intercom.py" \
	  "stock singer-sdk=tests/conformance/check_stock.py" \
	  "null target=tests/conformance/check_plain.py::TestNull"

mutants: .venv/ready ## change the core a little, many times, and see whether a test notices; M=retry for one module, SAMPLE=400 for some
	@$(BIN)/python -m bench.mutants $(M) --seed $(SEED) $(if $(SAMPLE),--sample $(SAMPLE))

coverage: .venv/ready ## count the branches of the core that its tests take; what they leave out in .bench/branches.txt
	@TMPDIR=$(RAM) $(BIN)/python -m bench.branches

lock: .venv/ready ## compile requirements/*.txt anew
	@UV=$(BIN)/uv sh requirements/compile.sh

clean: ## remove what the commands above installed and made
	rm -rf .venv .venv-meltano .venv-foreign .venv-bigquery .meltano .demo .sandbox .bench .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
