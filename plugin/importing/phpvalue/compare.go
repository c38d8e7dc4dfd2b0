// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package phpvalue

import (
	"math"

	"github.com/VKCOM/php-parser/pkg/ast"
)

// cast converts a value if it is known.
func (e *evaluator) cast(node ast.Vertex, to func(Value) Value) {
	value := e.eval(node)
	if value.Kind == Unknown {
		e.out = value
		return
	}
	e.out = e.assuming(to(value), value)
}

// ExprCastInt evaluates (int) a.
func (e *evaluator) ExprCastInt(n *ast.ExprCastInt) { e.cast(n.Expr, toInteger) }

// ExprCastDouble evaluates (float) a.
func (e *evaluator) ExprCastDouble(n *ast.ExprCastDouble) { e.cast(n.Expr, toFloat) }

// ExprCastBool evaluates (bool) a.
func (e *evaluator) ExprCastBool(n *ast.ExprCastBool) { e.cast(n.Expr, toBoolean) }

// ExprCastString evaluates (string) a.
func (e *evaluator) ExprCastString(n *ast.ExprCastString) { e.cast(n.Expr, e.toText) }

// ExprCastArray evaluates (array) a.
func (e *evaluator) ExprCastArray(n *ast.ExprCastArray) {
	e.cast(n.Expr, func(v Value) Value {
		if v.Kind == List {
			return v
		}
		array := &Array{}
		if v.Kind != Null {
			array.Append(v)
		}
		return list(array)
	})
}

func toInteger(v Value) Value { return integer(v.number().Int) }

func toFloat(v Value) Value { return decimal(v.number().Float) }

func toBoolean(v Value) Value { return boolean(v.True()) }

func (e *evaluator) toText(v Value) Value { return e.join([]Value{v}) }

// identical implements a === b. For arrays the result is unknown, because configuration
// files rarely compare them.
func identical(a, b Value) Value {
	switch {
	case a.Kind == Unknown:
		return a
	case b.Kind == Unknown:
		return b
	case a.Kind == List || b.Kind == List:
		return unknown("it compares arrays")
	}
	left, _ := a.AsText()
	right, _ := b.AsText()
	return boolean(a.Kind == b.Kind && left == right)
}

// equal implements a == b, for values of the same kind and for numbers.
func equal(a, b Value) Value {
	switch {
	case a.Kind == b.Kind && a.Kind != String:
		return identical(a, b)
	case byTruth(a, b) || byTruth(b, a):
		return boolean(a.True() == b.True())
	case a.Kind == List || b.Kind == List:
		return boolean(false)
	case numeric(a) && numeric(b):
		return boolean(a.number().Float == b.number().Float)
	}
	left, _ := a.AsText()
	right, _ := b.AsText()
	return boolean(left == right)
}

// byTruth reports whether PHP compares two values as booleans because of the first value.
func byTruth(a, b Value) bool {
	return a.Kind == Bool || a.Kind == Null && b.Kind != String
}

// numeric reports whether PHP compares the value as a number.
func numeric(v Value) bool {
	switch v.Kind {
	case Int, Float:
		return true
	case String:
		return v.Text != "" && leadingNumber(v.Text) == v.Text
	default:
		return false
	}
}

func not(operator func(a, b Value) Value) func(a, b Value) Value {
	return func(a, b Value) Value {
		value := operator(a, b)
		if value.Kind == Bool {
			value.Bool = !value.Bool
		}
		return value
	}
}

// ordered compares numbers only.
func ordered(holds func(a, b float64) bool) func(a, b Value) Value {
	return func(a, b Value) Value {
		if !numeric(a) || !numeric(b) {
			return unknown("it compares values that are no numbers")
		}
		return boolean(holds(a.number().Float, b.number().Float))
	}
}

// ExprBinaryIdentical evaluates a === b.
func (e *evaluator) ExprBinaryIdentical(n *ast.ExprBinaryIdentical) {
	e.both(n.Left, n.Right, identical)
}

// ExprBinaryNotIdentical evaluates a !== b.
func (e *evaluator) ExprBinaryNotIdentical(n *ast.ExprBinaryNotIdentical) {
	e.both(n.Left, n.Right, not(identical))
}

// ExprBinaryEqual evaluates a == b.
func (e *evaluator) ExprBinaryEqual(n *ast.ExprBinaryEqual) { e.both(n.Left, n.Right, equal) }

// ExprBinaryNotEqual evaluates a != b.
func (e *evaluator) ExprBinaryNotEqual(n *ast.ExprBinaryNotEqual) {
	e.both(n.Left, n.Right, not(equal))
}

// ExprBinaryGreater evaluates a > b.
func (e *evaluator) ExprBinaryGreater(n *ast.ExprBinaryGreater) {
	e.both(n.Left, n.Right, ordered(func(a, b float64) bool { return a > b }))
}

// ExprBinaryGreaterOrEqual evaluates a >= b.
func (e *evaluator) ExprBinaryGreaterOrEqual(n *ast.ExprBinaryGreaterOrEqual) {
	e.both(n.Left, n.Right, ordered(func(a, b float64) bool { return a >= b }))
}

// ExprBinarySmaller evaluates a < b.
func (e *evaluator) ExprBinarySmaller(n *ast.ExprBinarySmaller) {
	e.both(n.Left, n.Right, ordered(func(a, b float64) bool { return a < b }))
}

// ExprBinarySmallerOrEqual evaluates a <= b.
func (e *evaluator) ExprBinarySmallerOrEqual(n *ast.ExprBinarySmallerOrEqual) {
	e.both(n.Left, n.Right, ordered(func(a, b float64) bool { return a <= b }))
}

// ExprBinaryBooleanAnd evaluates a && b.
func (e *evaluator) ExprBinaryBooleanAnd(n *ast.ExprBinaryBooleanAnd) {
	e.both(n.Left, n.Right, func(a, b Value) Value { return boolean(a.True() && b.True()) })
}

// ExprBinaryBooleanOr evaluates a || b.
func (e *evaluator) ExprBinaryBooleanOr(n *ast.ExprBinaryBooleanOr) {
	e.both(n.Left, n.Right, func(a, b Value) Value { return boolean(a.True() || b.True()) })
}

// ExprBinaryMod evaluates a % b.
func (e *evaluator) ExprBinaryMod(n *ast.ExprBinaryMod) {
	e.both(n.Left, n.Right, func(a, b Value) Value {
		x, y := a.number().Int, b.number().Int
		if y == 0 || y == -1 && x == math.MinInt64 {
			return unknown("it divides by zero")
		}
		return integer(x % y)
	})
}
