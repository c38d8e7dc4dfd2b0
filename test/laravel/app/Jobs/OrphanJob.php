<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

/** Leaves a process behind in a session of its own, which lives --arg seconds (default 60). */
class OrphanJob extends Job
{
    protected function work(): void
    {
        proc_close(proc_open(['sh', '-c', "setsid sleep {$this->number(60)} >/dev/null 2>&1 &"], [], $pipes));
    }
}
