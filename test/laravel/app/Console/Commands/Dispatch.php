<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Console\Commands;

use App\Jobs;
use App\Ledger;
use Illuminate\Console\Command;
use Illuminate\Contracts\Queue\Factory;

class Dispatch extends Command
{
    /** How many jobs travel to the queue in one go. */
    private const CHUNK = 500;

    private const KINDS = [
        'quick' => Jobs\QuickJob::class,
        'slow' => Jobs\SlowJob::class,
        'failing' => Jobs\FailingJob::class,
        'broken' => Jobs\BrokenJob::class,
        'selffail' => Jobs\SelfFailingJob::class,
        'released' => Jobs\ReleasedJob::class,
        'memory' => Jobs\MemoryJob::class,
        'memory-limit' => Jobs\MemoryLimitJob::class,
        'oom' => Jobs\OutOfMemoryJob::class,
        'oom-child' => Jobs\ChildMemoryJob::class,
        'hanging' => Jobs\HangingJob::class,
        'fatal' => Jobs\FatalJob::class,
        'selfkill' => Jobs\KilledJob::class,
        'exit' => Jobs\ExitingJob::class,
        'noisy' => Jobs\NoisyJob::class,
        'orphan' => Jobs\OrphanJob::class,
    ];

    protected $signature = 'demo:dispatch
        {kind : What the jobs do; a wrong kind lists them all}
        {--count=1 : How many jobs}
        {--queue=default : The queue to push them to}
        {--delay=0 : Seconds until they are due}
        {--arg= : The number the kind asks for: seconds, MiB, attempts, exit code; of a comma list the jobs take one each in turn}
        {--run= : The name under which the jobs count themselves; made up when empty}
        {--tries= : Attempts allowed, whatever the worker says}
        {--timeout= : Seconds an attempt may take, whatever the worker says}
        {--uncounted : Let the jobs count nothing, to measure without Redis writes of their own}';

    protected $description = 'Push demo jobs onto a queue';

    public function handle(Factory $queues, Ledger $ledger): int
    {
        $kind = $this->argument('kind');
        if (! isset(self::KINDS[$kind])) {
            $this->error("There is no kind {$kind}; it is one of ".implode(', ', array_keys(self::KINDS)).'.');

            return 2;
        }
        $run = $this->option('uncounted') ? '' : ($this->option('run') ?: bin2hex(random_bytes(4)));
        $count = (int) $this->option('count');
        for ($done = 0; $done < $count; $done += self::CHUNK) {
            $jobs = $this->jobs($kind, min(self::CHUNK, $count - $done), $run);
            $ledger->dispatched($run, array_fill_keys(array_keys($jobs), $kind), (int) $this->option('delay'));
            $this->push($queues->connection(), array_values($jobs));
        }
        $this->line("{$count} {$kind} jobs on queue {$this->option('queue')}, run ".($run ?: 'uncounted'));

        return 0;
    }

    /** Makes jobs, by their uid. */
    private function jobs(string $kind, int $count, string $run): array
    {
        $class = self::KINDS[$kind];
        $tries = $this->option('tries') === null ? null : (int) $this->option('tries');
        $timeout = $this->option('timeout') === null ? null : (int) $this->option('timeout');
        $arguments = $this->option('arg') === null ? [null] : explode(',', $this->option('arg'));
        $jobs = [];
        for ($i = 0; $i < $count; $i++) {
            $uid = bin2hex(random_bytes(8));
            $jobs[$uid] = new $class($uid, $run, $arguments[$i % count($arguments)], $tries);
            $jobs[$uid]->timeout = $timeout;
        }

        return $jobs;
    }

    private function push($queue, array $jobs): void
    {
        $delay = (int) $this->option('delay');
        if ($delay <= 0) {
            $queue->bulk($jobs, '', $this->option('queue'));

            return;
        }
        foreach ($jobs as $job) { // Laravel 8 has no delayed bulk push
            $queue->later($delay, $job, '', $this->option('queue'));
        }
    }
}
