<?php

declare(strict_types=1);

use App\Enums\QueueName;

const PROCESSES = 3;

$minute = 60;
$defaults = [
    'connection' => 'redis',
    'balance' => 'simple',
    'tries' => 5,
    'timeout' => 2 * $minute,
];
$defaults['memory'] = 192;

$queues = ['alpha', 'beta'];

return [
    'environments' => [
        'production' => [
            'merged' => array_merge($defaults, [
                'queue' => array_merge($queues, ['gamma']),
                'processes' => PROCESSES * 2,
            ]),
            'spread' => [
                ...$defaults,
                'queue' => [...$queues, 'tenant-'.'one'],
                'processes' => max(1, PROCESSES),
                'timeout' => $minute - 1,
            ],
            'chosen' => [
                'queue' => ['chosen'],
                'processes' => PHP_OS_FAMILY === 'Windows' ? 1 : 2,
                'balance' => $defaults['balance'] === 'simple' ? false : 'auto',
                'tries' => match (true) {
                    PROCESSES > 5 => 1,
                    default => 7,
                },
            ] + $defaults,
        ],
    ],
];
