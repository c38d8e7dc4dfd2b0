<?php

return ["environments" => ["staging" => [], "local" => []]];
