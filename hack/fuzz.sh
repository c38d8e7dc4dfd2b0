#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs every fuzz target for the given time each (in Go's format, such as 20s):
#
#   hack/fuzz.sh 20s
#
# Go keeps an input that breaks a target in the package's testdata/fuzz. Commit it with
# the fix, and every later `go test` tries it again.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. hack/progress.sh

duration=${1:?usage: hack/fuzz.sh TIME}

# file:target, one per line.
targets=$(git grep --untracked -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/:func /:/' || true)
if [ -z "$targets" ]; then
  echo "fuzz.sh: no fuzz target was found" >&2
  exit 1
fi
count=$(wc -l <<<"$targets")
number=0
while IFS=: read -r file target; do
  number=$((number + 1))
  step "$number of $count: $target of $(dirname "$file"), for $duration"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$duration" "./$(dirname "$file")"
done <<<"$targets"
