// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/bounds"
)

// boundedFields are the fields below which api/bounds limits the size of each value. The
// product's own fields have their bounds in api/v1alpha1.
var boundedFields = append([]string{"spec.nodeSelector"}, embeddedFields...)

// textFields are the boundedFields whose long texts share one bound, with the words by
// which a user knows these texts.
var textFields = map[string]string{
	"spec.template": "variables, commands, arguments and annotations",
	"spec.env":      "values",
}

// bound gives every list, map and string of boundedFields its bound, unless
// controller-gen has written one.
func bound(crd []byte) ([]byte, error) {
	var object map[string]any
	if err := yaml.Unmarshal(crd, &object); err != nil {
		return nil, err
	}
	versions, _ := dig(object, "spec", "versions").([]any)
	for _, version := range versions {
		schema := dig(version, "schema", "openAPIV3Schema")
		for _, path := range boundedFields {
			field, ok := dig(schema, propertyPath(path)...).(map[string]any)
			if !ok {
				continue
			}
			own := path[strings.LastIndexByte(path, '.')+1:]
			if err := boundAll(field, "", own); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
			if what, ruled := textFields[path]; ruled {
				addRule(field, fmt.Sprintf("%s <= %d", textSize(field, "self", 0), bounds.Texts),
					fmt.Sprintf("the %s of %s must have at most %d characters together; move long ones to a ConfigMap of the QueueApp", what, own, bounds.Texts))
			}
		}
	}
	boundQuantities(object)
	return yaml.Marshal(object)
}

// boundQuantities bounds the quantities of the product's own fields, because no marker can.
func boundQuantities(value any) {
	switch value := value.(type) {
	case []any:
		for _, entry := range value {
			boundQuantities(entry)
		}
	case map[string]any:
		if _, has := value["maxLength"]; !has && value["x-kubernetes-int-or-string"] == true {
			value["maxLength"] = bounds.QuantityText
		}
		for _, entry := range value {
			boundQuantities(entry)
		}
	}
}

// boundAll bounds the value of a field and everything in it. parent is the field that
// holds the object that contains the field.
func boundAll(schema map[string]any, parent, field string) error {
	if schema["x-kubernetes-int-or-string"] == true {
		return setBound(schema, "maxLength", bounds.Text, parent, field)
	}
	switch schema["type"] {
	case "string":
		return setBound(schema, "maxLength", bounds.Text, parent, field)
	case "array":
		items, _ := schema["items"].(map[string]any)
		if err := setBound(schema, "maxItems", bounds.List, parent, field); err != nil {
			return err
		}
		return boundAll(items, parent, field)
	case "object":
		return boundObject(schema, parent, field)
	}
	return nil
}

func boundObject(schema map[string]any, parent, field string) error {
	if values, isMap := schema["additionalProperties"].(map[string]any); isMap {
		if err := setBound(schema, "maxProperties", bounds.Map, parent, field); err != nil {
			return err
		}
		most, _ := bounds.Of(bounds.Key, parent, field)
		addRule(schema, fmt.Sprintf("self.all(key, size(key) <= %d)", most),
			fmt.Sprintf("the keys of %s must be at most %d characters", field, most))
		return boundAll(values, parent, field)
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, below := range properties {
		below, _ := below.(map[string]any)
		if err := boundAll(below, field, name); err != nil {
			return err
		}
	}
	return nil
}

func setBound(schema map[string]any, keyword string, kind bounds.Kind, parent, field string) error {
	if _, has := schema[keyword]; has {
		return nil
	}
	most, known := bounds.Of(kind, parent, field)
	if !known {
		return fmt.Errorf("%s of %s is a map that api/bounds does not name; add it to the table", field, parent)
	}
	schema[keyword] = most
	return nil
}

func addRule(schema map[string]any, rule, message string) {
	rules, _ := schema["x-kubernetes-validations"].([]any)
	schema["x-kubernetes-validations"] = append(rules, map[string]any{"rule": rule, "message": message})
}

// textSize returns a CEL expression for the total number of characters in the long texts
// of a value; empty if it has none.
func textSize(schema map[string]any, value string, depth int) string {
	variable := fmt.Sprintf("v%d", depth)
	switch schema["type"] {
	case "string":
		if number(schema["maxLength"]) < bounds.LongText {
			return ""
		}
		return "size(" + value + ")"
	case "array":
		if number(schema["maxItems"]) == 0 {
			return ""
		}
		items, _ := schema["items"].(map[string]any)
		if size := textSize(items, variable, depth+1); size != "" {
			return fmt.Sprintf("%s.map(%s, %s).sum()", value, variable, size)
		}
	case "object":
		if values, isMap := schema["additionalProperties"].(map[string]any); isMap {
			if size := textSize(values, value+"["+variable+"]", depth+1); size != "" {
				return fmt.Sprintf("%s.map(%s, %s).sum()", value, variable, size)
			}
			return ""
		}
		var sizes []string
		properties, _ := schema["properties"].(map[string]any)
		for _, name := range sortedKeys(properties) {
			below, _ := properties[name].(map[string]any)
			if size := textSize(below, value+"."+name, depth); size != "" {
				sizes = append(sizes, fmt.Sprintf("(has(%s.%s) ? %s : 0)", value, name, size))
			}
		}
		return strings.Join(sizes, " + ")
	}
	return ""
}

// number returns a bound that was read or set here as an int.
func number(bound any) int {
	switch bound := bound.(type) {
	case int:
		return bound
	case float64:
		return int(bound)
	}
	return 0
}
