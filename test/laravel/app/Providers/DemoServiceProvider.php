<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

namespace App\Providers;

use App\Console\Commands\Work;
use Illuminate\Support\ServiceProvider;

class DemoServiceProvider extends ServiceProvider
{
    public function register()
    {
        if (config('app.json_worker')) {
            $this->app->extend('command.queue.work', static function ($command, $app) {
                return new Work($app['queue.worker'], $app['cache.store']);
            });
        }
    }
}
