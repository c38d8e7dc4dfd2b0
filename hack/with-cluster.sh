#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Runs a command on the real cluster of hack/cluster with this checkout's product installed:
#
#   hack/with-cluster.sh go test ./test/e2e/...
#
# If the cluster is not up, the script starts it and removes it at the end; a cluster that
# was up stays. The command finds KUBECONFIG, kubectl in PATH, the operator installed by
# Helm, and the images operator, agent, backlog and demo with the tag dev (and dev2 of
# demo). QUEUEWORKER_IMAGES names other images to load instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. hack/progress.sh

cluster() { go -C hack/cluster run . "$@"; }

remove_cluster() {
  step "Removing the cluster, which was not up before"
  cluster down
}
if ! cluster status >/dev/null 2>&1; then
  trap remove_cluster EXIT
fi

step "Starting a real Kubernetes on this machine (from an empty build cache its build takes about 10 minutes)"
environment=$(cluster up)
eval "$environment"
PATH=$(cluster binaries):$PATH
export PATH

hack/load-images.sh
hack/install.sh --hide-notes

if [ $# -gt 0 ]; then
  step "Running: $*"
  "$@"
fi
