<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

use Illuminate\Contracts\Console\Kernel as KernelContract;
use Illuminate\Contracts\Debug\ExceptionHandler;
use Illuminate\Foundation\Application;
use Illuminate\Foundation\Exceptions\Handler;

$app = new Application(dirname(__DIR__));
$app->singleton(KernelContract::class, App\Console\Kernel::class);
$app->singleton(ExceptionHandler::class, Handler::class);

return $app;
