<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

/** Makes the worker hold --arg MiB more for ever (default 160), as a leak does: past --memory it ends with code 12. */
class MemoryJob extends Job
{
    private static $held = [];

    protected function work(): void
    {
        self::$held[] = str_repeat('x', (int) ($this->number(160) * 1048576));
    }
}
