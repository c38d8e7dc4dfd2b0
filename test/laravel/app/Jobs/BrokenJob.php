<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

use App\Ledger;
use RuntimeException;

/** Throws until its run has been mended, as jobs do until somebody has mended their cause. */
class BrokenJob extends Job
{
    protected function work(): void
    {
        if (! app(Ledger::class)->mended($this->run)) {
            throw new RuntimeException('SMTP server refused the message.');
        }
    }
}
