# A distributed virtual network controller: build, show, test, measure.   `make help` lists targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

ROOT := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
VENV ?= $(ROOT)/.venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
LAB ?= vnc
PYTEST ?= $(BIN)/python -m pytest
# What measures no traffic and listens on no port runs on all processors, the rest one by one.  A
# module of tests/ovs/vrouter has a switch of its own.
WITHOUT_LAB = -n logical --maxprocesses 8 --dist worksteal tests/unit tests/property
SWITCHES = -n logical --maxprocesses 4 --dist loadfile tests/ovs/vrouter
export LAB KEEP STATIC API_PORTS PYTHON

.PHONY: help
help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(firstword $(MAKEFILE_LIST)) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' \
		| expand -t 22
	@echo
	@echo "  LAB=NAME         name of the lab (vnc); several can stand side by side"
	@echo "  API_PORTS=N,N    ports of 127.0.0.1 for the nodes' APIs (9696,9697); 0: a free one"

.PHONY: root
root:
	@if [ "$$(id -u)" != 0 ]; then \
		echo "This needs root: it makes network namespaces and runs Open vSwitch in them." >&2; \
		echo "Run: sudo make $(or $(MAKECMDGOALS),demo)" >&2; exit 1; fi

.PHONY: deps
deps: ## Install the Debian/Ubuntu packages that are missing (as root)
	@"$(ROOT)/.ci/packages"

$(STAMP): $(ROOT)/requirements.txt $(ROOT)/pyproject.toml
	@cd "$(ROOT)"; \
	python=$$(.ci/python); \
	echo "== virtual environment in $(VENV)"; \
	[ -x "$(BIN)/python" ] || "$$python" -m venv "$(VENV)"; \
	"$(BIN)/pip" install --quiet --disable-pip-version-check -r requirements.txt; \
	"$(BIN)/pip" install --quiet --disable-pip-version-check --no-deps -e .; \
	touch "$@"

.PHONY: venv
venv: $(STAMP) ## Make .venv from requirements.txt (only when something changed)

.PHONY: demo
demo: root deps venv ## The product in a lab on this machine; KEEP=1 leaves it running, STATIC=1 no DHCP
	@cd "$(ROOT)"; "$(BIN)/python" -m lab.demo

.PHONY: demo-down
demo-down: root ## Remove what the demo made, also after a crash or KEEP=1
	@cd "$(ROOT)"; if [ -x "$(BIN)/python" ]; then "$(BIN)/python" -m lab down; \
		else python3 -m lab down; fi

.PHONY: lint
lint: venv ## ruff, import rules, generated documentation
	@cd "$(ROOT)"; "$(BIN)/ruff" check .; "$(BIN)/lint-imports" --no-cache; \
	"$(BIN)/python" -m vrouter_ovs.document --check; \
	"$(BIN)/python" -m ryu_apps.control.document --check

.PHONY: test
test: root deps lint ## Everything: lint and all tests
	@cd "$(ROOT)"; export PATH="$(BIN):$$PATH"; failed=0; \
	$(PYTEST) $(WITHOUT_LAB) || failed=1; \
	$(PYTEST) $(SWITCHES) || failed=1; \
	$(PYTEST) --ignore=tests/unit --ignore=tests/property --ignore=tests/ovs/vrouter tests || failed=1; \
	exit $$failed

.PHONY: test-unit
test-unit: venv ## Tests that need neither root nor Open vSwitch
	@cd "$(ROOT)"; PATH="$(BIN):$$PATH" $(PYTEST) $(WITHOUT_LAB)

.PHONY: test-lab
test-lab: root deps venv ## End to end: namespaces, traffic, kill -9
	@cd "$(ROOT)"; PATH="$(BIN):$$PATH" $(PYTEST) tests/lab

.PHONY: soak
soak: root deps venv ## 100,000 mutated inputs: of each protocol of VMs, at each listener of a node; 10,000 API requests
	@cd "$(ROOT)"; PATH="$(BIN):$$PATH" HYPOTHESIS_PROFILE=soak VNC_TENANCY_EXAMPLES=$${VNC_TENANCY_EXAMPLES:-400} \
		VNC_SCHEMA_REQUESTS=$${VNC_SCHEMA_REQUESTS:-10000} \
		VNC_HOSTILE_PACKETS=$${VNC_HOSTILE_PACKETS:-100000} \
		VNC_DOOR_CLIENTS=$${VNC_DOOR_CLIENTS:-1000} VNC_DOOR_CONNECTS=$${VNC_DOOR_CONNECTS:-10000} \
		VNC_DOOR_INPUTS=$${VNC_DOOR_INPUTS:-100000} $(PYTEST) -v -s \
		tests/property/test_hostile_soak.py tests/property/test_proxy_hostile.py \
		tests/unit/southbound/test_packet_in.py tests/property/test_rest_tenancy.py \
		tests/property/test_openapi_requests.py tests/ovs/doors

.PHONY: chaos
chaos: root deps venv ## Faults at random under traffic, MINUTES=10; SEED=N repeats a run
	@cd "$(ROOT)"; "$(BIN)/python" -m lab.chaos --minutes "$${MINUTES:-10}" $${SEED:+--seed "$$SEED"}

.PHONY: conformance
conformance: venv ## Other people's test suites, with a real Keystone; SUITE=tempest|neutron|sdk|ansible, REGEX=...
	@cd "$(ROOT)"; "$(BIN)/python" -m lab.conformance $(SUITE) $${REGEX:+--regex "$$REGEX"}

.PHONY: bench
bench: root deps venv ## The benchmarks of docs/benchmarks.md
	@cd "$(ROOT)"; "$(BIN)/python" -m bench

.PHONY: clean
clean: ## Remove .venv and caches
	@rm -rf "$${XDG_CACHE_HOME:-$$HOME/.cache}"/vnc/keystone-* \
		"$${XDG_CACHE_HOME:-$$HOME/.cache}"/vnc/conformance-* \
		"$${XDG_CACHE_HOME:-$$HOME/.cache}"/vnc/ansible-* "$(VENV)" "$(ROOT)"/.pytest_cache "$(ROOT)"/.ruff_cache "$(ROOT)"/.hypothesis \
		"$(ROOT)"/.import_linter_cache "$(ROOT)"/*.egg-info
