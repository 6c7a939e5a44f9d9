# `make` lists what there is.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
# One change of these, and the environment is brought up to date.
STAMP := $(VENV)/.dependencies

TASK ?=
SEED ?= 7
GUI ?= 0
SCENE ?= block_stacking
OBJECTS ?= 0
CLUTTER ?= 0
FAMILY ?= block_stacking
QUICK ?= 0

export OMP_NUM_THREADS ?= 2
# Set in many containers: every node, and every process of a test, would then compile torch and more anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-all bench lint train paper npi clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info[:2] != (3, 11))" || \
	  { echo "error: $(PYTHON) is not Python 3.11, which ROS's wheels are for; set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --editable '.[ros,dev]'
	@touch $@

setup: $(STAMP) ## the environment .venv, and the ROS interfaces in it
	@$(BIN)/python tools/build_interfaces.py

demo: setup ## one unseen task; TASK="2>6 7>1 3>7" SEED=7 GUI=1 SCENE=order_fulfilment OBJECTS=20 CLUTTER=1
	$(BIN)/taskprog demo --seed $(SEED) --scene $(SCENE) --objects $(OBJECTS) \
	  $(if $(TASK),--task "$(TASK)") \
	  $(if $(filter-out 0,$(CLUTTER)),--clutter) $(if $(filter-out 0,$(GUI)),--gui)

test: setup ## the tests that take seconds
	$(BIN)/python -m pytest -m 'not slow'

test-all: setup ## all tests
	$(BIN)/python -m pytest

bench: setup ## how fast the parts are
	$(BIN)/python bench/run.py

lint: setup ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

train: setup ## the shipped policy again, from its seed; FAMILY=order_fulfilment, table_cleanup
	$(BIN)/taskprog train --family $(FAMILY) --output models/policies/$(FAMILY) --logs out/tensorboard/$(FAMILY)

paper: setup ## the paper's experiments, hours; QUICK=1 minutes; JOBS=2 RAY=HOST:PORT ONLY=fig5,fig6 TASK_FILE=...
	$(BIN)/taskprog paper $(if $(filter-out 0,$(QUICK)),--quick) \
	  $(if $(RAY),--ray $(RAY),$(if $(JOBS),--jobs $(JOBS))) \
	  $(if $(ONLY),--only $(ONLY)) $(if $(TASK_FILE),--task-file "$(TASK_FILE)")

npi: setup ## the experiments of NPI, the ancestor, an hour or two; QUICK=1 minutes; JOBS=2 RAY=HOST:PORT ONLY=addition
	$(BIN)/taskprog npi $(if $(filter-out 0,$(QUICK)),--quick) \
	  $(if $(RAY),--ray $(RAY),$(if $(JOBS),--jobs $(JOBS))) $(if $(ONLY),--only $(ONLY))

clean: ## remove what was built, and the environment; out/ stays
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache src/*.egg-info
