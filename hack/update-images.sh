#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Gives every base image of the Dockerfile the digest that its tag has now, or with
# --check fails if one has none (which asks no registry).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

go -C hack/images run ./pin "$@" "$PWD/Dockerfile"
