<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

/** Waits --arg seconds (default an hour) for what never comes, and ignores no signal. */
class HangingJob extends Job
{
    protected function work(): void
    {
        for ($end = microtime(true) + $this->number(3600); microtime(true) < $end; ) {
            usleep(100000);
        }
    }
}
