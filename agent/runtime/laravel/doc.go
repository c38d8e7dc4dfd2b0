// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package laravel runs `php artisan queue:work`: it builds the command, finds out what the
// installed version can do, and says what its exit codes mean.
//
// The agent asks three questions at the same time, through the worker's own wrapper.
// `php -m` shows whether pcntl is installed, without which a worker neither stops
// gracefully nor enforces its timeout. `artisan queue:work --help` lists the options, and
// `artisan --version` prints the version. The version only distinguishes two formats of
// text lines. All else follows from the modules and the options, which are also right for
// a patched framework.
package laravel
