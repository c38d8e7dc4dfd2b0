<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Jobs;

use App\Ledger;
use Illuminate\Bus\Queueable;
use Illuminate\Contracts\Queue\ShouldQueue;
use Illuminate\Queue\InteractsWithQueue;
use Throwable;

/** A job that counts its own starts and ends; what it does is work(). */
abstract class Job implements ShouldQueue
{
    use InteractsWithQueue;
    use Queueable;

    /** @var string names the job in the ledger */
    public $uid;

    /** @var string names the run in the ledger; empty: not counted */
    public $run;

    /** @var string|null what --arg gave */
    public $argument;

    /** @var int|null attempts allowed; null leaves it to the worker */
    public $tries;

    /** @var int|null seconds an attempt may take; null leaves it to the worker */
    public $timeout;

    public function __construct(string $uid, string $run, ?string $argument, ?int $tries)
    {
        $this->uid = $uid;
        $this->run = $run;
        $this->argument = $argument;
        $this->tries = $tries;
    }

    public function handle(Ledger $ledger): void
    {
        $ledger->count($this, 'starts');
        $this->work();
        if (! $this->job->hasFailed()) { // failed() has counted that
            $ledger->count($this, $this->job->isReleased() ? 'released' : 'ends');
        }
    }

    /** Laravel calls this once, when the last attempt has failed. */
    public function failed(Throwable $reason): void
    {
        app(Ledger::class)->count($this, 'failed');
    }

    abstract protected function work(): void;

    /** The number given by --arg, or the kind's own. */
    protected function number(float $default): float
    {
        return is_numeric($this->argument) ? (float) $this->argument : $default;
    }
}
