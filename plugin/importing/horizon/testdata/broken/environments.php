<?php

return ["environments" => config("horizon-environments")];
