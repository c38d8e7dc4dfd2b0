// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// mergeKeys are the lists of a workload whose elements server-side apply knows by keys, and
// these keys. Every other list of objects belongs to its manager as a whole.
var mergeKeys = map[string][]string{
	"claims":                    {"name"},
	"containers":                {"name"},
	"env":                       {"name"},
	"ephemeralContainers":       {"name"},
	"evictionResponders":        {"name"},
	"hostAliases":               {"ip"},
	"imagePullSecrets":          {"name"},
	"initContainers":            {"name"},
	"ownerReferences":           {"uid"},
	"ports":                     {"containerPort", "protocol"},
	"resourceClaims":            {"name"},
	"schedulingGates":           {"name"},
	"topologySpreadConstraints": {"topologyKey", "whenUnsatisfiable"},
	"volumeDevices":             {"devicePath"},
	"volumeMounts":              {"mountPath"},
	"volumes":                   {"name"},
}

// keyDefaults are what the API server puts in place of a key that is absent.
var keyDefaults = map[string]any{"protocol": "TCP"}

// Covers reports whether a live object has everything that an apply configuration asks
// for, so that applying it would change nothing. What other managers have set besides is
// left alone. An element of a list with merge keys may stand anywhere in the live list. The
// elements of another list of objects stand in the wanted order, and other managers may
// have added to them.
//
// A field that is no longer asked for is not noticed here, but by the hash in
// AnnotationAppliedHash, which is part of what is asked for.
//
// The cost grows with the sum of both objects' sizes and not with their product: a user
// writes the one and can reorder the other.
func Covers(live, wanted any) (bool, error) { return compare(live, wanted, func(_, _ any) {}) }

// Settled is Covers for an object from the cache, which drops the containers of a
// Deployment's template that is too large. No template is without containers. Of such a
// one only the hash tells whether it is the wanted one, and the rest is compared.
func Settled(live, wanted any) (bool, error) {
	return compare(live, wanted, func(live, wanted any) {
		template := field(field(live, "spec"), "template")
		if template != nil && field(field(template, "spec"), "containers") == nil {
			if spec, ok := field(wanted, "spec").(map[string]any); ok {
				delete(spec, "template")
			}
		}
	})
}

// field is a field of a decoded object; nil if there is none.
func field(object any, name string) any {
	fields, _ := object.(map[string]any)
	return fields[name]
}

// compare compares two objects after their decoded forms were prepared for it.
func compare(live, wanted any, prepare func(live, wanted any)) (bool, error) {
	liveTree, err := tree(live)
	if err != nil {
		return false, err
	}
	wantedTree, err := tree(wanted)
	if err != nil {
		return false, err
	}
	prepare(liveTree, wantedTree)
	if fields, ok := wantedTree.(map[string]any); ok {
		// Objects from a cache do not carry their own kind.
		delete(fields, "kind")
		delete(fields, "apiVersion")
	}
	var c comparison
	return c.covers("", liveTree, wantedTree), nil
}

func tree(object any) (any, error) {
	document, err := json.Marshal(object)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", object, err)
	}
	var out any
	if err := json.Unmarshal(document, &out); err != nil {
		return nil, fmt.Errorf("decode %T: %w", object, err)
	}
	return out, nil
}

// comparison compares one live object with what is wanted of it.
type comparison struct {
	// steps counts the values that were compared.
	steps int
}

// covers compares one field.
func (c *comparison) covers(field string, live, wanted any) bool {
	c.steps++
	switch wanted := wanted.(type) {
	case map[string]any:
		liveMap, ok := live.(map[string]any)
		if !ok {
			// An empty object and an absent one are the same to the API server.
			return live == nil && len(wanted) == 0
		}
		for key, value := range wanted {
			if !c.covers(key, liveMap[key], value) {
				return false
			}
		}
		return true
	case []any:
		liveList, ok := live.([]any)
		if !ok {
			return live == nil && len(wanted) == 0
		}
		return c.coversList(field, liveList, wanted)
	}
	return reflect.DeepEqual(live, wanted)
}

func (c *comparison) coversList(field string, live, wanted []any) bool {
	if len(wanted) > 0 && !isObject(wanted[0]) {
		c.steps += min(len(live), len(wanted))
		return reflect.DeepEqual(live, wanted)
	}
	if keys, keyed := mergeKeys[field]; keyed {
		return c.coversByKey(keys, live, wanted)
	}
	// Each live element is compared once: what comes first is found first.
	for len(wanted) > 0 && len(live) >= len(wanted) {
		if c.covers("", live[0], wanted[0]) {
			wanted = wanted[1:]
		}
		live = live[1:]
	}
	return len(wanted) == 0
}

// coversByKey compares each wanted element with the live one of its key alone.
func (c *comparison) coversByKey(keys []string, live, wanted []any) bool {
	index := make(map[identity]any, len(live))
	for _, element := range live {
		c.steps++
		index[identityOf(keys, element)] = element
	}
	for _, element := range wanted {
		candidate, found := index[identityOf(keys, element)]
		if !found || !c.covers("", candidate, element) {
			return false
		}
	}
	return true
}

func isObject(value any) bool {
	_, ok := value.(map[string]any)
	return ok
}

// identity is the values of an element's merge keys. No list has more than two.
type identity [2]any

func identityOf(keys []string, element any) identity {
	fields, _ := element.(map[string]any)
	var out identity
	for i, key := range keys {
		switch value := fields[key].(type) {
		case string, float64:
			out[i] = value
		default:
			out[i] = keyDefaults[key]
		}
	}
	return out
}
