<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

/** Writes --arg MiB of lines to standard output (default 1). */
class NoisyJob extends Job
{
    protected function work(): void
    {
        $block = str_repeat(str_repeat('n', 99)."\n", 10486); // just above 1 MiB
        for ($i = 0; $i < $this->number(1); $i++) {
            fwrite(STDOUT, $block);
        }
    }
}
