<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

/** Does nothing but count itself. */
class QuickJob extends Job
{
    protected function work(): void
    {
    }
}
