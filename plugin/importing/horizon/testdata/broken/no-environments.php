<?php

return ["defaults" => []];
