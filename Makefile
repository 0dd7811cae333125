# tokenlane. `make demo` sets up and runs the main job; `make test` is the complete check.

PYTHON ?= python3
BIN := .venv/bin
ENGINE_BIN := .venv-engine/bin

# PyTorch's CPU wheels, for machines where pip would otherwise take the CUDA build. Empty: the package index alone.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

# make demo: ENGINE=sim for the simulated engine; MODEL= a directory or hub name; ENGINE_URL= a running OpenAI server.
ENGINE ?= vllm
MODEL ?=
ENGINE_URL ?=
DEMO_FLAGS ?=

ROOMS := proto libs/chassis libs/client libs/fleet libs/worker services/ingress services/classifier services/autoscaler \
	services/worker-short services/worker-long cli
CODE := $(addsuffix /src,$(ROOMS)) proto/check_generated.py tests bench engine
DEMO_MODEL := .cache/models/SmolLM2-135M-Instruct
TINY_MODEL := .cache/models/tiny-llama

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# Set-up --------------------------------------------------------------------------------------------------------------

.venv/.installed: pyproject.toml $(addsuffix /pyproject.toml,$(ROOMS))
	@echo "Installing tokenlane into .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --group dev $(addprefix -e ,$(ROOMS)) -e "services/ingress[bench]" -e "libs/fleet[sim]" -e "cli[plan]"
	@touch $@

.PHONY: setup
setup: .venv/.installed ## Create .venv and install everything but the engine

.PHONY: engine
engine: setup ## Create .venv-engine with vLLM's CPU build, and convert the small model
	@python engine/setup_cpu.py --torch-index "$(TORCH_INDEX)"
	@$(ENGINE_BIN)/python engine/convert_smollm2.py
	@$(ENGINE_BIN)/python engine/make_tiny_model.py

# Running -------------------------------------------------------------------------------------------------------------

# A `vllm` that is already on PATH (a GPU machine), else the CPU build of `make engine`.
OWN_VLLM := $(shell PATH="$$(echo "$$PATH" | sed 's#$(CURDIR)/$(BIN):##')" command -v vllm)

ifneq ($(ENGINE_URL),)
DEMO := --engine-url "$(ENGINE_URL)" $(if $(MODEL),--model "$(MODEL)")
else ifeq ($(ENGINE),sim)
DEMO := --engine sim
else ifneq ($(OWN_VLLM),)
DEMO := --engine-command "$(OWN_VLLM)" --model "$(or $(MODEL),HuggingFaceTB/SmolLM2-135M-Instruct)"
else
DEMO := --engine-command "$(CURDIR)/$(ENGINE_BIN)/vllm" --model "$(or $(MODEL),$(DEMO_MODEL))"
DEMO_NEEDS := engine
endif

.PHONY: demo
demo: setup $(DEMO_NEEDS) ## Run the stack, send it requests, show what came back; Ctrl-C ends it
	@tokenlane demo $(DEMO) $(DEMO_FLAGS)

# Checking ------------------------------------------------------------------------------------------------------------

.PHONY: proto
proto: setup ## Generate the Python of the bus's messages
	cd proto && python -m grpc_tools.protoc -I . --python_out=src --pyi_out=src tokenlane/v1/*.proto

.PHONY: format
format: setup ## Format the code
	ruff check --fix --quiet $(CODE)
	ruff format --quiet $(CODE)

.PHONY: check
check: setup ## Format, lint, types, import rules, the contract of the bus
	ruff format --check --quiet $(CODE)
	ruff check --quiet $(CODE)
	mypy
	lint-imports
	cd proto && buf lint && buf breaking --against released.binpb
	python proto/check_generated.py

.PHONY: container-engine
container-engine: ## Install what the container tests start for themselves, where root may
	bash tests/containers/install-engine.sh

.PHONY: test
test: setup ## The complete check, real vLLM included
	@$(MAKE) --no-print-directory -j3 --output-sync=target check engine $(if $(filter true,$(CI)),container-engine)
	python -m pytest -n 2

.PHONY: test-fast
test-fast: setup ## Unit tests and the suites that need no engine, no container and no chart
	python -m pytest tests/unit tests/adapters -m "not engine"

.PHONY: bench
bench: setup ## What the way over the bus costs
	python -m bench.overhead

.PHONY: chaos
chaos: setup ## Kill every kind of process under load, with one broker and with three, and report
	python -m tests.chaos --json .cache/chaos/one-broker.json
	python -m tests.chaos --cluster --json .cache/chaos/cluster.json

.PHONY: clean
clean: ## Remove environments, caches and local state
	rm -rf .venv .venv-engine .cache .tokenlane
