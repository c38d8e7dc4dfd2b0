<?php
// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Debian installs Laravel below /usr/share/php, which is on PHP's include path,
// with a loader of its own; the application needs one only for itself.
require_once 'Illuminate/autoload.php';

spl_autoload_register(static function (string $class): void {
    if (strncmp($class, 'App\\', 4) === 0) {
        $file = dirname(__DIR__).'/app/'.strtr(substr($class, 4), '\\', '/').'.php';
        if (is_file($file)) {
            require $file;
        }
    }
});
