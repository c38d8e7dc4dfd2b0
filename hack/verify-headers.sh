#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Fails if a Go file or shell script of this repository does not begin with the two lines
# of the license header (in a script after its first line, in generated code after its
# build constraint).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

missing=0
while IFS= read -r -d '' file; do
  case $file in
    *.go) comment='// ' ;;
    *) comment='# ' ;;
  esac
  expected=$(printf '%s%s\n%s%s' "$comment" 'Copyright The QueueWorker Authors.' "$comment" 'SPDX-License-Identifier: Apache-2.0')
  # `|| true`: a short file lets sed end early.
  case $file in
    *.sh | .ci/run | */zz_generated.*) found=$(sed -n '2,4p' "$file" | grep -A1 'Copyright' || true) ;;
    *) found=$(sed -n '1,2p' "$file") ;;
  esac
  if [ "$found" != "$expected" ]; then
    echo "$file: the license header of hack/boilerplate.go.txt is missing" >&2
    missing=$((missing + 1))
  fi
done < <(git ls-files -z --cached --others --exclude-standard -- '*.go' '*.sh' .ci/run | while IFS= read -r -d '' f; do [ -e "$f" ] && printf '%s\0' "$f"; done)

if [ "$missing" -gt 0 ]; then
  echo "verify-headers: $missing files lack the license header." >&2
  exit 1
fi
