<?php

return [
    'defaults' => [
        'supervisor-1' => [
            'connection' => 'redis',
            'queue' => ['default', 'notifications', 'scout'],
            'balance' => 'auto',
            'processes' => 6,
            'tries' => 1,
        ],
        'supervisor-2' => [
            'connection' => 'redis',
            'queue' => ['exports'],
            'balance' => 'simple',
            'processes' => 1,
            'timeout' => 1800,
        ],
    ],
    'environments' => [
        'prod*' => [
            'supervisor-1' => [
                'queue' => ['urgent'],
                'maxProcesses' => 12,
            ],
        ],
        '*' => [],
    ],
];
