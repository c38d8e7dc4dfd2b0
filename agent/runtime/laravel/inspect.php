<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Run as `php -r`, from the directory the worker runs in: boots the application as
// artisan does and prints the settings a queue worker depends on as one line of JSON
// behind a mark. It prints no secret: no address, no password, no environment.

error_reporting(0);
require getcwd().'/vendor/autoload.php';
$app = require getcwd().'/bootstrap/app.php';
$app->make(Illuminate\Contracts\Console\Kernel::class)->bootstrap();
$config = $app->make('config');

// The places a log channel writes to; a stack writes to those of its channels.
$sinks = static function ($name, $depth = 0) use (&$sinks, $config) {
    $channel = $config->get('logging.channels.'.$name);
    if (! is_array($channel)) {
        return [];
    }
    $driver = (string) ($channel['driver'] ?? '');
    if ($driver === 'stack' && $depth < 5) {
        $channels = $channel['channels'] ?? [];
        $all = [];
        foreach (is_string($channels) ? explode(',', $channels) : (array) $channels as $inner) {
            $all = array_merge($all, $sinks((string) $inner, $depth + 1));
        }

        return $all;
    }
    $stream = $channel['with']['stream'] ?? $channel['handler_with']['stream'] ?? $channel['path'] ?? '';

    return [[
        'channel' => (string) $name,
        'driver' => $driver,
        'handler' => is_string($channel['handler'] ?? null) ? $channel['handler'] : '',
        'stream' => is_string($stream) ? $stream : '',
    ]];
};

$name = ($argv[1] ?? '') !== '' ? $argv[1] : (string) $config->get('queue.default');
$connection = $config->get('queue.connections.'.$name);
$connection = is_array($connection) ? $connection : null;
$store = (string) $config->get('cache.default');
echo "\nqueueworker-inspection:", json_encode([
    'memoryLimit' => (string) ini_get('memory_limit'),
    'posix' => extension_loaded('posix'),
    'connection' => $name,
    'connections' => array_slice(array_map('strval', array_keys((array) $config->get('queue.connections'))), 0, 20),
    'driver' => $connection === null ? '' : (string) ($connection['driver'] ?? ''),
    'blockFor' => isset($connection['block_for']) && is_numeric($connection['block_for']) ? (float) $connection['block_for'] : null,
    'retryAfter' => isset($connection['retry_after']) && is_numeric($connection['retry_after']) ? (float) $connection['retry_after'] : null,
    'cacheStore' => $store,
    'cacheDriver' => (string) $config->get('cache.stores.'.$store.'.driver'),
    'logChannel' => (string) $config->get('logging.default'),
    'logSinks' => array_slice($sinks((string) $config->get('logging.default')), 0, 20),
], JSON_INVALID_UTF8_SUBSTITUTE | JSON_PARTIAL_OUTPUT_ON_ERROR), "\n";
