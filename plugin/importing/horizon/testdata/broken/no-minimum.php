<?php

return ["environments" => ["production" => ["a" => [
    "queue" => ["a"],
    "minProcesses" => 0,
]]]];
