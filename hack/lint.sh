#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs golangci-lint on the product, hack/cluster and hack/images, and helm lint on the
# chart.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. hack/progress.sh

linter=$(hack/tool.sh golangci-lint)
helm=$(hack/tool.sh helm)

failed=0
for module in . hack/cluster hack/images; do
  step "golangci-lint in $module"
  (cd "$module" && "$linter" run --config "$OLDPWD/.golangci.yml" ./...) || failed=1
done
step "helm lint"
"$helm" lint --strict charts/queueworker || failed=1
exit "$failed"
