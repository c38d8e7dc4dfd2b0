#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Gives every base image of the Dockerfile the digest that its tag has now. With --check
# it fails if an image has no digest, and asks no registry.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

go -C hack/images run ./pin "$@" "$PWD/Dockerfile"
