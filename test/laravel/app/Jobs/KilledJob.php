<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

/** Kills its own process by SIGKILL, before any code can react. */
class KilledJob extends Job
{
    protected function work(): void
    {
        posix_kill(getmypid(), SIGKILL);
        sleep(1); // the signal arrives first
    }
}
