// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package desired

import (
	"encoding/json"
	"fmt"
	"reflect"
)

// Covers tells whether a live object has everything that an apply configuration
// asks for, so that applying it would change nothing. What others have set
// besides is left alone. An element of a list of objects may stand anywhere in
// the live list, since such lists are merged by key and others may add to them.
//
// A field that is no longer asked for is not noticed here, but by the hash in
// AnnotationAppliedHash, which is part of what is asked for.
func Covers(live, wanted any) (bool, error) {
	liveTree, err := tree(live)
	if err != nil {
		return false, err
	}
	wantedTree, err := tree(wanted)
	if err != nil {
		return false, err
	}
	if fields, ok := wantedTree.(map[string]any); ok {
		// Objects from a cache do not carry their own kind.
		delete(fields, "kind")
		delete(fields, "apiVersion")
	}
	return covers(liveTree, wantedTree), nil
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

func covers(live, wanted any) bool {
	switch wanted := wanted.(type) {
	case map[string]any:
		liveMap, ok := live.(map[string]any)
		if !ok {
			// An empty object and an absent one are the same to the API server.
			return live == nil && len(wanted) == 0
		}
		for key, value := range wanted {
			if !covers(liveMap[key], value) {
				return false
			}
		}
		return true
	case []any:
		liveList, ok := live.([]any)
		if !ok {
			return live == nil && len(wanted) == 0
		}
		return coversList(liveList, wanted)
	}
	return reflect.DeepEqual(live, wanted)
}

func coversList(live, wanted []any) bool {
	for _, element := range wanted {
		if _, isObject := element.(map[string]any); !isObject {
			return reflect.DeepEqual(live, wanted)
		}
		found := false
		for _, candidate := range live {
			if covers(candidate, element) {
				found = true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
