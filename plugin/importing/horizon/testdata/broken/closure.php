<?php

return ["environments" => ["production" => fn () => []]];
