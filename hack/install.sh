#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Installs the chart with this checkout's images (hack/load-images.sh) into the cluster
# that KUBECONFIG names, or upgrades it, and waits until the operator runs. Further
# arguments go to helm, such as --set logLevel=debug.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. hack/progress.sh

namespace=${NAMESPACE:-queueworker-system}
helm=$(hack/tool.sh helm)
images=${QUEUEWORKER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/queueworker}/images

step "Installing the chart with helm, into the namespace $namespace"
kubectl apply --server-side -f - >&2 <<YAML
apiVersion: v1
kind: Namespace
metadata:
  name: $namespace
  labels:
    pod-security.kubernetes.io/enforce: restricted
YAML
# The tag dev stays the same, so an annotation carries the image's hash: a new image replaces
# the pod, the same image does not. Helm takes over CRDs that kubectl applied before.
"$helm" upgrade --install queueworker charts/queueworker --namespace "$namespace" \
  --take-ownership --wait --timeout 3m \
  --set image.tag=dev,image.pullPolicy=IfNotPresent,agent.image.tag=dev,backlog.image.tag=dev \
  --set-string "podAnnotations.image=$(sha256sum "$images/operator_dev.tar" | cut -c1-16)" \
  "$@" >&2
