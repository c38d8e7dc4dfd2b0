<?php

return [
    "environments" => [
        "production" => [
            "a" => [1, 2,
        ],
    ],
;
