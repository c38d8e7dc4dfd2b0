<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Console\Commands;

use App\Ledger;
use Illuminate\Console\Command;

class Count extends Command
{
    protected $signature = 'demo:count {run : The name given at demo:dispatch}';

    protected $description = 'Print what the jobs of a run counted, as one line of JSON';

    public function handle(Ledger $ledger): int
    {
        $this->line(json_encode($ledger->total($this->argument('run'))));

        return 0;
    }
}
