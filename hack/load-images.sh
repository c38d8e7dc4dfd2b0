#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Builds the images (or the images in QUEUEWORKER_IMAGES) from this checkout and loads
# them into the cluster of hack/cluster, which must be up.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. hack/progress.sh

out=${QUEUEWORKER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/queueworker}/images
read -r -a images <<<"${QUEUEWORKER_IMAGES:-operator agent backlog demo}"

step "Building the images ${images[*]} (the first time about 2 minutes)"
files=$(go -C hack/images run . --out "$out" "${images[@]}")
step "Loading them into the cluster"
# shellcheck disable=SC2086 # one word per file
go -C hack/cluster run . load-image $files
