<?php

return [
    'environments' => [
        'production' => [
            'bare' => ['connection' => 'redis'],
            'minimums' => [
                'connection' => 'redis',
                'queue' => ['a', 'b', 'c', 'd'],
                'balance' => 'auto',
                'minProcesses' => 3,
                'maxProcesses' => 5,
            ],
            'typo' => [
                'connection' => 'redis',
                'queue' => ['typo', ' blank'],
                'balance' => 'automatic',
                'maxProceses' => 7,
                'memory' => '512M',
            ],
            'huge' => [
                'connection' => 'redis',
                'queue' => ['huge'],
                'balance' => 'auto',
                'maxProcesses' => 5000,
                'timeout' => 100000,
            ],
        ],
    ],
];
