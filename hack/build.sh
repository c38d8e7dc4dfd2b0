#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Builds programs of cmd/ as static binaries without paths of this machine in them:
#
#   VERSION=0.1.0 hack/build.sh DIRECTORY PROGRAM...
#
# VERSION is the version that the programs report; the default is dev. The Dockerfile and
# hack/images build with the same flags, so that an image holds the same binary whichever
# of them built it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:?usage: hack/build.sh DIRECTORY PROGRAM...}
shift
version=${VERSION:-dev}
for program in "$@"; do
  CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags="-s -w -X main.version=$version" -o "$out/$program" "./cmd/$program"
done
