# Every target is what CI runs. `make` alone lists them.
PYTHON ?= python3
PY     := .venv/bin/python
CDK    := npx --no-install cdk
UV     := 0.13.9

# uv does not read pip's settings: hand on where this machine keeps its packages, if it says so.
# Not exported: every line of every recipe would start pip to ask.
FIND_LINKS = $(or $(UV_FIND_LINKS),$(PIP_FIND_LINKS),$(shell $(PYTHON) -m pip config get global.find-links 2>/dev/null))
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION = 20
export CDK_DISABLE_CLI_TELEMETRY = true
export NPM_CONFIG_UPDATE_NOTIFIER = false
# Bytecode is written once and read at every start: aws_cdk takes 5 s more without it.
unexport PYTHONDONTWRITEBYTECODE

DEMO := $(if $(KEEP),--keep) $(if $(PORT),--port $(PORT)) $(if $(FOLDER),--folder $(FOLDER)) $(if $(INPUT),--input $(INPUT))

.PHONY: help install demo test check format synth inventory docs catalog lock clean

help:
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

install: .venv/installed node_modules/installed ## Python environment and CDK command line, as pinned

demo: install ## the whole platform on this machine, no account: KEEP=1 PORT=8080 FOLDER=.demo INPUT='a.txt b.txt'
	@$(PY) -m operations.demo $(DEMO)

test: install ## all tests, offline from AWS; ARGS='-k gateway' selects
	$(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

check: install ## format, lint, types, import rules
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy app.py stacks workloads operations benchmarks
	.venv/bin/lint-imports

format: install ## rewrite the code in the project's format
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

synth: install ## every stack of every environment, without credentials, held against the rules of the hardware
	@$(PY) -m stacks >/dev/null
	$(CDK) synth --quiet
	@$(PY) -m operations.checker cdk.out

inventory: install ## accept changed logical IDs and what data hangs on: tests/prod.inventory, tests/prod.state
	UPDATE_INVENTORY=1 $(PY) -m pytest -q tests/test_inventory.py tests/test_state.py

docs: install ## rewrite the generated parts of the documents
	UPDATE_DOCS=1 $(PY) -m pytest -q tests/test_docs.py

catalog: install ## refresh workloads/hardware.json from the EC2 API of your account
	$(PY) -m operations.catalog

lock: install ## renew constraints.txt after a change in requirements*.txt
	UV_FIND_LINKS='$(FIND_LINKS)' .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --no-emit-package torch \
		--no-header --no-annotate --output-file constraints.txt requirements-dev.txt

clean: ## remove what the other targets made
	rm -rf .venv node_modules cdk.out .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/installed: requirements.txt requirements-dev.txt constraints.txt workloads/requirements-cpu.txt workloads/gateway/requirements.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) was not found: install Python 3.11 or newer, or name it with PYTHON=..." >&2; exit 2; }
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit(f"{sys.executable} is Python {v[0]}.{v[1]}: Python 3.11 or newer is needed; name it with PYTHON=...")'
	@echo "installing Python packages into .venv"
	@$(PYTHON) -m venv --clear .venv
	@$(PY) -m pip install --quiet --disable-pip-version-check uv==$(UV)
	@UV_FIND_LINKS='$(FIND_LINKS)' VIRTUAL_ENV=.venv .venv/bin/uv pip install --quiet -r requirements-dev.txt -c constraints.txt
	@touch $@

node_modules/installed: package.json package-lock.json
	@command -v npm >/dev/null || { echo "npm was not found: install Node.js 20 or newer" >&2; exit 2; }
	@node -e 'const v = +process.versions.node.split(".")[0]; if (v < 20) { console.error("node is version " + process.versions.node + ": Node.js 20 or newer is needed"); process.exit(2) }'
	@echo "installing the CDK command line into node_modules"
	@npm ci --silent --no-audit --no-fund
	@touch $@
