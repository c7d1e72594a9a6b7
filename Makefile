# `make` alone prints the list. Needs Python 3.11 or newer with venv; everything else is fetched into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
JOBS ?= 2
# All branches of these are taken by the tests.
comma := ,
space := $() $()
PURE := releases/lifecycle.py releases/plans.py releases/proof/gates/* \
	releases/rollout/counts.py releases/rollout/designs/* releases/rollout/documents/document.py \
	releases/rollout/documents/reading.py releases/rollout/evidence/* \
	releases/rollout/strategies/* releases/rollout/written.py releases/statistics/* \
	releases/traffic/unions.py
# These run as processes of their own, where their lines are not counted: whole servers are started and asked.
SERVED := config/local/* config/management/* config/serving/* demo/* registry/sandbox/* scoring/grpc/* scoring/node/* \
	scoring/worker/* */__main__.py
# What goes on in the database, and the product on PostgreSQL, Redis and S3 from an upload to answers.
ON_POSTGRES := tests/releases tests/browser/test_journey.py tests/journeys/test_quickstart.py tests/journeys/test_real_models.py
# What stands in .env counts for demo and run, as it does for docker compose; tests never read it.
WITH_ENV := set -a; if [ -f .env ]; then . ./.env; fi; set +a;
export ORT_DISABLE_TELEMETRY := 1
# Processes come and go, and each compiles a second of source again where Python may not keep it.
export PYTHONDONTWRITEBYTECODE :=

##@ Use
demo: setup compiled ## play the whole journey with real models and leave Assay running; ONCE=1 ends it and says how it went
	@$(WITH_ENV) ONCE="$(ONCE)" deploy/demo.sh

run: setup compiled ## the product without demo data; RELOAD=1 follows changes of the source
	@$(WITH_ENV) deploy/system-tools.sh bwrap en_US.UTF-8 || true
	@$(WITH_ENV) exec $(PY) manage.py up $(if $(RELOAD),--reload)

##@ Check
test: setup-dev compiled ## the whole suite with real servers and browser; T=tests/journeys runs a part
	@deploy/system-tools.sh bwrap chromium caddy en_US.UTF-8 || true
	@$(PY) -m pytest -n $(JOBS) --dist loadgroup $(T)

check: setup-dev compiled ## what CI runs: format, lint, types, imports, migrations, docs, tests on both databases
	@deploy/system-tools.sh bwrap chromium caddy en_US.UTF-8 || true
	$(VENV)/bin/ruff format --check .
	$(PY) -m deploy.pages --check templates
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	@scratch=$$(mktemp -d); trap 'rm -rf "$$scratch"' EXIT; \
	ASSAY_DATA_DIR="$$scratch" $(PY) manage.py makemigrations --check --dry-run
	$(PY) -m pytest -n $(JOBS) --dist loadgroup --cov --cov-report=
	$(PY) -m coverage report --include="$(subst $(space),$(comma),$(PURE))" --fail-under=100 --show-missing --skip-covered
	$(PY) -m coverage report --omit="$(subst $(space),$(comma),$(PURE) $(SERVED))" --fail-under=90 --sort=cover --skip-covered
	$(PY) -m pytest -n $(JOBS) --dist loadgroup --postgres $(ON_POSTGRES)

bench: setup-dev ## CPU per scoring request beside the installed peers and the bounds; WRITE=1 keeps it in docs/
	@$(PY) -m benchmarks $(if $(PEERS),--peers $(PEERS)) $(if $(WRITE),--write) $(BENCH)

bench-peers: setup-dev ## install the servers to compare with, in .venv-peers; PEERS=fastapi,mlserver picks
	@$(PY) -m benchmarks.peers $(PEERS)

soak: setup-dev ## the long figures: crash points, races, loads, hostile bytes; SEED=7 replays a run, SECONDS=60 shortens
	@$(PY) -m pytest -m "faults or fuzz or journey or soak" --soak $(if $(SEED),--seed $(SEED)) \
		$(if $(SECONDS),--seconds $(SECONDS)) $(T)

##@ Work
fmt: setup-dev ## put the source and the templates into their one format
	@$(VENV)/bin/ruff format . && $(VENV)/bin/ruff check --fix . && $(PY) -m deploy.pages templates

docs: setup-dev ## compare the tables in docs/ with the code
	@$(PY) -m pytest -q tests/architecture -k "docs or glossary"

requirements: setup-dev ## pin again what pyproject.toml asks for
	@$(VENV)/bin/uv pip compile $(PINS) pyproject.toml -o requirements.txt
	@$(VENV)/bin/uv pip compile $(PINS) --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

proto: setup-dev ## make the gRPC messages again from scoring/protocols/inference.proto
	@deploy/proto.sh scoring/protocols

db-reset: ## forget database, artifacts and plans of this folder; keys stay
	@$(WITH_ENV) deploy/reset.sh

help:
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile

setup: $(VENV)/.runtime
setup-dev: $(VENV)/.dev

$(VENV)/.runtime: requirements.txt deploy/setup.sh
	@PYTHON="$(PYTHON)" deploy/setup.sh requirements.txt && touch $@

$(VENV)/.dev: requirements-dev.txt deploy/setup.sh
	@PYTHON="$(PYTHON)" deploy/setup.sh requirements-dev.txt && touch $@ $(VENV)/.runtime

# What runs behind walls keeps nothing: it finds what it needs compiled.
compiled:
	@$(PY) -m compileall -q config demo formats registry releases scoring

PINS := --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header

.PHONY: compiled demo run test check bench bench-peers soak fmt docs requirements proto db-reset help setup setup-dev
