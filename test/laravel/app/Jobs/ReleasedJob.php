<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

/** Puts itself back on the queue --arg times (default once), then succeeds. */
class ReleasedJob extends Job
{
    public function __construct(string $uid, string $run, ?string $argument, ?int $tries)
    {
        parent::__construct($uid, $run, $argument, $tries);
        $this->tries ??= (int) $this->number(1) + 1; // every release is an attempt
    }

    protected function work(): void
    {
        if ($this->attempts() <= $this->number(1)) {
            $this->release();
        }
    }
}
