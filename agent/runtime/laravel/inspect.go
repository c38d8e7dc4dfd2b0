// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laravel

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"queueworker.dev/queueworker/api/protocol"
)

//go:embed inspect.php
var inspectSource string

// inspectMark precedes the line that inspect.php prints. An application may print
// anything before it.
const inspectMark = "queueworker-inspection:"

// Inspection holds the settings of an application.
type Inspection struct {
	// MemoryLimit is PHP's memory_limit once the application has booted, such as 128M.
	MemoryLimit string `json:"memoryLimit"`
	Posix       bool   `json:"posix"`
	// Connection is the queue connection in use. Driver is its driver, or empty if
	// Connections contains no such name.
	Connection  string   `json:"connection"`
	Connections []string `json:"connections"`
	Driver      string   `json:"driver"`
	// BlockFor and RetryAfter are the connection's block_for and retry_after in seconds, or
	// nil if it has none.
	BlockFor   *float64 `json:"blockFor"`
	RetryAfter *float64 `json:"retryAfter"`
	// CacheStore is the default cache store, CacheDriver its driver.
	CacheStore  string `json:"cacheStore"`
	CacheDriver string `json:"cacheDriver"`
	// LogChannel is the default log channel. LogSinks are the places it finally writes to.
	LogChannel string    `json:"logChannel"`
	LogSinks   []LogSink `json:"logSinks"`
}

// LogSink is one place that a log channel writes to.
type LogSink struct {
	Channel string `json:"channel"`
	Driver  string `json:"driver"`
	Handler string `json:"handler"`
	// Stream is the path of a file or a stream such as php://stderr.
	Stream string `json:"stream"`
}

// InspectionQuestion returns the command that reads an application's settings, with the
// worker's memory_limit for PHP.
func InspectionQuestion(config protocol.Config) []string {
	source := strings.TrimPrefix(inspectSource, "<?php\n")
	return slices.Concat(config.Command, []string{
		"php", "-d", "memory_limit=" + strconv.FormatInt(config.HeapLimitBytes, 10), "-r", source, "--", config.Connection,
	})
}

// ReadInspection parses the output of the question. It returns nil if that is no
// inspection.
func ReadInspection(answer Answer) *Inspection {
	at := strings.LastIndex(answer.Output, inspectMark)
	if at < 0 {
		return nil
	}
	line, _, _ := strings.Cut(answer.Output[at+len(inspectMark):], "\n")
	found := &Inspection{}
	if json.Unmarshal([]byte(line), found) != nil {
		return nil
	}
	return found
}
