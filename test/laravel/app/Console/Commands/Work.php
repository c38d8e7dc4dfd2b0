<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Console\Commands;

use Illuminate\Contracts\Cache\Repository as Cache;
use Illuminate\Contracts\Queue\Job;
use Illuminate\Queue\Console\WorkCommand;
use Illuminate\Queue\Events\JobExceptionOccurred;
use Illuminate\Queue\Events\JobFailed;
use Illuminate\Queue\Events\JobProcessed;
use Illuminate\Queue\Events\JobProcessing;
use Illuminate\Queue\Worker;
use Throwable;

/**
 * Laravel 8's worker with the JSON lines of Laravel 11.27 and later, in place
 * of its own bracketed text: the same keys in the same order, empty ones left
 * out. --json is accepted, and listed by --help, as there.
 */
class Work extends WorkCommand
{
    /** @var float when the running job began, in seconds of the monotonic clock */
    private $began = 0.0;

    public function __construct(Worker $worker, Cache $cache)
    {
        $this->signature .= "\n{--json : Output the queue worker information as JSON}";
        parent::__construct($worker, $cache);
    }

    protected function listenForEvents()
    {
        $events = $this->laravel['events'];
        $events->listen(JobProcessing::class, function ($event) {
            $this->began = hrtime(true) / 1e9;
            $this->print($event->job, 'info', 'starting', null);
        });
        $events->listen(JobProcessed::class, function ($event) {
            $this->print($event->job, 'info', 'success', null);
        });
        $events->listen(JobFailed::class, function ($event) {
            $this->print($event->job, 'warning', 'failed', $event->exception);
            $this->logFailedJob($event);
        });
        // Laravel 8 has no event after the release, so this comes a moment before it.
        $events->listen(JobExceptionOccurred::class, function ($event) {
            if (! $event->job->hasFailed() && ! $event->job->isDeleted() && ! $event->job->isReleased()) {
                $this->print($event->job, 'warning', 'released_after_exception', null);
            }
        });
    }

    private function print(Job $job, string $level, string $status, ?Throwable $reason): void
    {
        $this->output->writeln(json_encode(array_filter([
            'level' => $level,
            'id' => $job->getJobId(),
            'uuid' => $job->uuid(),
            'connection' => $job->getConnectionName(),
            'queue' => $job->getQueue(),
            'job' => $job->resolveName(),
            'status' => $status,
            'result' => $this->result($job, $status),
            'attempts' => $job->attempts(),
            'exception' => $reason ? get_class($reason) : '',
            'message' => $reason ? $reason->getMessage() : '',
            'timestamp' => now()->format('Y-m-d\TH:i:s.uP'),
            'duration' => $status === 'starting' ? null : round(hrtime(true) / 1e9 - $this->began, 6),
        ])), \Symfony\Component\Console\Output\OutputInterface::OUTPUT_RAW);
    }

    private function result(Job $job, string $status): string
    {
        if ($job->isDeleted()) {
            return 'deleted';
        }

        return $job->isReleased() || $status === 'released_after_exception' ? 'released' : '';
    }
}
