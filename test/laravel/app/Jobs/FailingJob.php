<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

use RuntimeException;

/** Throws on its first --arg attempts, by default on every one. */
class FailingJob extends Job
{
    protected function work(): void
    {
        if ($this->attempts() <= $this->number(INF)) {
            throw new RuntimeException("Attempt {$this->attempts()} failed as it was told to.");
        }
    }
}
