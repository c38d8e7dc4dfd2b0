#!/usr/bin/env bash
# Copyright The QueueWorker Authors.
# SPDX-License-Identifier: Apache-2.0
#
# Progress messages for a waiting user. The other scripts source this file.

# Scripts that call each other count from the start of the first script.
export progress_started=${progress_started:-$EPOCHSECONDS}

# step TEXT... prints one line of progress with the time since the start. It prints to
# stderr, because stdout is for results.
step() {
  local elapsed=$((EPOCHSECONDS - progress_started))
  printf '==> %2d:%02d  %s\n' $((elapsed / 60)) $((elapsed % 60)) "$*" >&2
}
