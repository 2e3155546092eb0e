# make test    everything: linters, types, imports, tests with the real tools. The first run sets all of it up.
# make lint    ruff, mypy, import-linter
# make pytest  the tests alone; ARGS="tests/format -x" chooses
# make test-flavors  TensorFlow, Keras, PyTorch, H2O, Spark and R. Installs them once.
# make test-servers  real servers: Ceph, WebDAV, Azure's and Google's emulators for payloads, Pagure for pull requests.
#              Installs them once.
# make demo    from a trained model to a prediction in another folder, each command shown
# make bench   measurements beside MLflow, DVC and GTO, written to benchmarks/RESULTS.md
# make soak    32 writers, 10,000 registrations, some killed; WRITERS=, WRITES=, KILLS= and SEED= say otherwise
# make clean   removes what these made in the checkout; the tools stay in the user's cache

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := test
.NOTPARALLEL:
.PHONY: test test-flavors test-servers lint pytest demo bench soak clean system tools frameworks

PYTHON ?= python3
JOBS ?= 2
ARGS ?=
WRITERS ?= 32
WRITES ?= 10000
KILLS ?= $(shell expr $(WRITES) / 100)
SEED ?= 1
export PYTHON

# The stamp's name says what an environment was made from: the times of a fresh clone say nothing, and a copied one is not usable.
MADE_FROM := $(shell { cat pyproject.toml hatch_build.py; echo "$(CURDIR)"; $(PYTHON) --version; } | git hash-object --stdin | cut -c1-12)
VENV := .venv/made-from-$(MADE_FROM)
DEMO_VENV := .venv-demo/made-from-$(MADE_FROM)
# Of its own: the tests of `make test` see what gitreg says where a store's client is missing.
SERVERS_VENV := .venv-servers/made-from-$(MADE_FROM)

TOOLS = GITREG_TEST_MLFLOW="$$(tests/tools/setup.sh mlflow)/bin/python" \
	GITREG_TEST_GTO="$$(tests/tools/setup.sh gto)/bin/gto" \
	GITREG_TEST_DVC="$$(tests/tools/setup.sh dvc)/bin/dvc" \
	GITREG_TEST_DVC_PYTHON="$$(tests/tools/setup.sh dvc)/bin/python" \
	GITREG_TEST_WHEELS="$$(tests/tools/wheels.sh)"

# Azurite has no wheel: setup.sh's folder is npm's too.
SERVERS = GITREG_TEST_AZURITE="$$(tests/tools/setup.sh azurite)/node_modules/.bin/azurite-blob" \
	GITREG_TEST_GCS="$$(tests/tools/setup.sh gcs)/bin/gcp-storage-emulator" \
	GITREG_TEST_DESCRIPTIONS="$$(tests/tools/descriptions.sh)" \
	GITREG_TEST_PAGURE="$$(tests/tools/pagure.sh)"

FRAMEWORKS = GITREG_TEST_FRAMEWORKS_MLFLOW="$$(tests/tools/setup.sh frameworks-mlflow)/bin/python"

test: system tools lint pytest

test-flavors: frameworks
	$(FRAMEWORKS) .venv-flavors/bin/python -m pytest -m frameworks -n $(JOBS) --dist loadscope tests/frameworks $(ARGS)

test-servers: $(SERVERS_VENV)
	@tests/tools/system.sh python tests servers
	@for tool in azurite gcs; do tests/tools/setup.sh $$tool >/dev/null; done
	@tests/tools/descriptions.sh >/dev/null
	@tests/tools/pagure.sh >/dev/null
	$(SERVERS) .venv-servers/bin/python -m pytest -m servers -n $(JOBS) --dist loadscope tests/servers $(ARGS)

lint: $(VENV)
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy --strict gitreg
	.venv/bin/lint-imports

pytest: $(VENV) system tools
	$(TOOLS) .venv/bin/python -m pytest -n $(JOBS) --dist worksteal $(ARGS)

demo: $(DEMO_VENV)
	PATH="$(CURDIR)/.venv-demo/bin:$$PATH" sh docs/demo.sh

bench: $(VENV) tools frameworks
	@tests/tools/system.sh bench
	$(TOOLS) $(FRAMEWORKS) GITREG_TEST_FRAMEWORKS="$(CURDIR)/.venv-flavors/bin/python" .venv/bin/python benchmarks/run.py

soak: $(VENV)
	.venv/bin/python benchmarks/soak.py --writers $(WRITERS) --writes $(WRITES) --kills $(KILLS) --seed $(SEED)

system:
	@tests/tools/system.sh python tests

tools: system
	@for tool in mlflow gto dvc; do tests/tools/setup.sh $$tool >/dev/null; done
	@tests/tools/wheels.sh >/dev/null

frameworks:
	@tests/tools/system.sh python tests frameworks
	@for tool in frameworks frameworks-mlflow; do tests/tools/setup.sh $$tool >/dev/null; done
	@tests/tools/overlay.sh .venv-flavors "$$(tests/tools/setup.sh frameworks)"

$(VENV):
	@tests/tools/system.sh python
	tests/tools/venv.sh .venv -e '.[test]'
	@touch $@

$(SERVERS_VENV):
	@tests/tools/system.sh python
	tests/tools/venv.sh .venv-servers -e '.[test,test-servers]'
	@touch $@

$(DEMO_VENV):
	@tests/tools/system.sh python
	tests/tools/venv.sh .venv-demo -e '.[sklearn,serve]' pandas
	@touch $@

clean:
	rm -rf .venv .venv-demo .venv-flavors .venv-servers build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
