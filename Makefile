# perm-chat: `make run` serves, `make test` tests. Both set up what they need.
PYTHON ?= python3.11
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.PHONY: audit bench run test test-all test-default test-looks test-unit test-slow test-faults test-engines test-fleet test-security test-vllm fuzz vllm gpu check clean
.DEFAULT_GOAL := run

# The base install; no torch.
$(BIN)/perm-chat: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $(BIN)/perm-chat

# What tests need besides.
$(VENV)/.tests: pyproject.toml $(BIN)/perm-chat
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(VENV)/.tests

run: $(BIN)/perm-chat ## serve http://127.0.0.1:7860; with vLLM where a GPU is found, and says so first
	$(BIN)/python scripts/run.py $(ARGS)

test: $(VENV)/.tests ## the tests, in under ten minutes; skips are named
	$(BIN)/pytest $(ARGS)

test-all: check test test-default test-looks test-engines test-faults test-fleet test-security test-slow test-vllm ## everything

test-default: $(VENV)/.tests ## the app with the real 1.5B model, in a browser
	$(BIN)/pytest -n 0 -m default_model $(ARGS)

test-looks: $(VENV)/.tests ## the page in its sizes and themes; screenshots go to test-artifacts/
	$(BIN)/pytest -n 0 -m looks $(ARGS)

test-slow: $(VENV)/.tests ## the long ones: processes that die slowly
	$(BIN)/pytest -n 0 -m slow

test-faults: $(VENV)/.fuzz ## kills, full disks, broken servers; then docs/hardening.md anew
	$(BIN)/pytest -n 2 -m faults $(ARGS)
	$(BIN)/python -m tests.support.hardening

# What fuzzing needs besides.
$(VENV)/.fuzz: pyproject.toml $(VENV)/.tests
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@touch $(VENV)/.fuzz

fuzz: $(VENV)/.fuzz ## search every parser for what breaks it, an hour in all; ARGS="--seconds 600"
	$(BIN)/python -m tests.fuzz $(ARGS)

vllm: ## vLLM in an environment of its own: for a GPU where there is one, else for the processor
	$(PYTHON) scripts/vllm_environment.py

gpu: $(BIN)/perm-chat vllm ## serve with vLLM
	$(BIN)/python app.py --engine vllm $(ARGS)

test-fleet: $(VENV)/.tests ## two app processes on one PostgreSQL
	$(BIN)/pytest -n 0 -m "fleet and not vllm"

test-engines: $(VENV)/.tests ## every engine but vLLM with the small real model
	$(BIN)/pytest -n 0 -s -m engines $(ARGS)

test-security: $(VENV)/.tests ## every route, handler and page, with hostile input
	$(BIN)/pytest -n 0 -m security $(ARGS)

test-vllm: $(VENV)/.tests vllm ## the vllm engine with a real vLLM
	$(BIN)/pytest -n 0 -s -m vllm $(ARGS)

test-unit: $(VENV)/.tests ## the fast ones alone
	$(BIN)/pytest -m unit $(ARGS)

bench: $(VENV)/.tests ## speed, as ratios from one run; writes bench/RESULTS.md
	$(BIN)/python -m bench $(ARGS)

audit: $(VENV)/.tests ## known faults of what is installed, risky code of ours, an SBOM
	$(PYTHON) scripts/audit.py $(VENV)

check: $(VENV)/.tests ## style, types and the image's recipe
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/hadolint deploy/Dockerfile

clean: ## remove what was installed here; models and conversations stay
	rm -rf $(VENV)
