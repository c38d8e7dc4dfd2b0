// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"math"

	"sigs.k8s.io/yaml"
)

// controller-gen's pattern for quantities admits 1e1.5, which Kubernetes' own parser
// refuses, and 1e-2000000000, on which that parser computes for hours. An object with
// either could be stored, and then no Go client could read a list that holds it. So one
// user's mistake would stop the operator for all users.
const (
	looseQuantity = `^(\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))(([KMGTPE]i)|[numkMGTPE]|([eE](\+|-)?(([0-9]+(\.[0-9]*)?)|(\.[0-9]+))))?$`
	tightQuantity = `^[+-]?([0-9]{1,30}([.][0-9]{0,30})?|[.][0-9]{1,30})([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?$`
)

// tighten makes a CRD refuse what Go clients could not read back: quantities with odd
// exponents, and ports beyond 32 bits.
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
			// The format admits times that Go cannot read, and an empty list. The
			// product's own rule checks the string better.
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
		// The product's own rule explains in words what the pattern would explain worse.
		delete(schema, "pattern")
	case schema["pattern"] == looseQuantity:
		schema["pattern"] = tightQuantity
	case schema["pattern"] == nil && !ruled:
		schema["minimum"], schema["maximum"] = math.MinInt32, math.MaxInt32
	}
}
