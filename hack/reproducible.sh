#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Builds each program of the images twice and prints the SHA-256 of each program. The two
# builds use copies of the committed sources in different folders, with empty build
# caches. Fails if two builds differ. Uncommitted files are left out.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. hack/progress.sh

programs=(manager agent backlog)
work=$(mktemp -d)
trap 'chmod -R u+w "$work" && rm -rf "$work"' EXIT
for copy in first/sources second/copy/of/them; do
  step "Building ${programs[*]} in a folder of their own (about 5 minutes)"
  mkdir -p "$work/$copy"
  git archive HEAD | tar -x -C "$work/$copy"
  GOCACHE=$work/cache-${copy%%/*} "$work/$copy/hack/build.sh" "$work/${copy%%/*}/bin" "${programs[@]}"
done
failed=0
for program in "${programs[@]}"; do
  read -r first _ < <(sha256sum "$work/first/bin/$program")
  read -r second _ < <(sha256sum "$work/second/bin/$program")
  echo "$first  $program"
  if [ "$first" != "$second" ]; then
    echo "reproducible: $program of the second folder is another: $second" >&2
    failed=1
  fi
done
exit $failed
