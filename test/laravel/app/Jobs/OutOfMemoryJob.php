<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

use RuntimeException;

/** Allocates past every limit of PHP until the kernel kills the worker, or --arg MiB are reached (default 2048). */
class OutOfMemoryJob extends Job
{
    protected function work(): void
    {
        ini_set('memory_limit', '-1');
        for ($held = [], $limit = $this->number(2048); count($held) * 8 < $limit; ) {
            $held[] = str_repeat('x', 8 * 1048576);
        }
        throw new RuntimeException("No limit of this container stopped {$limit} MiB.");
    }
}
