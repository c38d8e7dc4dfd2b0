#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Prints the path of a development tool, and builds the tool first if necessary:
#
#   hack/tool.sh helm          ->  ~/.cache/queueworker/bin/helm-v4.3.1
#   hack/tool.sh golangci-lint
#
# Each tool is pinned by its own module in hack/tools/NAME, so that its dependencies do
# not become dependencies of the product. Progress goes to stderr.
set -euo pipefail

name=${1:?usage: hack/tool.sh NAME, where NAME is a folder of hack/tools}
module=$(cd "$(dirname "${BASH_SOURCE[0]}")/tools" && pwd)/$name
if [ ! -f "$module/go.mod" ]; then
  echo "tool.sh: there is no tool named $name; hack/tools has: $(cd "$module/.." && echo *)" >&2
  exit 2
fi
cd "$module"

package=$(go list tool)
# A tool is identified by its version and by the Go release that built it, because a
# linter built with an older release refuses newer sources.
version=$(go list -f '{{with .Module}}{{.Version}}{{end}}' "$package")
cache=${QUEUEWORKER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/queueworker}/bin
binary=$cache/$name-$version-$(go env GOVERSION)

if [ ! -x "$binary" ]; then
  mkdir -p "$cache"
  # If two callers run at once, the second waits and then finds the binary.
  exec 9>"$cache/.$name.lock"
  flock 9
  if [ ! -x "$binary" ]; then
    echo "Building $name $version, once; it takes a few minutes ..." >&2
    started=$SECONDS
    CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o "$binary.tmp" "$package" >&2
    mv "$binary.tmp" "$binary"
    echo "Built $name in $((SECONDS - started)) s: $binary" >&2
  fi
fi
echo "$binary"
