// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package phpvalue

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/VKCOM/php-parser/pkg/ast"
	"github.com/VKCOM/php-parser/pkg/position"
	"github.com/VKCOM/php-parser/pkg/visitor"
	"github.com/VKCOM/php-parser/pkg/visitor/traverser"
)

// returns collects the places of return statements, and of functions, whose return
// statements do not count.
type returns struct {
	visitor.Null
	found, functions []*position.Position
}

// StmtReturn visits return ...;
func (r *returns) StmtReturn(n *ast.StmtReturn) { r.found = append(r.found, n.Position) }

// ExprClosure visits function () { ... }.
func (r *returns) ExprClosure(n *ast.ExprClosure) { r.functions = append(r.functions, n.Position) }

// StmtFunction visits function name() { ... }.
func (r *returns) StmtFunction(n *ast.StmtFunction) { r.functions = append(r.functions, n.Position) }

// StmtClassMethod visits a function of a class.
func (r *returns) StmtClassMethod(n *ast.StmtClassMethod) {
	r.functions = append(r.functions, n.Position)
}

// mayReturn reports whether a statement that is not evaluated here may end the file with
// a return.
func mayReturn(statement ast.Vertex) bool {
	r := &returns{}
	traverser.NewTraverser(r).Traverse(statement)
	// Functions are either nested or apart. So a return statement is inside a function if
	// any function that begins before it ends after it.
	begin := func(a, b *position.Position) int { return cmp.Compare(a.StartPos, b.StartPos) }
	slices.SortFunc(r.found, begin)
	slices.SortFunc(r.functions, begin)
	end, next := 0, 0
	for _, at := range r.found {
		for ; next < len(r.functions) && r.functions[next].StartPos <= at.StartPos; next++ {
			end = max(end, r.functions[next].EndPos)
		}
		if at.EndPos > end {
			return true
		}
	}
	return false
}

// handed makes variables unknown that are passed to a function, because it may take them
// by reference, as array_shift() does.
func (e *evaluator) handed(arguments []ast.Vertex, to string, line int) {
	why := fmt.Sprintf("the call of %s in line %d may change it, which only PHP can work out", to, line)
	for _, node := range arguments {
		argument, ok := node.(*ast.Argument)
		if !ok {
			continue
		}
		target := argument.Expr
		for {
			item, ok := target.(*ast.ExprArrayDimFetch)
			if !ok {
				break
			}
			target = item.Var
		}
		if variable, ok := target.(*ast.ExprVariable); ok {
			if name := identifier(variable.Name); e.variables[name].Kind != Unknown {
				e.variables[name] = unknown(why)
			}
		}
	}
}
