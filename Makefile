# Every target sets up what it needs. Nothing outside this folder is changed, but for the Debian
# packages of tests, images and local cluster (tests/cluster/setup.sh lists them), and the caches that
# Go and pip keep in the home folder, as .ci/run does (DETOUR_CACHE).
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
# Its tools have dependencies of their own, which nothing else is to meet.
AUDIT := .venv-audit
PYTHON := $(VENV)/bin/python
SOURCES := operator:node-agent:copier:crds:failpoints:metrics:kubectl-plugin
export PYTHONPATH := tests:$(SOURCES)
# The Kubernetes client and the cluster's helpers must not pick up a kubeconfig that was not named.
PROVIDER ?=
export PROVIDER
# "upstream" puts KubeVirt itself on the local cluster, in place of its stand-in (tests/upstream).
KUBEVIRT ?=
export KUBEVIRT
CLUSTER := $(PYTHON) -m cluster
SCRIPTS := .ci/run $(shell git ls-files "*.sh") tests/guest/init tests/upstream/virtqemud kubectl-plugin/krew/kubectl-detour
GO := tests/gitops/health tests/storage/csi/driver
PROGRAMS := $(or $(DETOUR_CACHE),.cache)/bin
HELM := $(PROGRAMS)/helm
# Which end-to-end tests to run: a pytest expression, as in `make e2e ONLY=live_move`.
ONLY ?=
# Size of the demo's disk; half of it is filled.
DEMO_SIZE ?= 2Gi
export DEMO_SIZE

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.PHONY: demo
demo: cluster-up ## Move a running VM's disk on a real cluster and prove that nothing was lost
	$(PYTHON) -m demo

.PHONY: test
test: $(VENV)/ready packages ## Run every test but the long runs (model, robustness, fuzz)
	# Images are made by one process at a time: the other half of the machine runs what needs none.
	$(MAKE) --jobs=2 without-cluster cluster-up
	$(MAKE) e2e-together
	# A test that runs alone leaves most of the machine idle: what needs no cluster takes that.
	$(MAKE) --jobs=2 --output-sync=target e2e-alone longest-without-cluster

.PHONY: without-cluster longest-without-cluster
without-cluster:
	$(MAKE) lint
	$(MAKE) unit
longest-without-cluster:
	$(MAKE) thorough
	$(MAKE) contract

.PHONY: packages
packages:
	tests/cluster/setup.sh

# These ask an API server, Helm, a Go program and the CRDs, and these see to the tests' own machinery:
# `make lint` runs them.
CHECKED := $(addprefix tests/unit/,crds chart gitops vendor kubectl_api fuzz_api)
MACHINERY := $(addprefix tests/unit/,bench cluster fuzz harness kubevirt robustness workflows)

.PHONY: unit
unit: $(VENV)/ready ## Run the tests that need neither root nor a cluster (20 s on two idle cores; those that enumerate: make thorough)
	$(QUICK) -n 2 --dist loadfile $(patsubst %,--ignore=%,$(CHECKED) $(MACHINERY)) tests/unit
# Where bytecode may not be written, each run would compile every test anew.
PYTEST = env -u PYTHONDONTWRITEBYTECODE $(PYTHON) -m pytest -q
QUICK = $(PYTEST) -m "not model and not thorough"

.PHONY: lint
lint: $(VENV)/ready packages ## Check style, types, layers, CRDs, chart, alerts, policies on an API server, and links
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	PYTHONPATH=$(SOURCES) $(VENV)/bin/lint-imports
	$(VENV)/bin/pip check
	$(QUICK) $(CHECKED)
	$(QUICK) -n 2 --dist loadfile $(MACHINERY)
	$(PYTHON) -m harness.links README.md CONTRIBUTING.md SECURITY.md CHANGELOG.md docs gitops charts/detour/README.md
	for folder in $(GO); do (cd $$folder && test -z "$$(gofmt -l .)" && go vet .) || exit 1; done
	shellcheck $(SCRIPTS)
	$(CLUSTER) tools
	$(CLUSTER).kind.check
	$(HELM) lint --strict charts/detour
	$(PROGRAMS)/actionlint

.PHONY: thorough
thorough: $(VENV)/ready packages ## Enumerate a part of the protocol with each kind of step in it, and have the verifier find each kind of loss
	$(ENUMERATE) -m thorough tests/unit

.PHONY: model
model: $(VENV)/ready packages ## The same, and enumerate the whole protocol: every accident, with a crash after each effect where that can be told
	$(ENUMERATE) -m "model or thorough" tests/unit
ENUMERATE = nice -n 10 $(PYTEST) -n 2 --timeout=1800

.PHONY: contract
contract: $(VENV)/ready packages ## Run the node agent on a real libvirt and QEMU, and the test CSI driver (needs root)
	$(PYTHON) -m pytest -q tests/contract
	$(PYTHON) -m pytest -q tests/storage

