// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package database reaches a PostgreSQL, MySQL or MariaDB server and reads tables in it. It
// knows no table of any runtime; the packages of backlog/layout do.
//
// Everything runs in read-only transactions with a time limit, on one connection.
//
// The server is not trusted. A backlog.Guard bounds the bytes and the time of a
// measurement, and what one message may declare.
package database
