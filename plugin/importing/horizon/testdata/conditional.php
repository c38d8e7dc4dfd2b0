<?php

$workers = 5;

if (getenv('BIG_SERVER')) {
    $workers = 50;
}

$queues = ['a', 'b'];
array_push($queues, 'c');

return [
    'environments' => [
        'production' => [
            'sized' => [
                'connection' => 'redis',
                'queue' => ['sized'],
                'balance' => false,
                'processes' => $workers,
                'tries' => 0,
            ],
            'pushed' => [
                'connection' => 'redis',
                'queue' => $queues,
            ],
        ],
    ],
];
