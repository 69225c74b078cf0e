# Everything below sets itself up in .venv: only Python 3.11+, git and make are needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --quiet --constraint constraints.txt

# Test processes beside each other: more than cores, since most tests wait for programs that start.
BESIDE ?= 3

.DEFAULT_GOAL := help
.PHONY: help run test test-browser test-api check-metrics check-deploy audit bench lint format docs fuzz screens clean

help: ## Show what can be made.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.run ## Start the daemon and a mock TalkMe, ready to take a simulated call.
	@$(BIN)/iteira dev

test: $(VENV)/.dev ## Run all tests. ARGS="-k words -x" goes to pytest; BESIDE=0 runs them in one process.
	@$(BIN)/python -m pytest --numprocesses $(BESIDE) --dist loadfile $(ARGS)

test-browser: $(VENV)/.browser ## Run the tests of the call console in a real browser; as root, install one first.
	@$(BIN)/python -m pytest tests/browser $(ARGS)

test-api: $(VENV)/.api ## Try the HTTP interface against its OpenAPI document; EXAMPLES=300 tries harder.
	@$(BIN)/python -m tests.by_the_document

check-metrics: $(VENV)/.dev ## See alerts and dashboard with data of a real run; needs Prometheus (apt-get install prometheus).
	@promtool test rules deploy/prometheus/rules.test.yml
	@$(BIN)/python deploy/prometheus/check.py

check-deploy: $(VENV)/.deploy ## Try what is in deploy/ on real programs, as root. CHECKS="nginx systemd": only those.
	@$(BIN)/python -m deploy.checks $(CHECKS)

bench: $(VENV)/.dev ## Measure what a message costs here and elsewhere (5 minutes). ARGS="--seconds 20" goes to it.
	@$(BIN)/python -m benchmarks.daemon --seconds 5 $(ARGS)

lint: $(VENV)/.dev ## Check style and types.
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: $(VENV)/.dev ## Put the sources into shape.
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

docs: $(VENV)/.dev ## Write the pages of docs/ that commands, settings and routes tell of themselves.
	@$(BIN)/python -m iteira_cli.reference > docs/cli.md.new && mv docs/cli.md.new docs/cli.md
	@$(BIN)/python -m server.reference.configuration > docs/configuration.md.new && mv docs/configuration.md.new docs/configuration.md
	@$(BIN)/python -m server.reference.api > docs/api.md.new && mv docs/api.md.new docs/api.md

audit: $(VENV)/.audit ## Ask what is known against the pinned libraries, and look for secrets in every commit.
	@$(BIN)/python -m tests.audit

fuzz: $(VENV)/.dev ## Read damaged files for a while, ARGS="--minutes 60 --seed 7"; no part of the tests.
	@$(BIN)/python -m tests.knowledge.fuzz $(ARGS)

screens: $(VENV)/.dev ## Record the screens of the README from a real daemon.
	@$(BIN)/python docs/screens.py

clean: ## Remove the environment and what was built. Data in var/ stays.
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Iteira needs Python 3.11 or newer: make PYTHON=python3.11 …")'
	@echo "Setting up $(VENV) (about a minute) …" >&2
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml constraints.txt
	@$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.python pyproject.toml constraints.txt
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.run

$(VENV)/.audit: $(VENV)/.dev
	@$(PIP) --editable '.[audit]'
	@touch $@

$(VENV)/.deploy: $(VENV)/.dev
	@$(PIP) --editable '.[dev,deploy]'
	@touch $@

$(VENV)/.api: $(VENV)/.dev
	@$(PIP) --editable '.[dev,api]'
	@touch $@

$(VENV)/.browser: $(VENV)/.dev
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || { \
		test "$$(id -u)" = 0 || { echo "No browser is installed: install Chromium, then make test-browser again." >&2; exit 1; }; \
		apt-get update -qq && apt-get install --yes -qq --no-install-recommends chromium fonts-dejavu-core >&2; }
	@$(PIP) --editable '.[dev,browser]'
	@touch $@
