// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package phpvalue

import (
	"fmt"

	"github.com/VKCOM/php-parser/pkg/ast"
	"github.com/VKCOM/php-parser/pkg/position"
	"github.com/VKCOM/php-parser/pkg/visitor"
	"github.com/VKCOM/php-parser/pkg/visitor/traverser"
)

// returns are the places of return statements, and of functions, whose returns are
// their own.
type returns struct {
	visitor.Null
	found, functions []*position.Position
}

// StmtReturn is return ...;
func (r *returns) StmtReturn(n *ast.StmtReturn) { r.found = append(r.found, n.Position) }

// ExprClosure is function () { ... }.
func (r *returns) ExprClosure(n *ast.ExprClosure) { r.functions = append(r.functions, n.Position) }

// StmtFunction is function name() { ... }.
func (r *returns) StmtFunction(n *ast.StmtFunction) { r.functions = append(r.functions, n.Position) }

// StmtClassMethod is a function of a class.
func (r *returns) StmtClassMethod(n *ast.StmtClassMethod) {
	r.functions = append(r.functions, n.Position)
}

// mayReturn tells whether the file may end in a statement that is not run here.
func mayReturn(statement ast.Vertex) bool {
	r := &returns{}
	traverser.NewTraverser(r).Traverse(statement)
	for _, at := range r.found {
		own := false
		for _, function := range r.functions {
			own = own || function.StartPos <= at.StartPos && at.EndPos <= function.EndPos
		}
		if !own {
			return true
		}
	}
	return false
}

// handed makes the variables unknown that are handed to a function which may take them
// by reference, as array_shift() does.
func (e *evaluator) handed(arguments []ast.Vertex, to string, line int) {
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
				e.variables[name] = unknown(fmt.Sprintf("the call of %s in line %d may change it, which only PHP can work out", to, line))
			}
		}
	}
}
