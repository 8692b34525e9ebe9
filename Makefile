# What a contributor runs. Every target makes what it needs; a fresh machine needs make, Python and
# a package index.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
TEST_ARGS ?=

# Python keeps what it compiles: of the tests, which pytest rewrites, that is half of what it costs to
# collect them.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: venv
venv: $(VENV)/.test ## Make the virtual environment with everything that runs and tests need

.PHONY: demo
demo: $(VENV)/.run ## Run a simulated App Platform and the exporter on it; Ctrl-C ends both
	exec $(BIN)/do-app-exporter demo

.PHONY: test
test: venv system-packages build/tools/helm ## Run every test, several at a time; TEST_ARGS goes to pytest
	$(BIN)/python -m pytest -n auto --dist worksteal $(TEST_ARGS)

.PHONY: explore
explore: venv ## Run the properties with examples that no run has tried; TEST_ARGS names test modules
	HYPOTHESIS_PROFILE=explore $(BIN)/python -m pytest -n auto --dist worksteal $(TEST_ARGS)

.PHONY: test-busy
test-busy: venv system-packages build/tools/helm ## Run every test beside two processes that live random lives and so keep two cores busy
	$(BIN)/python tests/busy.py $(BIN)/python -m pytest -n auto --dist worksteal $(TEST_ARGS)

.PHONY: test-costs
test-costs: venv system-packages build/tools/helm ## Run every test and show what each module costs
	$(BIN)/python -m pytest -p tests.module_costs -n auto --dist worksteal $(TEST_ARGS)

KIND ?= wild
SEED ?= 1000
COUNT ?= 1000

.PHONY: lives
lives: venv ## Simulate COUNT lives of a KIND (wild, rough, steady, calm, crowd, skewed, scaled, followed, cut, polled, changed, replicas, replicas_rollback, threads, preempted) from SEED on; a bad one is printed
	PYTHONHASHSEED=0 PYTHONPATH=tests $(BIN)/python tests/lives.py $(KIND) $(SEED) $(COUNT)

TARGET ?= lines
MINUTES ?= 10

.PHONY: fuzz
fuzz: $(VENV)/.fuzz ## Fuzz a TARGET (bodies, configuration, frames, growth, gunzip, lines, messages, pushes, rules, snapshots) for MINUTES by coverage
	$(BIN)/python -m fuzz $(TARGET) $(MINUTES)

MODULE ?= exporter/replicas/decision.py
TESTS ?=

.PHONY: mutants
mutants: $(VENV)/.mutants ## Change a MODULE, or functions WITHIN it, in one place at a time; its tests, or TESTS, have to fail
	$(BIN)/python tests/mutants.py $(MODULE) $(TESTS) $(WITHIN:%=--within=%)

HOURS ?= 2

.PHONY: soak
soak: venv system-packages ## Run four exporters for HOURS with crashes, hand-overs, reloads, token changes and kills
	PYTHONPATH=.:tests $(BIN)/python tests/soak.py $(HOURS) $(SEED)

.PHONY: faults
faults: venv system-packages ## Let each system call of a start and a save of state fail once (needs strace), and each message to Redis, of a replica too
	PYTHONPATH=tests $(BIN)/python tests/faults.py

BENCH_ARGS ?=

.PHONY: bench
bench: venv ## Measure how fast it is; BENCH_ARGS names subjects: polls, matching, streams, floor and others
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

.PHONY: system-packages
system-packages: ## Install the Debian packages that tests use, or say what is missing
	@.ci/system-packages

build/tools/helm: .ci/helm .ci/helm.txt
	@$(BIN)/python .ci/helm

.PHONY: lint
lint: $(VENV)/.lint ## Check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: format
format: $(VENV)/.lint ## Put code into its format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: types
types: $(VENV)/.lint ## Check types
	$(BIN)/mypy

.PHONY: docs
docs: venv ## Write the generated pages in docs/
	$(BIN)/python docs/generate.py

.PHONY: recordings
recordings: venv ## Run the loggers and clients of many languages again and keep what they print for tests
	$(BIN)/python tests/recordings/record.py
	$(BIN)/python tests/recordings/record_clients.py

.PHONY: screenshots
screenshots: venv system-packages ## Take the pictures of the page in docs/ anew
	$(BIN)/python tests/page_states.py

.PHONY: dashboards
dashboards: venv ## Write the Grafana dashboards from their code
	$(BIN)/python -m dashboards.build

.PHONY: constraints
constraints: ## Pin the newest versions that pyproject.toml allows
	rm -rf build/constraints
	$(PYTHON) -m venv build/constraints
	build/constraints/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test,lint,fuzz,mutants]'
	build/constraints/bin/python -m pip freeze --exclude-editable | LC_ALL=C sort -f > constraints.txt
	rm -rf build/constraints

.PHONY: dist
dist: ## Build the wheel and the sdist, and run the demo from each in a clean environment
	PYTHON=$(PYTHON) .ci/dist

.PHONY: clean
clean: ## Remove everything that was made here
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment in steps; each file records that its step was done with these versions. The demo
# needs the first two, and shows pip's progress: whoever tries it should see what it waits for.

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is missing or older than 3.11: run make PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	}
	@echo "Making a virtual environment in $(VENV) …"
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.run: $(VENV)/.python pyproject.toml constraints.txt
	@echo "Installing what the exporter needs into $(VENV) (about 70 MB) …"
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.test: $(VENV)/.run
	@echo "Installing what the tests need into $(VENV) …"
	$(PIP_INSTALL) -c constraints.txt -e '.[test]'
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	$(PIP_INSTALL) -c constraints.txt -e '.[test,lint]'
	@touch $@

$(VENV)/.fuzz: $(VENV)/.test
	$(PIP_INSTALL) -c constraints.txt -e '.[test,fuzz]'
	@touch $@

$(VENV)/.mutants: $(VENV)/.test
	$(PIP_INSTALL) -c constraints.txt -e '.[test,mutants]'
	@touch $@
