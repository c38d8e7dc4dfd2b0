<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

/** Ends PHP by an error that no code can catch: code 255. */
class FatalJob extends Job
{
    protected function work(): void
    {
        eval('function declared_twice() {} function declared_twice() {}');
    }
}
