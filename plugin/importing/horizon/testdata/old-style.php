<?php return array(
    'environments' => array(
        'production' => array(
            'supervisor-1' => array(
                'connection' => 'redis',
                'queue' => array('default'),
                'balance' => 'simple',
                'processes' => 10,
                'tries' => 3,
                'min_processes' => 1,
                'delay' => 5,
                'sleep' => 90,
            ),
        ),
        'local' => array('supervisor-1' => array()),
    ),
);
