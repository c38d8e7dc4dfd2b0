<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App;

use App\Jobs\Job;
use Illuminate\Contracts\Redis\Factory;

/**
 * What really happened to each job, kept apart from the queue's own keys so
 * that a test can compare it with what anybody else counted.
 *
 * For a run R: demo:R:jobs holds the kind of every job dispatched, by its uid;
 * demo:R:starts, :ends, :released and :failed hold how often each uid did that
 * (failed: finally); demo:R:total holds the sums. demo:R:due, :began and :done
 * hold when each uid was to be done first, was first begun, and succeeded, in
 * seconds since 1970. All are hashes, without the prefix of the application's
 * other keys.
 */
class Ledger
{
    private $redis;

    public function __construct(Factory $redis)
    {
        $this->redis = $redis->connection('ledger');
    }

    /** Writes down jobs before they are pushed, so that none is ever unknown. */
    public function dispatched(string $run, array $kinds, int $delay): void
    {
        if ($run === '') {
            return;
        }
        $due = array_fill_keys(array_keys($kinds), self::now($delay));
        $this->redis->pipeline(static function ($pipe) use ($run, $kinds, $due): void {
            $pipe->hMSet("demo:{$run}:jobs", $kinds);
            $pipe->hMSet("demo:{$run}:due", $due);
            $pipe->hIncrBy("demo:{$run}:total", 'dispatched', count($kinds));
        });
    }

    /** Counts one of starts, ends, released and failed; both keys or none. */
    public function count(Job $job, string $event): void
    {
        if ($job->run === '') {
            return;
        }
        $this->redis->transaction(static function ($transaction) use ($job, $event): void {
            $transaction->hIncrBy("demo:{$job->run}:{$event}", $job->uid, 1);
            $transaction->hIncrBy("demo:{$job->run}:total", $event, 1);
            if ($event === 'starts') {
                $transaction->hSetNx("demo:{$job->run}:began", $job->uid, self::now());
            }
            if ($event === 'ends') {
                $transaction->hSet("demo:{$job->run}:done", $job->uid, self::now());
            }
        });
    }

    /** Whether somebody has set demo:R:mended. */
    public function mended(string $run): bool
    {
        return (bool) $this->redis->exists("demo:{$run}:mended");
    }

    private static function now(int $plus = 0): string
    {
        return sprintf('%.3f', microtime(true) + $plus);
    }

    /** The sums of a run. */
    public function total(string $run): array
    {
        return array_map('intval', $this->redis->hgetall("demo:{$run}:total"))
            + ['dispatched' => 0, 'starts' => 0, 'ends' => 0, 'released' => 0, 'failed' => 0];
    }
}
