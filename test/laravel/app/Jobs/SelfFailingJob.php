<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

use RuntimeException;

/** Declares itself failed and returns: Laravel then prints a failure and a success for one attempt. */
class SelfFailingJob extends Job
{
    protected function work(): void
    {
        $this->fail(new RuntimeException('The job gave up.'));
    }
}
