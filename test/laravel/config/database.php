<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

return (static function (): array {
    $redis = static function (int $database, array $options = []): array {
        return [
            'host' => env('REDIS_HOST', '127.0.0.1'),
            'port' => env('REDIS_PORT', 6379),
            'password' => env('REDIS_PASSWORD'),
            'database' => $database,
            'options' => $options,
        ];
    };
    $server = static function (string $driver, int $port, string $charset): array {
        return [
            'driver' => $driver,
            'host' => env('DB_HOST', '127.0.0.1'),
            'port' => env('DB_PORT', $port),
            'database' => env('DB_DATABASE', 'laravel'),
            'username' => env('DB_USERNAME', 'laravel'),
            'password' => env('DB_PASSWORD', ''),
            'charset' => $charset,
            'prefix' => '',
        ];
    };

    return [
        'default' => env('DB_CONNECTION', 'sqlite'),
        'connections' => [
            'sqlite' => ['driver' => 'sqlite', 'database' => env('DB_DATABASE', database_path('database.sqlite')), 'prefix' => ''],
            'mysql' => $server('mysql', 3306, 'utf8mb4'),
            'pgsql' => $server('pgsql', 5432, 'utf8'),
        ],
        'migrations' => 'migrations',
        'redis' => [
            'client' => 'phpredis',
            'options' => ['prefix' => env('REDIS_PREFIX', 'laravel_database_')],
            'default' => $redis((int) env('REDIS_DB', 0)),
            'cache' => $redis((int) env('REDIS_CACHE_DB', 1)),
            // Tests read these keys by their plain names.
            'ledger' => $redis((int) env('REDIS_DB', 0), ['prefix' => '']),
        ],
    ];
})();
