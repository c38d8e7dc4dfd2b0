// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective

import (
	"encoding/json"
	"fmt"

	"queueworker.dev/queueworker/api/bounds"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// TooLarge returns the Problem of an object with a value beyond its bound. excess says
// which value, and what the bound is.
func TooLarge(kind, name, excess string) *Problem {
	return &Problem{Reason: v1alpha1.ReasonTooLarge, Message: fmt.Sprintf(
		"The %s %q is larger than the operator reads: %s. Make it smaller; until then pods stay as they are.", kind, name, excess)}
}

// Oversized says which part of a QueueWorker exceeds its bound; nil if none does. The API
// server refuses such a QueueWorker, but it may have been stored before there were bounds.
func Oversized(worker *v1alpha1.QueueWorker) *Problem {
	if texts := textsOf(worker); texts > bounds.Pool.Bytes {
		return TooLarge("QueueWorker", worker.Name, fmt.Sprintf("spec has more than %d bytes of JSON", bounds.Pool.Bytes))
	}
	document, err := json.Marshal(&worker.Spec)
	if err != nil {
		panic(err) // a decoded API object always encodes
	}
	excess, err := bounds.Check("spec", document, bounds.Pool)
	if err != nil {
		panic(err) // it is JSON
	}
	if excess == nil {
		return nil
	}
	return TooLarge("QueueWorker", worker.Name, excess.String())
}

// textsOf returns the size in bytes of those texts of a QueueWorker that had no bound.
// So an object of megabytes is found too large without being encoded.
func textsOf(worker *v1alpha1.QueueWorker) int {
	n := 0
	for i := range worker.Spec.Env {
		n += len(worker.Spec.Env[i].Name) + len(worker.Spec.Env[i].Value)
	}
	for key, value := range worker.Spec.NodeSelector {
		n += len(key) + len(value)
	}
	for i := range worker.Spec.Tolerations {
		n += len(worker.Spec.Tolerations[i].Key) + len(worker.Spec.Tolerations[i].Value)
	}
	return n
}
