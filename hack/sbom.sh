#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Writes a software bill of materials in CycloneDX's JSON beside each built program:
#
#   hack/sbom.sh DIRECTORY PROGRAM...   ->  DIRECTORY/PROGRAM.cdx.json
#
# It is read from the binary itself, so it lists the linked modules with their hashes. It
# contains no time and no random number, so the same binary gives the same document.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:?usage: hack/sbom.sh DIRECTORY PROGRAM...}
shift
tool=$(hack/tool.sh cyclonedx-gomod)
for program in "$@"; do
  "$tool" bin -json -noserial -version "${VERSION:-dev}" -output "$out/$program.cdx.json" "$out/$program"
  echo "$out/$program.cdx.json"
done
