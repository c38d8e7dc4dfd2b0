// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package phpvalue

import (
	"math"
	"slices"

	"github.com/VKCOM/php-parser/pkg/ast"
)

// ExprBrackets evaluates an expression in parentheses.
func (e *evaluator) ExprBrackets(n *ast.ExprBrackets) { e.out = e.eval(n.Expr) }

// ExprAssign sets a variable, or an item of a variable.
func (e *evaluator) ExprAssign(n *ast.ExprAssign) {
	value := e.eval(n.Expr)
	e.assign(n.Var, value)
	e.out = value
}

func (e *evaluator) assign(to ast.Vertex, value Value) {
	switch target := to.(type) {
	case *ast.ExprVariable:
		e.variables[identifier(target.Name)] = value
	case *ast.ExprArrayDimFetch:
		e.assignItem(target, value)
	default:
		e.forget("a part of it is set in a way that only PHP can work out")
	}
}

// place is the key of an item that is set. open reports whether there is no key, as in
// $array[], which adds an item at the end.
type place struct {
	key  Value
	open bool
}

// assignItem sets $variable[key][key]... . It evaluates each key once, from left to
// right.
func (e *evaluator) assignItem(target *ast.ExprArrayDimFetch, value Value) {
	var dimensions []ast.Vertex
	var root ast.Vertex = target
	for item, ok := root.(*ast.ExprArrayDimFetch); ok; item, ok = root.(*ast.ExprArrayDimFetch) {
		dimensions = append(dimensions, item.Dim)
		root = item.Var
	}
	variable, ok := root.(*ast.ExprVariable)
	if !ok {
		e.forget("a part of it is set in a way that only PHP can work out")
		return
	}
	name := identifier(variable.Name)
	if len(dimensions) > maxDepth {
		e.variables[name] = unknown("it is too deep")
		return
	}
	places := make([]place, 0, len(dimensions))
	for _, dimension := range slices.Backward(dimensions) {
		places = append(places, place{key: e.eval(dimension), open: dimension == nil})
	}
	e.variables[name] = e.withItem(e.eval(variable), places, value)
}

// withItem returns a copy of an array with one item set, which may be in an array inside
// it.
func (e *evaluator) withItem(array Value, at []place, value Value) Value {
	if len(at) > 1 {
		value = e.withItem(e.item(array, at[0].key), at[1:], value)
	}
	if array.Kind != List {
		return unknown("it sets an item of an array that is not known")
	}
	changed := e.clone(array.Array)
	if !e.pay(1) {
		return spent()
	}
	if at[0].open {
		changed.Append(value)
		return e.assuming(list(changed), array)
	}
	key, ok := at[0].key.key()
	if !ok {
		return unknown("it sets an item whose key is not known")
	}
	changed.Set(key, value)
	return e.assuming(list(changed), array)
}

// ExprArrayDimFetch evaluates $array[key].
func (e *evaluator) ExprArrayDimFetch(n *ast.ExprArrayDimFetch) {
	array := e.eval(n.Var)
	e.out = e.item(array, e.eval(n.Dim))
}

// item returns an item of an array.
func (e *evaluator) item(array, at Value) Value {
	key, ok := at.key()
	switch {
	case array.Kind == Unknown:
		return array
	case array.Kind != List || !ok:
		return unknown("it is an item of an array that is not known")
	}
	value, found := array.Array.Get(key)
	if !found && len(array.Array.Gaps) > 0 {
		value = unknown(array.Array.Gaps[0])
	}
	return e.assuming(value, array, at)
}

// ExprTernary evaluates a ? b : c, and a ?: c.
func (e *evaluator) ExprTernary(n *ast.ExprTernary) {
	condition := e.eval(n.Cond)
	switch {
	case condition.Kind == Unknown:
		e.out = condition
	case !condition.True():
		e.out = e.assuming(e.eval(n.IfFalse), condition)
	case n.IfTrue == nil:
		e.out = condition
	default:
		e.out = e.assuming(e.eval(n.IfTrue), condition)
	}
}

