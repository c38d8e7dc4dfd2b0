<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

/** Takes --arg seconds (default 1), whatever signals arrive. */
class SlowJob extends Job
{
    protected function work(): void
    {
        $end = microtime(true) + $this->number(1);
        while (($left = $end - microtime(true)) > 0) {
            usleep((int) min(1e6, $left * 1e6)); // a signal ends one sleep early
        }
    }
}
