# Two commands on a fresh machine with git, make and Python 3.11 or later: `make demo` and `make test`.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= auto
PIP = $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

.DEFAULT_GOAL := help
.PHONY: help demo test test-browser dist image man docs lint check fuzz soak scale diagnostics schemas format bench bench-venv clean facts

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(VENV)/.run ## plan, apply and follow the builds on the built-in emulator, then plan again
	@set -e; export RECONCILER_API=emulator; \
	for words in 'emulator reset' 'plan' 'apply --yes' 'plan --detailed-exitcode'; do \
		printf '\n$$ reconciler %s\n' "$$words"; $(BIN)/reconciler $$words; \
	done

test: $(VENV)/.dev ## run the tests
	$(BIN)/python -m pytest -n $(JOBS)

test-browser: $(VENV)/.dev ## drive the HTML page in Chromium (Debian installs it with apt-get)
	command -v chromium >/dev/null && command -v chromedriver >/dev/null || { apt-get update && apt-get install -y --no-install-recommends chromium chromium-driver; }
	$(PIP) '.[test,browser]'
	$(subst --editable,,$(PIP)) --no-deps axe-playwright-python
	RECONCILER_BROWSER=1 $(BIN)/python -m pytest tests/browser

dist: $(VENV)/.dev ## build wheel and sdist, check both, and run the program from the wheel in a clean environment
	$(PIP) '.[dist]'
	rm -rf dist build/wheel-venv
	$(BIN)/python -m build --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	$(BIN)/check-wheel-contents dist/*.whl
	$(PYTHON) -m venv build/wheel-venv
	build/wheel-venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt dist/*.whl
	build/wheel-venv/bin/python -I tools/try_installed.py

image: $(VENV)/.dev ## build the container image where docker or podman runs, else only lint the Containerfile
	$(PIP) '.[dist]'
	$(BIN)/hadolint --failure-threshold warning Containerfile
	@if podman info >/dev/null 2>&1; then engine=podman; elif docker info >/dev/null 2>&1; then engine=docker; \
	else echo 'neither podman nor docker runs here: the Containerfile was linted, not built'; exit 0; fi; set -ex; \
	$$engine build --file Containerfile --tag reconciler .; $$engine run --rm reconciler --version

man: $(VENV)/.dev ## write the manual page from the parser to build/man/reconciler.1
	$(PIP) '.[docs]'
	mkdir -p build/man
	$(BIN)/python -m tools.manpage > build/man/sections
	PYTHONPATH=. $(BIN)/argparse-manpage --module tools.manpage --function parser --project-name reconciler \
		--version "$$($(BIN)/python -c 'import reconciler; print(reconciler.__version__)')" \
		--description 'plan and apply Chainguard Custom Assembly' --manual-title 'reconciler manual' \
		--include build/man/sections --output build/man/reconciler.1

docs: $(VENV)/.dev ## build the documentation as a site in build/site; a broken link fails
	$(PIP) '.[docs]'
	$(BIN)/zensical build --strict

lint: $(VENV)/.dev ## check layout, lint rules, types and the direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

check: lint test ## everything that has to be green before a change lands

fuzz: $(VENV)/.dev ## run the generated tests many times as long
	RECONCILER_HYPOTHESIS=fuzz $(BIN)/python -m pytest -n $(JOBS) -m fuzz

soak: $(VENV)/.run ## write and follow 2,000 repositories while everything goes wrong (SEED=N)
	$(BIN)/python -m benchmarks.soak $(if $(SEED),--seed $(SEED))

scale: $(VENV)/.dev ## apply 2,000 repositories with eight workers, two of which are killed
	RECONCILER_SHARDED=2000 $(BIN)/python -m pytest -q tests/ci/test_scaling.py

bench: bench-venv ## measure the speed beside other programs, and print the table of docs/performance.md
	$(VENV)-bench/bin/python -m benchmarks.bench

# As users have it: an editable installation, the tools of the tests and what an old pip writes make every start slower.
bench-venv: $(VENV)/.run
	test -x $(VENV)-bench/bin/python || $(PYTHON) -m venv $(VENV)-bench
	$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt .
	-$(VENV)-bench/bin/python -m pip install --quiet --disable-pip-version-check octodns

diagnostics: $(VENV)/.run ## write docs/diagnostics.md anew from the codes
	$(BIN)/python -m tools.diagnostics > docs/diagnostics.md

schemas: $(VENV)/.run ## write the schemas of the plan and of the event lines in docs/ anew from their types
	$(BIN)/python -m tools.schemas docs

facts: $(VENV)/.dev ## write the facts of the API anew from its published documents (DOCUMENTS=FOLDER)
	$(BIN)/python -m tests.contract.facts $(or $(DOCUMENTS),../shared/openapi/2026-10)

format: $(VENV)/.dev ## lay out the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean: ## remove what the commands made
	rm -rf $(VENV) $(VENV)-bench .reconciler build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.run: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is %s; say which one to take: make PYTHON=python3.12 ..." % sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	@touch $@
