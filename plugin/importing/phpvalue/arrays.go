// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package phpvalue

import "strings"

// arrays returns a function that combines arrays, one after the other.
func arrays(combine func(e *evaluator, into, from *Array)) func(*evaluator, []Value) Value {
	return func(e *evaluator, arguments []Value) Value {
		out := &Array{}
		for i, argument := range arguments {
			if argument.Kind != List {
				return unknown("it puts together what are no arrays")
			}
			if i == 0 {
				if e.left -= len(argument.Array.Items); e.left < 0 {
					return unknown("it is too large")
				}
			}
			combine(e, out, argument.Array)
		}
		return list(out)
	}
}

// replace sets items under their keys; if recursive, it also merges arrays that are in
// both.
func (e *evaluator) replace(into, from *Array, recursive bool) {
	into.Gaps = append(into.Gaps, from.Gaps...)
	for _, item := range from.Items {
		if e.left--; e.left < 0 {
			into.Gaps = append(into.Gaps, "it is too large")
			return
		}
		before, has := into.Get(item.Key)
		if recursive && has && before.Kind == List && item.Value.Kind == List {
			merged := before.Array.Clone()
			if e.left -= len(merged.Items); e.left < 0 {
				return
			}
			e.replace(merged, item.Value.Array, true)
			value := list(merged).assuming(before, item.Value)
			value.Line = item.Value.Line
			into.Set(item.Key, value)
			continue
		}
		into.Set(item.Key, item.Value)
	}
}

// ReplaceRecursive implements PHP's array_replace_recursive for two arrays.
func ReplaceRecursive(base, over *Array) *Array {
	e := &evaluator{left: maxItems}
	out := base.Clone()
	e.replace(out, over, true)
	return out
}

func (e *evaluator) arrayValues(arguments []Value) Value {
	if arguments[0].Kind != List {
		return unknown("it takes the values of what is no array")
	}
	out := &Array{Gaps: arguments[0].Array.Gaps}
	for _, item := range arguments[0].Array.Items {
		out.Append(item.Value)
	}
	return e.sized(out)
}

// arrayFilter implements array_filter without a callback: it keeps what PHP considers
// true.
func (e *evaluator) arrayFilter(arguments []Value) Value {
	if arguments[0].Kind != List || len(arguments) > 1 {
		return unknown("it filters with a closure, which only PHP can call")
	}
	out := &Array{Gaps: arguments[0].Array.Gaps}
	for _, item := range arguments[0].Array.Items {
		if item.Value.Kind == Unknown || item.Value.True() {
			out.Set(item.Key, item.Value)
		}
	}
	return e.sized(out)
}

func (e *evaluator) arrayUnique(arguments []Value) Value {
	if arguments[0].Kind != List {
		return unknown("it takes the values of what is no array")
	}
	out, seen := &Array{Gaps: arguments[0].Array.Gaps}, map[string]bool{}
	for _, item := range arguments[0].Array.Items {
		shown, ok := item.Value.AsText()
		if ok && seen[shown] {
			continue
		}
		seen[shown] = seen[shown] || ok
		out.Set(item.Key, item.Value)
	}
	return e.sized(out)
}

func (e *evaluator) explode(arguments []Value) Value {
	separator, ok := arguments[0].AsText()
	given, ok2 := arguments[1].AsText()
	if !ok || !ok2 || separator == "" || len(arguments) > 2 {
		return unknown("only PHP can work it out")
	}
	out := &Array{}
	for piece := range strings.SplitSeq(given, separator) {
		out.Append(text(piece))
	}
	return e.sized(out)
}

func (e *evaluator) implode(arguments []Value) Value {
	separator, ok := arguments[0].AsText()
	if !ok || arguments[1].Kind != List || len(arguments[1].Array.Gaps) > 0 {
		return unknown("only PHP can work it out")
	}
	var pieces []Value
	for i, item := range arguments[1].Array.Items {
		if i > 0 {
			pieces = append(pieces, text(separator))
		}
		pieces = append(pieces, item.Value)
	}
	return join(pieces)
}

// sized returns an array, unless all arrays together have become too large.
func (e *evaluator) sized(array *Array) Value {
	if e.left -= len(array.Items); e.left < 0 {
		return unknown("it is too large")
	}
	return list(array)
}