.PHONY: e2e
e2e: e2e-picked e2e-together ## Run the end-to-end tests (ONLY=expression picks some of them)
	$(MAKE) e2e-alone

.PHONY: e2e-picked
e2e-picked: $(VENV)/ready
	@found=$$($(E2E) -m e2e --collect-only) || { echo "$$found"; echo "ONLY=$(ONLY) picks no end-to-end test" >&2; exit 2; }

.PHONY: e2e-together
e2e-together: cluster-up
	$(E2E) -n 5 --dist worksteal -m "e2e and not alone" || test $$? -eq $(NO_TESTS)

.PHONY: e2e-alone
e2e-alone:
	$(E2E) -m "e2e and alone" || test $$? -eq $(NO_TESTS)
# A failure is told when it happens: a run of this length may be ended from outside.
E2E = $(PYTHON) -m pytest -v --instafail --tb=short tests/e2e --timeout=1200 --durations=40 $(if $(ONLY),-k '$(ONLY)')
# pytest's exit status where the expression picks none of these; that it picks any is seen before.
NO_TESTS := 5

.PHONY: cluster-up
cluster-up: $(VENV)/ready packages ## Bring up the cluster for demo and tests (PROVIDER=local|kind|existing; KUBEVIRT=upstream builds KubeVirt itself)
	$(CLUSTER) up
	$(PYTHON) -m harness.install

.PHONY: cluster-down
cluster-down: $(VENV)/ready ## Take the cluster down and leave nothing behind
	$(CLUSTER) down
	$(CLUSTER) check-clean

.PHONY: robustness
robustness: cluster-up ## Moves amid faults: each fail point once, then RUNS (25) random ones from SEED on (STAGE=random, points or points-live picks a part)
	$(PYTHON) -m robustness

.PHONY: fuzz
fuzz: $(VENV)/ready packages ## Hostile and broken wishes against a real API server and operator: RUNS (2000) cases from SEED on, or REPLAY=build/fuzz.json
	$(PYTHON) -m fuzz

.PHONY: bench
bench: $(if $(filter copier,$(BENCH)),$(VENV)/ready packages,cluster-up) ## Measure copies, moves, memory, overhead and pauses (BENCH=control,copier,moves picks parts); all write docs/benchmarks.md
	$(PYTHON) -m bench

.PHONY: states
states: $(VENV)/ready ## Draw the tables and diagrams of docs/states.md from the code
	$(PYTHON) -m unit.states

.PHONY: reasons
reasons: $(VENV)/ready ## Take the reasons of docs/when-things-go-wrong.md into the kubectl plugin
	$(PYTHON) -m unit.kubectl_plugin.reasons_page

.PHONY: chart-docs
chart-docs: $(VENV)/ready ## Draw the table of values in the chart's README from values.yaml
	$(CLUSTER) tools helm-docs
	$(PROGRAMS)/helm-docs --log-level=warning --chart-search-root=charts --sort-values-order=file

# Who the lock lets through is named in the manifests by its namespace. HELM_VALUES: as Helm takes them (--set, --values).
NAMESPACE ?= detour-system
HELM_VALUES ?=
CHART ?= charts/detour
# The oldest that is supported. What is rendered without a cluster is rendered for some version.
KUBERNETES = $(shell sed -nE 's/^kubeVersion: ">=(.*)-0"/\1/p' charts/detour/Chart.yaml)
.PHONY: manifests
manifests: $(VENV)/ready ## Write what the chart installs to build/manifests, for kubectl apply -k (NAMESPACE=..., HELM_VALUES='--set ...')
	$(CLUSTER) tools helm
	rm -rf build/manifests && mkdir -p build/manifests
	$(HELM) show crds $(CHART) > build/manifests/crds.yaml
	$(HELM) template detour $(CHART) --no-hooks --kube-version=$(KUBERNETES) --namespace=$(NAMESPACE) $(HELM_VALUES) > build/manifests/detour.yaml
	cp charts/manifests/kustomization.yaml build/manifests
	sed -e "s|@NAMESPACE@|$(NAMESPACE)|" charts/manifests/namespace.yaml > build/manifests/namespace.yaml

