// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package phpvalue

import "slices"

// assuming adds the assumptions of other values to a value that was made from them. It
// adds each assumption once.
func (e *evaluator) assuming(v Value, others ...Value) Value {
	others = slices.DeleteFunc(slices.Clone(others), func(other Value) bool { return len(other.Assumed) == 0 })
	switch {
	case len(others) == 0:
		return v
	case len(v.Assumed) == 0 && len(others) == 1:
		v.Assumed = others[0].Assumed // no list of assumptions is ever changed
		return v
	}
	seen := make(map[string]bool, len(v.Assumed))
	var all []string
	for _, value := range append([]Value{v}, others...) {
		for _, what := range value.Assumed {
			if e.left.Steps(1) != nil || e.left.Bytes(len(what)) != nil {
				return spent()
			}
			if !seen[what] {
				seen[what] = true
				all = append(all, what)
			}
		}
	}
	v.Assumed = all
	return v
}
