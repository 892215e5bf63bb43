# make book   install, execute the chapters that changed (side by side), render them, print the page to open
# make test   install, then every test
# make lint   the form of the code (ruff) and its types (mypy), as CI checks them
# make clean  throw away everything that was built

PYTHON ?= python3
VENV := .venv
JOBS ?= 2
STAMP := $(VENV)/.installed

.PHONY: book test lint clean

book: $(STAMP)
	@$(VENV)/bin/unitscope book

test: $(STAMP)
	@OMP_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder

lint: $(STAMP)
	@$(VENV)/bin/ruff check
	@$(VENV)/bin/ruff format --check
	@$(VENV)/bin/mypy

# Installed again only when the list of packages changed.
$(STAMP): pyproject.toml
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV): some minutes the first time"
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $(STAMP)

clean:
	rm -rf _build .pytest_cache
