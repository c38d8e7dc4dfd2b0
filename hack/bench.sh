#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs the Go benchmarks COUNT times each, then the benchmarks of test/bench on the real
# cluster. These compare jobs per second with bare workers, as ratios of interleaved pairs.
#
#   hack/bench.sh 5
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. hack/progress.sh

count=${1:?usage: hack/bench.sh COUNT}
# Builds only the packages that have a benchmark.
folders=$(git grep --untracked -lE '^func Benchmark' -- '*_test.go' ':!test/bench' ':!hack' | xargs -r -n1 dirname | sort -u | sed 's|^|./|')
step "Go benchmarks, $count times each"
# shellcheck disable=SC2086 # one word per folder
go test -run '^$' -bench . -benchmem -count "$count" $folders
step "Ratios on the real cluster"
hack/with-cluster.sh go test -run "^$" -bench . -benchtime 1x -timeout 2h ./test/bench/...
