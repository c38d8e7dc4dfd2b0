// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package phpvalue

import (
	"strings"

	"queueworker.dev/queueworker/plugin/importing/budget"
)

// arrays returns a function that combines arrays, one after the other.
func arrays(combine func(e *evaluator, into, from *Array)) func(*evaluator, []Value) Value {
	return func(e *evaluator, arguments []Value) Value {
		out := &Array{}
		for _, argument := range arguments {
			if argument.Kind != List {
				return unknown("it merges values that are no arrays")
			}
			combine(e, out, argument.Array)
		}
		return list(out)
	}
}

// replace sets items under their keys; if recursive, it also merges arrays that are in
// both.
func (e *evaluator) replace(into, from *Array, recursive bool) {
	if !e.pay(from.size()) {
		return
	}
	if e.depth++; e.depth > maxDepth {
		e.depth--
		into.Gaps = append(into.Gaps, "it is too deep")
		return
	}
	defer func() { e.depth-- }()
	into.Gaps = append(into.Gaps, from.Gaps...)
	for _, item := range from.Items {
		before, has := into.Get(item.Key)
		if recursive && has && before.Kind == List && item.Value.Kind == List {
			merged := e.clone(before.Array)
			e.replace(merged, item.Value.Array, true)
			value := e.assuming(list(merged), before, item.Value)
			value.Line = item.Value.Line
			into.Set(item.Key, value)
			continue
		}
		into.Set(item.Key, item.Value)
	}
}

// ReplaceRecursive implements PHP's array_replace_recursive for two arrays. It pays from
// left.
func ReplaceRecursive(base, over *Array, left *budget.Budget) (*Array, error) {
	e := &evaluator{left: left}
	out := e.clone(base)
	e.replace(out, over, true)
	return out, left.Err()
}

// size returns the number of items and gaps.
func (a *Array) size() int { return len(a.Items) + len(a.Gaps) }

// clone pays for a copy of an array and returns the copy; it is empty if the budget is
// spent.
func (e *evaluator) clone(array *Array) *Array {
	if !e.pay(array.size()) {
		return &Array{}
	}
	return array.Clone()
}

func (e *evaluator) arrayValues(arguments []Value) Value {
	if arguments[0].Kind != List {
		return unknown("it takes the values of something that is no array")
	}
	if !e.pay(arguments[0].Array.size()) {
		return spent()
	}
	out := &Array{Gaps: arguments[0].Array.Gaps}
	for _, item := range arguments[0].Array.Items {
		out.Append(item.Value)
	}
	return list(out)
}

// arrayFilter implements array_filter without a callback: it keeps what PHP considers
// true.
func (e *evaluator) arrayFilter(arguments []Value) Value {
	if arguments[0].Kind != List || len(arguments) > 1 {
		return unknown("it filters with a closure, which only PHP can call")
	}
	if !e.pay(arguments[0].Array.size()) {
		return spent()
	}
	out := &Array{Gaps: arguments[0].Array.Gaps}
	for _, item := range arguments[0].Array.Items {
		if item.Value.Kind == Unknown || item.Value.True() {
			out.Set(item.Key, item.Value)
		}
	}
	return list(out)
}

func (e *evaluator) arrayUnique(arguments []Value) Value {
	if arguments[0].Kind != List {
		return unknown("it takes the values of something that is no array")
	}
	if !e.pay(arguments[0].Array.size()) {
		return spent()
	}
	out, seen := &Array{Gaps: arguments[0].Array.Gaps}, map[string]bool{}
	for _, item := range arguments[0].Array.Items {
		shown, ok := item.Value.AsText()
		if e.left.Bytes(len(shown)) != nil {
			return spent()
		}
		if ok && seen[shown] {
			continue
		}
		seen[shown] = seen[shown] || ok
		out.Set(item.Key, item.Value)
	}
	return list(out)
}

func (e *evaluator) explode(arguments []Value) Value {
	separator, ok := arguments[0].AsText()
	given, ok2 := arguments[1].AsText()
	if !ok || !ok2 || separator == "" || len(arguments) > 2 {
		return unknown("only PHP can work it out")
	}
	if !e.pay(strings.Count(given, separator) + 1) {
		return spent()
	}
	out := &Array{}
	for piece := range strings.SplitSeq(given, separator) {
		out.Append(text(piece))
	}
	return list(out)
}

func (e *evaluator) implode(arguments []Value) Value {
	separator, ok := arguments[0].AsText()
	if !ok || arguments[1].Kind != List || len(arguments[1].Array.Gaps) > 0 {
		return unknown("only PHP can work it out")
	}
	if !e.pay(2 * len(arguments[1].Array.Items)) {
		return spent()
	}
	var pieces []Value
	for i, item := range arguments[1].Array.Items {
		if i > 0 {
			pieces = append(pieces, text(separator))
		}
		pieces = append(pieces, item.Value)
	}
	return e.join(pieces)
}
