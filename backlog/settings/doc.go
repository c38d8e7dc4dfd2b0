// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package settings finds an application's queues as the application itself does: from the
// environment variables of its container. The names and meanings of the variables are
// those in Laravel's configuration files. The package is pure: the same ProbeConfig and
// the same environment give the same settings or the same error.
//
// For each setting, the first of these sources that has a value counts:
//
//  1. the field of the ProbeConfig, from the connection of the QueueApp;
//  2. the part of the URL (REDIS_URL, DB_URL or DATABASE_URL);
//  3. the setting's variable (REDIS_HOST, DB_HOST);
//  4. Laravel's default, except for the host, because 127.0.0.1 is the probe's own pod.
//
// ProbeConfig.Variables names the variables that replace standard variables. No error
// holds the value of a variable, because any variable may hold a password.
package settings
