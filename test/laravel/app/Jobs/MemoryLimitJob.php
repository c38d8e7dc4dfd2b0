<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

/** Allocates until PHP stops it at its own memory_limit: a fatal error, code 255. */
class MemoryLimitJob extends Job
{
    protected function work(): void
    {
        if ((int) ini_get('memory_limit') <= 0) {
            ini_set('memory_limit', (string) (memory_get_usage(true) + 64 * 1048576));
        }
        for ($held = []; ; ) {
            $held[] = str_repeat('x', 1048576);
        }
    }
}
