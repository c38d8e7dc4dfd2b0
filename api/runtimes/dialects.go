// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package runtimes

// Dialect is the format of a worker's output, as in protocol.RuntimeFacts.
type Dialect string

// The dialects.
const (
	// DialectJSON: the JSON lines of Laravel 11.27 and later.
	DialectJSON Dialect = "json"
	// DialectText: the text lines of Laravel 9.21 and later.
	DialectText Dialect = "text"
	// DialectBrackets: the lines in brackets of older versions of Laravel.
	DialectBrackets Dialect = "brackets"
	// DialectPatterns: lines that match the patterns of a QueueApp.
	DialectPatterns Dialect = "patterns"
)

// tellsEnds says of each dialect whether a worker prints a line at the end of every
// attempt. Without that line, a worker whose job threw seems to have the job until it
// begins another.
var tellsEnds = map[Dialect]bool{
	DialectJSON:     true,
	DialectText:     false,
	DialectBrackets: false,
	DialectPatterns: false,
}

// TellsEnds reports whether a worker that prints this dialect tells the end of every
// attempt.
func (d Dialect) TellsEnds() bool { return tellsEnds[d] }
