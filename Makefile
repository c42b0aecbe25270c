# `make` alone prints the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
RUNTIME ?= local
BIN := .venv/bin

.PHONY: help setup demo test engine browser lint docs bench clean

help: ## print the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

setup: .venv/.complete ## make .venv with all that this project needs (nothing to do when it is there)

.venv/.complete: uv.lock setup.py pyproject.toml scripts/environment.sh
	@scripts/environment.sh
	@touch $@

demo: setup ## embed and score real antibodies; RUNTIME=docker runs the same in a container
	@$(BIN)/repro setup antiberty --runtime $(RUNTIME)
	@$(BIN)/python scripts/demo.py --runtime $(RUNTIME)

test: setup ## run all tests; those that need a Docker engine are skipped where none answers
	@$(BIN)/python -m pytest $(PYTEST_ARGS)

engine: ## install and start a Docker engine (Debian, as root), build the base image, get a registry for the tests
	@scripts/engine.sh
	@scripts/base_image.sh
	@scripts/registry.sh

browser: ## install Chromium where there is none (Debian, as root), for the tests of pages
	@scripts/browser.sh

lint: setup ## ruff, its formatter as a check, mypy, and whether the generated pages are what the code says
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/vermin --quiet --no-tips --violations --exclude importlib.metadata --target=3.7- repro/guest
	@$(BIN)/mypy
	@$(BIN)/python -m scripts.docs.generate --check

docs: setup ## write the generated pages, and build the documentation into site/
	@$(BIN)/python -m scripts.docs.generate
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict # not --quiet: with it a broken link is no error

bench: setup ## measure the hand-over between host and container
	@$(BIN)/python scripts/bench/handover.py

clean: ## remove .venv and everything that was built
	rm -rf .venv build dist site out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
