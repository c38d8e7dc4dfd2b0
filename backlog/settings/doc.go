// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package settings finds where an application's queues are, as the application
// itself does: in the environment variables of its container, whose names and
// meaning are those of Laravel's configuration files. It is pure: the same
// ProbeConfig and the same environment give the same settings or the same error.
//
// For each setting the first of these counts that says something:
//
//  1. the field of the ProbeConfig, which the QueueApp's connection gives;
//  2. the part of the URL (REDIS_URL, DB_URL or DATABASE_URL);
//  3. the variable of its own (REDIS_HOST, DB_HOST);
//  4. Laravel's default, but for the host: 127.0.0.1 is the probe's own pod.
//
// ProbeConfig.Variables say which variable stands for a standard one. No error holds
// the value of a variable, since any may hold a password.
package settings
