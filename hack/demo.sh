#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Shows the product: a real Kubernetes on this machine, the operator installed by Helm,
# Redis, a Laravel application with three pools of workers, and jobs. Everything stays up
# for you to try; `make demo-down` removes it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. hack/progress.sh

# How long the table is shown, in seconds.
watch_time=${WATCH_TIME:-100}
# How often it is shown, in seconds: less often if it cannot be redrawn in place.
pause=3
[ -t 1 ] || pause=10

cluster() { go -C hack/cluster run . "$@"; }

# push pushes slightly more jobs than the workers finish until the next push.
push() {
  local seconds=$((pause + 3)) # including the time to push and to show
  kubectl -n demo exec deploy/shop -- sh -c "
    php artisan demo:dispatch slow --count=$((seconds * 2)) --queue=high
    php artisan demo:dispatch quick --count=$((seconds * 30)) --queue=default
    php artisan demo:dispatch failing --count=1 --queue=default
    php artisan demo:dispatch slow --count=$((seconds / 2 + 1)) --arg=2 --queue=low" >/dev/null
}

# waiting asks Redis how many jobs wait in a queue.
waiting() { kubectl -n demo exec deploy/redis -- redis-cli llen "laravel_database_queues:$1"; }

# show prints the table. On a terminal it replaces the previous table.
show() {
  local table
  table=$(
    kubectl -n demo get queueworkers
    echo
    echo "Waiting in Redis:  high $(waiting high)   default $(waiting default)   low $(waiting low)"
  )
  if [ -t 1 ] && [ "$shown" -gt 0 ]; then printf '\033[%dA\033[J' "$shown"; fi
  printf '%s\n\n' "$table"
  shown=$(($(wc -l <<<"$table") + 1))
}

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

step "2 of 6: container images of the operator, the agent, the backlog probe and a Laravel application"
hack/load-images.sh

step "3 of 6: the operator"
hack/install.sh --hide-notes

step "4 of 6: Redis, the application, and three QueueWorkers: high, default, low"
kubectl apply -f examples/demo/redis.yaml -f examples/demo/shop.yaml -f examples/demo/queueworkers.yaml >&2
kubectl -n demo rollout status deployment/redis deployment/shop --timeout=2m >&2
kubectl -n demo wait --for=condition=Ready queueworker --all --timeout=2m >&2

step "5 of 6: jobs onto the queues high, default and low: slow, quick and failing ones"
push

step "6 of 6: the table, for $watch_time seconds, with more jobs all the time (rates are written once a minute)"
shown=0
end=$((SECONDS + watch_time))
while [ $SECONDS -lt $end ]; do
  show
  push
  sleep "$pause"
done

step "What happened: each process of the pool default was replaced after 100 jobs, and no container was restarted for it"
kubectl -n demo get queueworkers -o jsonpath='{range .items[*]}  {.metadata.name}: {.status.totals.processed} jobs done, {.status.totals.failed} failed; processes replaced:{range .status.restarts[*]} {.count} for {.reason}{end}{"\n"}{end}'
echo
kubectl -n demo get pods

cat <<TEXT

The cluster stays up. To look around:

  export KUBECONFIG=$KUBECONFIG PATH=$bin:\$PATH
  kubectl -n demo get queueworkers -o wide
  kubectl -n demo describe queueworker default       # conditions, totals, one row per process, events
  kubectl -n demo logs -l queueworker.dev/name=default --tail=20

Push more work, and see what the workers do with it (the pool high grows by itself):

  kubectl -n demo exec deploy/shop -- php artisan demo:dispatch slow --count=100 --queue=high
  kubectl -n demo get queueworker high -o jsonpath='{.status.autoscaling.message}{"\n"}'
  kubectl -n demo scale queueworker low --replicas=3
  kubectl -n demo patch queueworker high --type=merge -p '{"spec":{"paused":true}}'
  kubectl -n demo annotate queueworker default --overwrite queueworker.dev/restartedAt="\$(date +%s)"

Remove everything:  make demo-down
TEXT
