NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for name in python3.11 python3; do \
	"$$name" -c '$(NEW_ENOUGH)' 2>/dev/null && command -v "$$name" && break; done)
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test soak lint check bench

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## Turn the wheel on three Meta-World tasks and write a report
	$(BIN)/flywheel demo

test: $(READY) ## Run the tests
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal

soak: $(READY) ## Kill small runs and campaigns at random, again and again, and check what is left
	$(BIN)/python tests/soak.py --runs 30
	$(BIN)/python tests/campaign_soak.py --runs 20

lint: $(READY) ## Check style, formatting, types and layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

check: lint test ## Run lint and test

bench: $(READY) ## Measure against plain loops, side by side
	$(BIN)/python -m benchmarks

$(READY): pyproject.toml constraints.txt
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' 2>/dev/null || { echo "Python 3.11 or newer is needed." \
		"Install it, or say where it is: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up .venv (about 2 GB; once, and again when the dependencies change) ..."
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile -c constraints.txt -e '.[dev]'
	@# On all cores, which pip does on one. Some packages hold files that no Python reads.
	@$(BIN)/python -m compileall -qq -j 0 .venv/lib || true
	@touch $@
