<?php

if (getenv('HORIZON_SMALL')) {
    return ['environments' => ['production' => ['small' => ['connection' => 'redis', 'queue' => 'default']]]];
}

$queues = ['high', 'default', 'low'];
$first = array_shift($queues);

return [
    'environments' => [
        'production' => [
            'first' => ['connection' => 'redis', 'queue' => ['high'], 'maxProcesses' => 2],
            'rest' => ['connection' => 'redis', 'queue' => $queues, 'maxProcesses' => 2],
        ],
    ],
];
