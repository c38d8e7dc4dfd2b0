// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// mergeKeys holds the lists of a workload whose elements server-side apply merges by
// keys, and these keys. Every other list of objects belongs to its manager as a whole.
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

// keyDefaults holds the values that the API server uses for absent keys.
var keyDefaults = map[string]any{"protocol": "TCP"}

// Covers reports whether a live object has everything that an apply configuration asks
// for, so that applying it would change nothing. Additional fields that other managers
// have set are ignored. An element of a list with merge keys may stand anywhere in the
// live list. The elements of any other list of objects must stand in the wanted order,
// and other managers may have added elements.
//
// Covers does not notice a field that is no longer wanted. The hash in
// AnnotationAppliedHash, which is part of the wanted object, shows that.
//
// The cost grows with the sum of both objects' sizes and not with their product,
// because a user writes one object and can reorder the other.
func Covers(live, wanted any) (bool, error) { return compare(live, wanted, func(_, _ any) {}) }

// Settled is Covers for an object from the cache. The cache drops the containers of a
// Deployment's template that is too large, and no other template is without containers.
// For such a template only the hash shows whether it is the wanted one, and the rest of
// the object is compared.
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

// field returns a field of a decoded object; nil if there is none.
func field(object any, name string) any {
	fields, _ := object.(map[string]any)
	return fields[name]
}

// compare compares two objects after prepare has changed their decoded forms.
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

// comparison compares one live object with the wanted object.
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
	// Each live element is compared once, because the elements are found in order.
	for len(wanted) > 0 && len(live) >= len(wanted) {
		if c.covers("", live[0], wanted[0]) {
			wanted = wanted[1:]
		}
		live = live[1:]
	}
	return len(wanted) == 0
}

// coversByKey compares each wanted element only with the live element of the same key.
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

// identity holds the values of an element's merge keys. No list has more than two keys.
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
