<?php

return [
    'defaults' => [
        'default' => [
            'connection' => env('HORIZON_CONNECTION', 'redis'),
            'queue' => explode(',', env('HORIZON_QUEUES', 'high,default')),
            'balance' => env('HORIZON_BALANCE', 'auto'),
            'minProcesses' => (int) env('HORIZON_MIN', '2'),
            'maxProcesses' => (int) env('HORIZON_MAX', '8'),
            'memory' => intval(env('HORIZON_MEMORY', 256)),
            'tries' => env('HORIZON_TRIES', 3),
            'timeout' => env('HORIZON_TIMEOUT'),
            'force' => env('HORIZON_FORCE', false),
        ],
    ],

    'environments' => [
        env('APP_ENV', 'production') => [
            'default' => [],
        ],
    ],
];
