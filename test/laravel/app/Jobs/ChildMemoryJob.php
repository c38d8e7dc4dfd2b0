<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

use RuntimeException;

/** As OutOfMemoryJob, but in a child process: the kernel kills the child and the worker lives on. */
class ChildMemoryJob extends Job
{
    protected function work(): void
    {
        $code = "for (\$h = []; count(\$h) * 8 < {$this->number(2048)}; ) { \$h[] = str_repeat(chr(120), 8 << 20); }";
        $child = proc_open([PHP_BINARY, '-d', 'memory_limit=-1', '-r', $code], [], $pipes);
        do {
            usleep(20000);
            $status = proc_get_status($child);
        } while ($status['running']);
        if ($status['signaled'] || $status['exitcode'] !== 0) {
            throw new RuntimeException("The child ended by signal {$status["termsig"]}, code {$status["exitcode"]}.");
        }
    }
}
