# Everything sets itself up: a fresh machine needs make, Python 3.11 or newer, and, for the tests with a real Kafka, Java
# 17 or newer with Maven (the tests fetch Kafka themselves). `make` alone tells what there is.

PYTHON ?= python3
REQUIRE_REAL_KAFKA ?= 0
export REQUIRE_REAL_KAFKA

BIN := .venv/bin
INSTALLED := .venv/installed

help:
	@echo 'make demo         see it work: everything embedded, nothing else needed'
	@echo 'make test         run all tests; REQUIRE_REAL_KAFKA=1 fails where those with a real Kafka would be skipped'
	@echo 'make chaos        hurt real processes at random: fresh seeds, SEEDS=20 of them; see tests/chaos/README.md'
	@echo 'make chaos-proof  plant twelve bugs, one after the other, and see each of them found (20 minutes)'
	@echo 'make lint         check style and types'
	@echo 'make docs         write the pages of docs/ that are made of the code'
	@echo 'make constraints  pin the newest versions of all dependencies'
	@echo 'make clean        remove everything that can be made again'

demo: $(INSTALLED)
	@$(BIN)/profile-consumer demo

test: $(INSTALLED)
	@$(BIN)/python -m pytest --cov

SEEDS ?= 20
chaos: $(INSTALLED)
	@$(BIN)/python -m tests.chaos --seeds $(SEEDS)

chaos-proof: $(INSTALLED)
	@$(BIN)/python -m tests.chaos --proof

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(INSTALLED)
	$(BIN)/python -m docs.generate

# The group's name comes from pyproject.toml; only pip 25.1 and newer knows it.
$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one: make PYTHON=python3.12")'
	@echo 'Installing into .venv …'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1,<27'
	@$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --group dev --editable .
	@touch $@

constraints:
	@rm -rf .cache/constraints && $(PYTHON) -m venv .cache/constraints
	@.cache/constraints/bin/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1,<27'
	@.cache/constraints/bin/pip install --quiet --disable-pip-version-check --group dev .
	@.cache/constraints/bin/pip freeze --exclude profile-consumer > constraints.txt

clean:
	rm -rf .venv .cache .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help demo test chaos chaos-proof lint docs constraints clean
