<?php

return [
    "environments" => [
        "production" => [
            "a" => ["queue" => "x"]
            "b" => [],
        ],
    ],
];
