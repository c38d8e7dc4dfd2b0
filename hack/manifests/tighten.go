// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"

	"sigs.k8s.io/yaml"
)

// The pattern controller-gen gives every quantity admits 1e1.5, which Kubernetes'
// own parser refuses, and 1e-2000000000, on which it computes for hours. An
// object with either could be stored, and then no client in Go could read a list
// that holds it: one user's mistake would stop the operator for all.
const (
	looseQuantity = `^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$`
	tightQuantity = `^[+-]?([0-9]{1,30}([.][0-9]{0,30})?|[.][0-9]{1,30})([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$`
)

// tighten makes a CRD refuse what Go clients could not read back: quantities
// with odd exponents, and ports beyond 32 bits.
func tighten(crd []byte) ([]byte, error) {
	var object map[string]any
	if err := yaml.Unmarshal(crd, &object); err != nil {
		return nil, err
	}
	tightenAll(object)
	return yaml.Marshal(object)
}

func tightenAll(value any) {
	switch value := value.(type) {
	case []any:
		for _, entry := range value {
			tightenAll(entry)
		}
	case map[string]any:
		if value["x-kubernetes-int-or-string"] == true {
			tightenIntOrString(value)
		}
		if _, ruled := value["x-kubernetes-validations"]; ruled && value["format"] == "date-time" {
			// The format lets times through that Go cannot read, and an empty list; a rule of
			// ours knows better, of a string.
			delete(value, "format")
		}
		for _, entry := range value {
			tightenAll(entry)
		}
	}
}

func tightenIntOrString(schema map[string]any) {
	_, ruled := schema["x-kubernetes-validations"]
	switch {
	case schema["pattern"] == looseQuantity && ruled:
		// A rule of ours says in words what the pattern would say worse.
		delete(schema, "pattern")
	case schema["pattern"] == looseQuantity:
		schema["pattern"] = tightQuantity
	case schema["pattern"] == nil && !ruled:
		schema["minimum"], schema["maximum"] = math.MinInt32, math.MaxInt32
	}
}
