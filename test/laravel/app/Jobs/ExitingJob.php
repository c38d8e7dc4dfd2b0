<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

/** Ends the process with code --arg (default 1) in the middle of the job. */
class ExitingJob extends Job
{
    protected function work(): void
    {
        exit((int) $this->number(1));
    }
}
