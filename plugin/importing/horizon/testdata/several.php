<?php

return [
    'waits' => ['redis:default' => 60, 'redis:high' => 15],

    'environments' => [
        'production' => [
            'web' => [
                'connection' => 'redis',
                'queue' => ['high', 'default', 'low'],
                'balance' => 'auto',
                'minProcesses' => 2,
                'maxProcesses' => 20,
                'tries' => 3,
                'timeout' => 55,
                'backoff' => [5, 30, 120],
            ],
            'simple' => [
                'connection' => 'redis',
                'queue' => ['mails', 'sms', 'push'],
                'balance' => 'simple',
                'processes' => 10,
                'tries' => 2,
                'sleep' => 1,
                'rest' => 0.25,
            ],
            'ordered' => [
                'connection' => 'redis',
                'queue' => ['first', 'second'],
                'balance' => false,
                'maxProcesses' => 4,
                'maxTime' => 3600,
                'maxJobs' => 1000,
                'memory' => 256,
                'force' => true,
                'nice' => 5,
            ],
            'long-running' => [
                'connection' => 'redis-long-running',
                'queue' => 'reports,exports',
                'minProcesses' => 1,
                'maxProcesses' => 2,
                'timeout' => 900,
            ],
        ],
    ],
];
