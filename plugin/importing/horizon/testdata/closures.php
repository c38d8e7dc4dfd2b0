<?php

use App\Support\Tenants;

return [
    'environments' => [
        'production' => [
            'computed' => [
                'connection' => config('queue.default'),
                'queue' => ['computed'],
            ],
            'tenants' => [
                'connection' => 'redis',
                'queue' => Tenants::queues(),
                'balance' => 'auto',
            ],
            'partly' => [
                'connection' => 'redis',
                'queue' => array_map(fn ($n) => "shard-$n", range(1, 4)),
                'balance' => 'auto',
            ],
            'known' => [
                'connection' => 'redis',
                'queue' => ['known', QueueName::Mails->value],
                'balance' => (function () {
                    return 'auto';
                })(),
                'maxProcesses' => (int) ceil(shell_exec('nproc') / 2),
                'timeout' => 30,
                'tries' => Tenants::TRIES,
                ...Tenants::options(),
            ],
        ],
    ],
];
