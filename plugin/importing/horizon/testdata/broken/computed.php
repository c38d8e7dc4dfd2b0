<?php

return app()->make("horizon.config");
