<?php

$config = ["environments" => []];
