#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Shows the product: a real Kubernetes on this machine, the operator installed by
# Helm, Redis, a Laravel application with three pools of workers, and jobs. Leaves
# everything up for trying; `make demo-down` removes it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. hack/progress.sh

# How long the table is shown, in seconds.
watch_time=${WATCH_TIME:-100}

cluster() { go -C hack/cluster run . "$@"; }
shop() { kubectl -n demo exec deploy/shop -- php artisan demo:dispatch "$@" >/dev/null; }

cat >&2 <<'TEXT'
This brings up a real Kubernetes on this machine and runs real Laravel queue workers
in it. The first time it compiles Kubernetes, Helm and the images, which takes about
15 minutes on two cores; after that it takes about 3.

TEXT

step "1 of 6: a real Kubernetes (etcd, apiserver, kubelet, containerd ...)"
environment=$(cluster up)
eval "$environment"
bin=$(cluster binaries)
export PATH=$bin:$PATH

step "2 of 6: container images of the operator, the agent and a Laravel application"
hack/load-images.sh

step "3 of 6: the operator"
hack/install.sh

step "4 of 6: Redis, the application, and three QueueWorkers: high, default, low"
kubectl apply -f examples/demo/redis.yaml -f examples/demo/shop.yaml -f examples/demo/queueworkers.yaml >&2
kubectl -n demo rollout status deployment/redis deployment/shop --timeout=2m >&2
kubectl -n demo wait --for=condition=Ready queueworker --all --timeout=2m >&2

step "5 of 6: jobs: quick, slow and failing ones on the three queues"
shop slow --count=40 --arg=1 --queue=high
shop quick --count=1500 --queue=default
shop failing --count=6 --queue=default
shop slow --count=10 --arg=2 --queue=low

step "6 of 6: the table, for $watch_time seconds (rates are written once a minute)"
lines=0
end=$((SECONDS + watch_time))
wave=0
while [ $SECONDS -lt $end ]; do
  table=$(kubectl -n demo get queueworkers)
  # On a terminal the table stays in its place.
  if [ -t 1 ] && [ $lines -gt 0 ]; then printf '\033[%dA\033[J' "$lines"; fi
  printf '%s\n\n' "$table"
  lines=$(($(wc -l <<<"$table") + 1))
  wave=$((wave + 1))
  if [ $((wave % 3)) -eq 0 ]; then
    shop slow --count=8 --arg=1 --queue=high
    shop quick --count=200 --queue=default
  fi
  sleep 5
done

step "What happened: processes of the pool default were replaced after 100 jobs each, and no container restarted"
kubectl -n demo get queueworker default -o jsonpath='{range .status.restarts[*]}  {.reason}: {.count}{"\n"}{end}'
kubectl -n demo get pods

cat <<TEXT

The cluster stays up. To look around:

  export KUBECONFIG=$KUBECONFIG PATH=$bin:\$PATH
  kubectl -n demo get queueworkers -o wide
  kubectl -n demo describe queueworker default       # conditions, totals, one row per process, events
  kubectl -n demo logs -l queueworker.dev/name=default --tail=20

Push more work, and see what the workers do with it:

  kubectl -n demo exec deploy/shop -- php artisan demo:dispatch slow --count=50 --queue=high
  kubectl -n demo scale queueworker high --replicas=5
  kubectl -n demo patch queueworker high --type=merge -p '{"spec":{"paused":true}}'
  kubectl -n demo annotate queueworker default --overwrite queueworker.dev/restartedAt="\$(date +%s)"

Remove everything:  make demo-down
TEXT
