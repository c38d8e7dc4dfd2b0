#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Fails if a generated file differs from the generators' output, or if git does not know
# it. Afterwards the files are up to date, whatever they were before.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

generated=(
  api
  config/crd/bases
  config/rbac
  charts/queueworker/templates
  docs/testing.md
)

# Compares content, not git's index, so that a regenerated but uncommitted change passes.
fingerprint() {
  find "${generated[@]}" -type f \( -name '*.yaml' -o -name 'testing.md' -o -name '*.tpl' -o -name 'zz_generated.*' \) -print0 | sort -z | xargs -0 sha256sum
}

before=$(fingerprint)
go run ./hack/manifests
go run ./hack/testtable
after=$(fingerprint)
if [ "$before" != "$after" ]; then
  echo "verify-generated: these files were not fresh and are now; commit them:" >&2
  diff <(echo "$before") <(echo "$after") | awk '/^[<>]/ {print "  " $3}' | sort -u >&2
  exit 1
fi

untracked=$(git ls-files --others --exclude-standard -- "${generated[@]}")
if [ -n "$untracked" ]; then
  echo "verify-generated: git does not know these files; add them:" >&2
  echo "${untracked//$'\n'/$'\n'  }" | sed '1s/^/  /' >&2
  exit 1
fi
