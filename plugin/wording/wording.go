// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package wording has the plugin's words for every code of the packages in console. The
// words name commands and flags of `kubectl queueworker`, so no other interface can use
// them. Each code has one function that makes its text.
package wording

import (
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"queueworker.dev/queueworker/console/intent"
)

// always returns a text that needs no values.
func always[M any](text string) func(M) string { return func(M) string { return text } }

// Error puts a refusal into words. It returns any other error as it is.
func Error(err error) error {
	if refusal, ok := errors.AsType[intent.Refusal](err); ok {
		return errors.New(Intent(refusal.Message))
	}
	return err
}

// Short writes a duration as kubectl does, such as 4s, 12m or 3d.
func Short(d time.Duration) string { return duration.HumanDuration(max(d, 0)) }

// where names a namespace in a sentence; empty means all.
func where(namespace string) string {
	if namespace == "" {
		return "in all namespaces"
	}
	return "in the namespace " + namespace
}
