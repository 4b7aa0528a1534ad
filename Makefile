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
	@echo 'make test-page    run those of the status page alone, in Chromium; REQUIRE_BROWSER=1 fails without one'
	@echo 'make test-chart   run the tests of the Helm chart; the first time they build a Kubernetes, which takes minutes'
	@echo 'make test-image   build the image and run it as the chart would; needs root, buildah and podman'
	@echo 'make chaos        hurt real processes at random: fresh seeds, SEEDS=20 of them; see tests/chaos/README.md'
	@echo 'make chaos-proof  plant thirteen bugs, one after the other, and see each of them found (some minutes)'
	@echo 'make lint         check style and types'
	@echo 'make bench        measure: speed beside other programs, growth, replicas; needs Java and Maven, 15 minutes'
	@echo 'make docs         write the pages of docs/ that are made of the code'
	@echo 'make chart-docs   write the table of helm/README.md'
	@echo 'make screenshot   take the picture of the status page in docs/images'
	@echo 'make constraints  pin the newest versions of all dependencies'
	@echo 'make clean        remove everything that can be made again'

demo: $(INSTALLED)
	@$(BIN)/profile-consumer demo

# Two processes, since most tests with a real Kafka wait; a file stays in one, for what its tests share.
test: browser
	@$(BIN)/python -m pytest --cov --numprocesses 2 --dist loadfile

test-page: browser
	@$(BIN)/python -m pytest tests/page

# Without one, and where none can be fetched, the tests of the status page are skipped, and the summary says so.
browser: $(INSTALLED)
	@$(BIN)/python -m tests.page.browser

screenshot: browser
	@$(BIN)/python -m tests.page.screenshot

SEEDS ?= 20
chaos: $(INSTALLED)
	@$(BIN)/python -m tests.chaos --seeds $(SEEDS)

chaos-proof: $(INSTALLED)
	@$(BIN)/python -m tests.chaos --proof

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A real Kubernetes is built of Go modules into .cache/kubernetes; nothing of it is needed for the other tests.
test-chart: $(INSTALLED)
	@$(BIN)/python -m tests.chart.binaries
	@$(BIN)/python -m pytest tests/chart -m chart

# Needs root and Debian's packages buildah, podman, runc and mmdebstrap; without Docker and without its registry.
test-image: $(INSTALLED)
	@$(BIN)/python -m pytest tests/chart/test_image.py -m image

docs: $(INSTALLED)
	$(BIN)/python -m docs.generate

chart-docs: $(INSTALLED)
	@$(BIN)/python -m tests.chart.binaries helm-docs --chart-search-root helm --sort-values-order file

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

# One after the other, about ten minutes, and each ends by itself; ratios within one run are what counts. What pacing
# is worth is a simulation of its own (python -m benchmarks.pacing).
bench: $(INSTALLED)
	@$(BIN)/python -m benchmarks.speed
	@$(BIN)/python -m benchmarks.replicas
	@$(BIN)/python -m benchmarks.mapping
	@$(BIN)/python -m benchmarks.growth
	@$(BIN)/python -m benchmarks.quota_cost

.PHONY: help demo bench test test-page browser screenshot test-chart test-image chaos chaos-proof lint docs chart-docs constraints clean
