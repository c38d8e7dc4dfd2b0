# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0

SHELL := /usr/bin/env bash -o pipefail
.SHELLFLAGS := -ec
.DEFAULT_GOAL := help

# Where built programs go.
BIN ?= bin
# What built programs say they are.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# How long each fuzz target runs.
FUZZTIME ?= 20s
# How often each benchmark runs.
BENCHCOUNT ?= 5
# The namespace of helm-install.
NAMESPACE ?= queueworker-system
# More arguments for helm-install, such as --set logLevel=debug.
HELMFLAGS ?=

##@ Two to begin with

.PHONY: demo
demo: ## Show the product: a real Kubernetes on this machine, Redis, Laravel workers, a live table.
	@hack/demo.sh

.PHONY: test
test: ## Run every suite, short: checks of the sources, unit, integration, hostile, backends, and e2e on a real cluster.
	@hack/test.sh verify unit integration hostile backends e2e

.PHONY: help
help: ## Print this list.
	@awk -v bold="$$([ -t 1 ] && printf '\033[1m')" -v plain="$$([ -t 1 ] && printf '\033[0m')" \
		'BEGIN {FS = ":.*## "} \
		/^##@/ {printf "\n%s%s%s\n", bold, substr($$0, 5), plain} \
		/^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Build

.PHONY: build
build: ## Compile the product's programs into bin, as static binaries.
	VERSION=$(VERSION) hack/build.sh $(BIN) manager agent backlog kubectl-queueworker
	ln -sf kubectl-queueworker $(BIN)/kubectl_complete-queueworker

.PHONY: sbom
sbom: build ## Write a bill of materials (CycloneDX) beside each program in bin.
	VERSION=$(VERSION) hack/sbom.sh $(BIN) manager agent backlog kubectl-queueworker

.PHONY: reproducible
reproducible: ## Build each program twice in different folders, and compare and print its SHA-256.
	hack/reproducible.sh

.PHONY: update-images
update-images: ## Give the Dockerfile's base images the newest digests of their tags (needs their registries).
	hack/update-images.sh

.PHONY: images
images: ## Build the container images and load them into the cluster, which must be up.
	hack/load-images.sh

.PHONY: generate
generate: manifests ## Write everything that is generated: what manifests writes, and the table of docs/testing.md.
	go run ./hack/testtable

.PHONY: manifests
manifests: ## Write deepcopy code, CRDs and roles, for the kustomize tree and the chart.
	go run ./hack/manifests

.PHONY: fmt
fmt: ## Format the Go sources and sort their imports.
	$$(hack/tool.sh golangci-lint) fmt

.PHONY: clean
clean: ## Remove what was built in this checkout (built tools stay in the cache).
	rm -rf $(BIN) dist

##@ Check

.PHONY: verify
verify: ## Check imports, headers, format, generated files, and lint.
	hack/test.sh verify
	$(MAKE) --no-print-directory lint

.PHONY: lint
lint: ## Run golangci-lint, built once from its module, and helm's lint.
	hack/lint.sh

.PHONY: test-unit
test-unit: ## Run the unit tests of all modules.
	hack/test.sh unit

.PHONY: test-integration
test-integration: ## Run the operator against a real etcd and apiserver.
	hack/test.sh integration

.PHONY: test-hostile
test-hostile: ## Attack the operator in 256 MiB on one core, the agent and the probe; print what it costs others (needs root, Debian).
	hack/test.sh hostile-long

.PHONY: test-backends
test-backends: ## Run the backlog probe with real Redis, PostgreSQL, MariaDB and Laravel (needs root, Debian).
	hack/test.sh backends

.PHONY: test-e2e
test-e2e: ## Run the product on a real cluster with real Laravel workers (needs root, Debian).
	hack/test.sh e2e

.PHONY: test-long
test-long: ## Run integration and e2e with every figure in full; takes hours.
	hack/test.sh long

.PHONY: bench
bench: ## Measure: Go benchmarks, and the ratios to bare workers on the real cluster.
	hack/bench.sh $(BENCHCOUNT)

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (20s).
	hack/fuzz.sh $(FUZZTIME)

##@ Run

.PHONY: cluster-up
cluster-up: ## Start a real single-node Kubernetes on this machine (needs root, Debian).
	go -C hack/cluster run . up

.PHONY: cluster-status
cluster-status: ## Say what of the cluster runs.
	go -C hack/cluster run . status

.PHONY: cluster-down
cluster-down: ## Stop the cluster and remove all it made.
	go -C hack/cluster run . down

.PHONY: helm-install
helm-install: ## Install the chart with this checkout's images into the cluster KUBECONFIG names.
	NAMESPACE=$(NAMESPACE) hack/install.sh $(HELMFLAGS)

.PHONY: helm-uninstall
helm-uninstall: ## Remove the chart's release; CRDs, QueueApps and QueueWorkers stay.
	$$(hack/tool.sh helm) uninstall queueworker --namespace $(NAMESPACE)

.PHONY: demo-down
demo-down: cluster-down ## Remove the demo and its cluster (what was built stays in ~/.cache/queueworker).
