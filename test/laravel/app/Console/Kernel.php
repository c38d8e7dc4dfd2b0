<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Console;

use Illuminate\Foundation\Console\Kernel as ConsoleKernel;

class Kernel extends ConsoleKernel
{
    protected $commands = [
        Commands\Dispatch::class,
        Commands\Count::class,
    ];
}
