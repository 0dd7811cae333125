# tokenlane: `make demo` sets up and runs the main job, `make test` is the complete check.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# PyTorch's CPU wheels, for machines where pip would otherwise take the CUDA build. Empty: the package index alone.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

ROOMS := proto libs/chassis libs/fleet libs/worker services/ingress services/classifier services/autoscaler \
	services/worker-short services/worker-long cli
INSTALL := $(foreach room,$(ROOMS),-e $(room))

export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.installed: pyproject.toml $(addsuffix /pyproject.toml,$(ROOMS))
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev $(INSTALL)
	touch $@

.PHONY: setup
setup: $(VENV)/.installed ## Create .venv and install everything but the engine

.PHONY: proto
proto: setup ## Generate the Python of the bus's messages
	cd proto && python -m grpc_tools.protoc -I . --python_out=src --pyi_out=src tokenlane/v1/*.proto