# Where a release's images are, which version it is, and which images exactly.
REGISTRY ?=
VERSION ?=
OPERATOR_DIGEST ?=
NODE_AGENT_DIGEST ?=
COPIER_DIGEST ?=
.PHONY: chart
chart: $(VENV)/ready ## Package the chart in dist for published images (REGISTRY=..., VERSION=..., OPERATOR_DIGEST=..., NODE_AGENT_DIGEST=..., COPIER_DIGEST=...)
	@test -n "$(REGISTRY)" && test -n "$(VERSION)" || { echo "name where the images are, and the version: make chart REGISTRY=... VERSION=..." >&2; exit 2; }
	$(CLUSTER) tools helm helm-docs
	rm -rf build/chart && mkdir -p build/chart dist
	cp --recursive --dereference charts/detour build/chart
	sed -i -e 's|repository: localhost/|repository: $(REGISTRY)/|; s|tag: dev|tag: "$(VERSION)"|' \
	    -e '/detour-operator$$/,/digest:/ s|digest: ""|digest: "$(OPERATOR_DIGEST)"|' \
	    -e '/detour-node-agent$$/,/digest:/ s|digest: ""|digest: "$(NODE_AGENT_DIGEST)"|' \
	    -e '/detour-copier$$/,/digest:/ s|digest: ""|digest: "$(COPIER_DIGEST)"|' build/chart/detour/values.yaml
	$(PROGRAMS)/helm-docs --log-level=warning --chart-search-root=build/chart --sort-values-order=file
	$(HELM) package build/chart/detour --version=$(VERSION) --app-version=$(VERSION) --destination=dist

# Where releases are published: the manifest names the archive below it.
RELEASES ?=
.PHONY: krew
krew: ## Make the krew archive of the kubectl plugin and its manifest in dist (RELEASES=https://...)
	@test -n "$(RELEASES)" || { echo "name where releases are published: make krew RELEASES=https://..." >&2; exit 2; }
	rm -rf build/krew && mkdir -p build/krew/archive dist
	python3 -m venv build/krew/venv
	build/krew/venv/bin/pip install --quiet --require-hashes -r requirements/build.txt
	build/krew/venv/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir build/krew/archive .
	cp LICENSE kubectl-plugin/krew/kubectl-detour build/krew/archive
	cp requirements/kubectl.txt build/krew/archive/requirements.txt
	tar --create --gzip --file dist/kubectl-detour.tar.gz --directory build/krew/archive --sort=name --owner=0 --group=0 --numeric-owner .
	version=$$(basename build/krew/archive/detour-*.whl | cut -d - -f 2); \
	sha256=$$(sha256sum dist/kubectl-detour.tar.gz | cut -d ' ' -f 1); \
	sed -e "s|@VERSION@|$$version|; s|@SHA256@|$$sha256|; s|@RELEASES@|$(RELEASES)|" \
	    -e "s|@URI@|$(RELEASES)/download/v$$version/kubectl-detour.tar.gz|" kubectl-plugin/krew/detour.yaml > dist/detour.yaml

.PHONY: audit
audit: $(AUDIT)/ready ## Ask PyPI's advisory database about every locked package (needs a network; one it does not know is an error)
	for lock in $(LOCKS); do $(AUDIT)/bin/pip-audit --strict --disable-pip --require-hashes -r $$lock || exit 1; done

.PHONY: sbom
sbom: $(AUDIT)/ready ## List what is locked for each image as CycloneDX, in build/sbom
	mkdir -p build/sbom
	for image in operator agent; do $(SBOM) requirements/$$image.txt -o build/sbom/$$image.cdx.json || exit 1; done
SBOM = $(AUDIT)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible
LOCKS := $(sort $(wildcard requirements/*.txt))

.PHONY: requirements
requirements: $(VENV)/ready ## Lock the dependencies anew
	$(VENV)/bin/pip install --quiet uv
	$(VENV)/bin/uv pip compile -q $(LOCK) pyproject.toml --group dev -o requirements/dev.txt
	$(VENV)/bin/uv pip compile -q $(LOCK) pyproject.toml --extra operator -o requirements/operator.txt
	$(VENV)/bin/uv pip compile -q $(LOCK) requirements/agent.in -o requirements/agent.txt
	$(VENV)/bin/uv pip compile -q $(LOCK) pyproject.toml --extra kubectl -o requirements/kubectl.txt
	$(VENV)/bin/uv pip compile -q $(LOCK) requirements/build.in -o requirements/build.txt
	$(VENV)/bin/uv pip compile -q $(LOCK) requirements/audit.in -o requirements/audit.txt
LOCK := --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --upgrade

.PHONY: clean
clean: ## Take the cluster down and remove all that was built
	@if [ -x $(PYTHON) ]; then $(CLUSTER) down; fi
	rm -rf $(VENV) $(AUDIT) .cache .cluster build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/ready: requirements/dev.txt
	# Debian ships Python's own venv module in a package of its own.
	python3 -c 'import ensurepip' || { apt-get update --quiet && apt-get install --quiet --yes --no-install-recommends python3-venv; }
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --require-hashes -r requirements/dev.txt
	touch $@

$(AUDIT)/ready: requirements/audit.txt
	python3 -m venv $(AUDIT)
	$(AUDIT)/bin/pip install --quiet --require-hashes -r requirements/audit.txt
	touch $@
