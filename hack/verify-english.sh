#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Refuses idioms that make readers stop, in the product's code and in all documents. Only
# idioms that are never right here are listed; CONTRIBUTING.md says how texts should sound.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

idioms=(
  '\btells? (whether|that)\b'      # reports whether, says that
  '\b(told|tells?) of\b'           # reports, names
  '\b(some|any|every)body\b'       # the actor: a user, the operator, another controller
  '\b(is|are|has|have) yet to\b'   # has not ... yet
  '\bof ours\b'                    # the operator's
  '\bgone or going\b'              # deleted or being deleted
)
pattern=$(IFS='|'; echo "${idioms[*]}")
if found=$(git grep -nEi "$pattern" -- '*.go' '*.md' ':!*_test.go' ':!test/*.go'); then
  printf '%s\n' "$found" >&2
  echo "verify-english.sh: say these plainly; the list of idioms and what to write instead is in hack/verify-english.sh." >&2
  exit 1
fi
