# make demo   set up, run a whole experiment on real data, open the verdict
# make test   set up and run the tests
# make docs   build the documentation site into build/site
# make check  everything that CI and reviewers run
# make build  the packages that are published, in dist; make release-check: whether they may be

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo test docs check build release-check clean

demo: $(READY)
	$(BIN)/torchal run experiments/quickstart.yaml
	$(BIN)/torchal report experiments/quickstart.yaml
	@echo "Go on: . .venv/bin/activate, then torchal --help"

test: $(READY)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

docs: $(READY)
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -d build/doctrees docs build/site
	@echo "Open build/site/index.html"

check: $(READY)
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/check

build: $(READY)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[release]'
	$(BIN)/python -m build --no-isolation

release-check: $(READY)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev,release,ray,slurm,pretrained,energy]'
	PATH="$(CURDIR)/$(BIN):$$PATH" scripts/release-check

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "torchal needs Python 3.11 or newer; say make PYTHON=python3.11"; exit 1; }
	@echo "Installing into .venv, once: some minutes, most of them for torch"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv build dist