// ExprMatch evaluates match (value) { ... }.
func (e *evaluator) ExprMatch(n *ast.ExprMatch) {
	subject := e.eval(n.Expr)
	for _, node := range n.Arms {
		arm, ok := node.(*ast.MatchArm)
		if !ok {
			continue
		}
		for _, candidate := range arm.Exprs {
			same := identical(subject, e.eval(candidate))
			if same.Kind == Unknown {
				e.out = same
				return
			}
			if same.Bool {
				e.out = e.assuming(e.eval(arm.ReturnExpr), subject)
				return
			}
		}
	}
	e.out = unknown("no arm of its match fits")
	for _, node := range n.Arms {
		if arm, ok := node.(*ast.MatchArm); ok && arm.DefaultTkn != nil {
			e.out = e.assuming(e.eval(arm.ReturnExpr), subject)
		}
	}
}

// ExprBinaryCoalesce evaluates a ?? b.
func (e *evaluator) ExprBinaryCoalesce(n *ast.ExprBinaryCoalesce) {
	left := e.eval(n.Left)
	if left.Kind == Null {
		left = e.assuming(e.eval(n.Right), left)
	}
	e.out = left
}

// ExprBinaryConcat evaluates a . b.
func (e *evaluator) ExprBinaryConcat(n *ast.ExprBinaryConcat) {
	e.out = e.join([]Value{e.eval(n.Left), e.eval(n.Right)})
}

// both evaluates an operator if both of its operands are known.
func (e *evaluator) both(left, right ast.Vertex, operator func(a, b Value) Value) {
	a := e.eval(left)
	b := e.eval(right)
	switch {
	case a.Kind == Unknown:
		e.out = a
	case b.Kind == Unknown:
		e.out = b
	default:
		e.out = e.assuming(operator(a, b), a, b)
	}
}

// arithmetic implements an operator on numbers. The result is whole if both numbers are
// whole and the result is exact.
func arithmetic(whole func(a, b float64) float64) func(a, b Value) Value {
	return func(a, b Value) Value {
		if a.Kind == List || b.Kind == List {
			return unknown("it calculates with arrays")
		}
		x, y := a.number(), b.number()
		result := whole(x.Float, y.Float)
		exact := result == math.Trunc(result) && math.Abs(result) < 1<<53
		if x.Kind == Int && y.Kind == Int && exact {
			return integer(int64(result))
		}
		return decimal(result)
	}
}

// ExprBinaryPlus evaluates a + b, which for arrays adds the missing keys.
func (e *evaluator) ExprBinaryPlus(n *ast.ExprBinaryPlus) {
	e.both(n.Left, n.Right, func(a, b Value) Value {
		if a.Kind != List || b.Kind != List {
			return arithmetic(func(x, y float64) float64 { return x + y })(a, b)
		}
		sum := e.clone(a.Array)
		if !e.pay(b.Array.size()) {
			return spent()
		}
		sum.Gaps = append(sum.Gaps, b.Array.Gaps...)
		for _, item := range b.Array.Items {
			if _, has := sum.Get(item.Key); !has {
				sum.Set(item.Key, item.Value)
			}
		}
		return list(sum)
	})
}

// ExprBinaryMinus evaluates a - b.
func (e *evaluator) ExprBinaryMinus(n *ast.ExprBinaryMinus) {
	e.both(n.Left, n.Right, arithmetic(func(x, y float64) float64 { return x - y }))
}

// ExprBinaryMul evaluates a * b.
func (e *evaluator) ExprBinaryMul(n *ast.ExprBinaryMul) {
	e.both(n.Left, n.Right, arithmetic(func(x, y float64) float64 { return x * y }))
}

// ExprBinaryDiv evaluates a / b.
func (e *evaluator) ExprBinaryDiv(n *ast.ExprBinaryDiv) {
	e.both(n.Left, n.Right, func(a, b Value) Value {
		if b.number().Float == 0 {
			return unknown("it divides by zero")
		}
		return arithmetic(func(x, y float64) float64 { return x / y })(a, b)
	})
}

// ExprUnaryMinus evaluates -a.
func (e *evaluator) ExprUnaryMinus(n *ast.ExprUnaryMinus) {
	if value := e.eval(n.Expr); value.Kind == Unknown {
		e.out = value
	} else {
		e.out = e.assuming(arithmetic(func(x, y float64) float64 { return x - y })(integer(0), value), value)
	}
}

// ExprUnaryPlus evaluates +a.
func (e *evaluator) ExprUnaryPlus(n *ast.ExprUnaryPlus) { e.cast(n.Expr, Value.number) }

// ExprBooleanNot evaluates !a.
func (e *evaluator) ExprBooleanNot(n *ast.ExprBooleanNot) {
	e.cast(n.Expr, func(v Value) Value { return boolean(!v.True()) })
}
