// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package laravel knows how to start `php artisan queue:work` and how to find
// out what the installed version can do.
//
// Three questions are asked at once, through the same wrapper the worker gets:
// `php -m` tells whether pcntl is there, without which a worker neither stops
// gracefully nor enforces its timeout; `artisan queue:work --help` lists the
// options; `artisan --version` names the version. The version is only told, never
// compared: what an option list says is true also of a patched framework.
package laravel
