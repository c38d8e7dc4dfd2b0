#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs test suites, one after the other, and prints how long each took:
#
#   hack/test.sh verify unit integration e2e
#
# A suite that cannot run here fails with an explanation; it is never skipped silently.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. hack/progress.sh

# The race detector needs a C compiler.
race=()
if [ "$(go env CGO_ENABLED)" = 1 ] && command -v "$(go env CC)" >/dev/null; then
  race=(-race)
fi

# Fast checks of the sources; `make verify` adds the linter.
verify() {
  go run ./hack/verify-imports
  hack/verify-headers.sh
  hack/verify-format.sh
  hack/verify-english.sh
  hack/verify-generated.sh
  hack/update-images.sh --check
}

# All modules, without the tests that need a control plane or a cluster. Pure packages run
# without the race detector, because they use no goroutines and their many generated cases
# would take five times as long.
unit() {
  local memory='^(TestAnObjectCostsAtMostTenTimesItsBytes|TestTheCacheForgetsWhatIsLarge|TestFillingTheCacheTakesLittleAtOnce|TestTheCacheTakesWhatTheDocumentationSays|TestNoObjectTakesMoreThanTheDocumentationSays)$'
  local packages pure='/(api/effective|controllers/(preflight|queueworker/plan|scaling|drain|batch|stuck|alerts|command|objects|podstate|requeue|telemetry|status|throughput|turns)|agent/dialect|console/(view|intent|gitops|redact|doctor)|plugin/(wording|render)|plugin/importing/.*|hack/scalesim(/.*)?)$'
  packages=$(go list ./... | grep -vE '/test/(integration|hostile|backends|e2e|bench)(/|$)')
  # shellcheck disable=SC2086 # one word per package
  go vet $packages
  # shellcheck disable=SC2046 # one word per package
  go test -timeout 15m $(grep -E "$pure" <<<"$packages")
  # shellcheck disable=SC2046
  go test ${race[@]+"${race[@]}"} -timeout 15m -skip "$memory" $(grep -vE "$pure" <<<"$packages")
  # The race detector's own memory would count as the cache's.
  go test -timeout 15m -run "$memory" ./controllers/cachefilter
  local module
  for module in hack/cluster hack/images; do
    (cd "$module" && go vet ./... && go test ./...)
  done
}

# The operator and the API with a real etcd and apiserver.
integration() {
  KUBEBUILDER_ASSETS=$(go -C hack/cluster run . binaries)
  export KUBEBUILDER_ASSETS
  go test ${race[@]+"${race[@]}"} -count=1 -timeout 30m ./test/integration/...
}

# Attacks on the real operator, agent and probe. They run without the race detector, so
# that the figures are the product's own.
attacks() {
  hack/install-servers.sh
  KUBEBUILDER_ASSETS=$(go -C hack/cluster run . binaries)
  export KUBEBUILDER_ASSETS
  go test -count=1 -v "$@" ./test/hostile
}

# The attacks that are judged by memory, answers and conditions. The time that an attack
# costs other clients needs a machine that does nothing else.
hostile() {
  attacks -timeout 20m -run 'Refused|Stored|ForeignObjects|Held|Invented'
}

# All attacks, each for its full time and with every object.
hostile-long() {
  QUEUEWORKER_LONG=1 attacks -timeout 3h
}

# The backlog probe with real Redis, PostgreSQL, MariaDB and Laravel on this machine.
backends() {
  hack/install-servers.sh
  go test ${race[@]+"${race[@]}"} -count=1 -timeout 15m ./test/backends/...
}

# Runs the e2e tests. One test needs an image that runs as root, and one test a PostgreSQL
# beside the cluster.
on_cluster() {
  hack/install-servers.sh
  hack/tool.sh kube-router >/dev/null
  QUEUEWORKER_IMAGES="operator agent backlog demo rootful=./cmd/agent@0" hack/with-cluster.sh go test -count=1 -v "$@" ./test/e2e/...
}

# The whole product on a real cluster with real Laravel workers.
e2e() {
  on_cluster -parallel 4 -timeout 45m
}

# The integration and e2e tests at full length.
long() {
  export QUEUEWORKER_LONG=1
  integration
  on_cluster -timeout 3h
}

if [ $# -eq 0 ]; then
  echo "usage: hack/test.sh SUITE..., where SUITE is verify, unit, integration, hostile, hostile-long, backends, e2e or long" >&2
  exit 2
fi
number=0
for suite in "$@"; do
  case $suite in
    verify | unit | integration | hostile | hostile-long | backends | e2e | long) ;;
    *)
      echo "test.sh: there is no suite named $suite; choose from verify, unit, integration, hostile, hostile-long, backends, e2e and long" >&2
      exit 2
      ;;
  esac
  number=$((number + 1))
  started=$SECONDS
  step "Suite $number of $#: $suite"
  # Bash ignores set -e in a function whose result is tested with ||, so each suite runs
  # in its own shell.
  set +e
  (set -e && "$suite")
  result=$?
  set -e
  if [ $result -ne 0 ]; then
    step "FAILED: $suite, after $((SECONDS - started)) s"
    exit 1
  fi
  step "Passed: $suite, in $((SECONDS - started)) s"
done
