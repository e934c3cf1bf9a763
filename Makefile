# The few commands of this project. `make` alone lists them.
# Everything is installed into .venv; nothing outside this folder is touched, except system libraries by apt as root.

VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
PORT   ?= 8000
# Of djlint: line breaks, empty decoration, button types (submit is meant), and url_for, which is not used here.
NOT_OURS := H015,H020,H043,J004,J018
export PORT

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench docs corpus-report screens clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1|\2/' | awk -F'|' '{printf "%-20s %s\n", $$1, $$2}'

setup: $(STAMP) ## install everything into .venv; quick when it is there

$(STAMP): pyproject.toml uv.lock deploy/setup.sh
	@sh deploy/setup.sh $(VENV)
	@touch $@

demo: $(STAMP) ## the whole product on this machine: two shops, a carrier, mails (PORT=8080 for another port)
	@exec $(BIN)/doorstep demo

test: $(STAMP) ## all tests; those that need PostgreSQL or Chromium say so when they are missing
	@sh deploy/setup.sh --for-tests
	$(BIN)/pytest -n 2 --dist loadgroup $(ARGS)

check: $(STAMP) ## style, types, import rules, templates, migrations, generated documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/djlint templates --lint --quiet --profile jinja --extend-exclude templates/pdf,templates/mail --ignore $(NOT_OURS)
	$(BIN)/python deploy/checks.py

bench: $(STAMP) ## speed, as ratios within one run; figures go to bench-results/
	@sh deploy/setup.sh --for-tests
	$(BIN)/python -m benchmarks $(ARGS)

docs: $(STAMP) ## write the generated documents again
	$(BIN)/python deploy/checks.py --write

corpus-report: $(STAMP) ## compare our reading of the corpus with peers': docs/corpus-report.md (needs the corpus)
	$(BIN)/python -m tests.carriers.report

screens: $(STAMP) ## take the pictures of docs/screens again, from the running demo
	@sh deploy/setup.sh --for-tests
	$(BIN)/python -m tests.browser.screens

clean: ## remove the demo's data, caches and .venv
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis bench-results
