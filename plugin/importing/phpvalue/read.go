// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package phpvalue

import (
	"fmt"
	"slices"
	"strings"

	"github.com/VKCOM/php-parser/pkg/ast"
	"github.com/VKCOM/php-parser/pkg/conf"
	phperrors "github.com/VKCOM/php-parser/pkg/errors"
	"github.com/VKCOM/php-parser/pkg/parser"
	"github.com/VKCOM/php-parser/pkg/version"
	"github.com/VKCOM/php-parser/pkg/visitor"

	"queueworker.dev/queueworker/plugin/importing/budget"
)

// SyntaxError is the error for a file that is no PHP.
type SyntaxError struct {
	Line    int
	Message string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Message) }

const (
	// maxDepth is the maximum nesting of expressions.
	maxDepth = 200
	// itemSize is how many bytes are paid for each item of an array: its key, its value
	// and its place in the index.
	itemSize = 240
	// maxText is the maximum length of a text that is joined from parts.
	maxText = 64 << 10
)

// BoundError is the error for a file that needs more than the import's budget.
type BoundError struct {
	// Line is the line where the budget was spent; 0 if it is unknown.
	Line int
	Err  error
}

func (e *BoundError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

func (e *BoundError) Unwrap() error { return e.Err }

// Read works out what a PHP file returns. environment holds the variables that env()
// knows; for other variables, env() returns its default. Read pays from left; if that is
// not enough, the error is a *BoundError.
func Read(source []byte, environment map[string]string, left *budget.Budget) (value Value, err error) {
	root, err := parse(source)
	if err != nil {
		return Value{}, err
	}
	e := &evaluator{environment: environment, variables: map[string]Value{}, constants: map[string]Value{}, left: left}
	e.statements(root.Stmts)
	if err := left.Err(); err != nil {
		return Value{}, &BoundError{Line: e.line, Err: err}
	}
	if e.returned == nil {
		return Value{}, &SyntaxError{Line: 1, Message: "the file returns nothing that can be read; a configuration file ends with return [...]"}
	}
	if len(e.gaps) > 0 && e.returned.Kind == List {
		value := *e.returned
		value.Array = value.Array.Clone()
		value.Array.Gaps = append(e.gaps, value.Array.Gaps...)
		return value, nil
	}
	return *e.returned, nil
}

// parse parses the file as PHP 8. If the library panics on a file, parse refuses the file
// as no PHP.
func parse(source []byte) (root *ast.Root, err error) {
	defer func() {
		if problem := recover(); problem != nil {
			root, err = nil, &SyntaxError{Line: 1, Message: "the file cannot be read as PHP"}
		}
	}()
	var first *phperrors.Error
	// The library never stops reading a text whose last character is <.
	source = append(slices.Clone(source), '\n')
	parsed, err := parser.Parse(source, conf.Config{
		Version: &version.Version{Major: 8, Minor: 1},
		ErrorHandlerFunc: func(e *phperrors.Error) {
			if first == nil {
				first = e
			}
		},
	})
	if err != nil {
		return nil, fmt.Errorf("parse PHP: %w", err)
	}
	if first != nil {
		line := 1
		if first.Pos != nil {
			line = first.Pos.StartLine
		}
		return nil, &SyntaxError{Line: line, Message: first.Msg}
	}
	root, ok := parsed.(*ast.Root)
	if !ok || root == nil {
		return nil, &SyntaxError{Line: 1, Message: "the file cannot be read as PHP"}
	}
	return root, nil
}

// evaluator works out values. It visits one node at a time; each method sets out.
type evaluator struct {
	visitor.Null
	environment map[string]string
	variables   map[string]Value
	constants   map[string]Value
	returned    *Value
	// gaps says what else the file may return.
	gaps []string
	// out is the value of the last node visited.
	out   Value
	depth int
	// line is the line of the present expression.
	line int
	left *budget.Budget
}

// pay pays for n items of arrays, or for anything as large. ok is false if the budget is
// spent. Then the evaluation stops, so the caller may return any value.
func (e *evaluator) pay(n int) (ok bool) {
	return e.left.Steps(n) == nil && e.left.Bytes(n*itemSize) == nil
}

// spent returns the value of an expression that the budget was not enough for.
func spent() Value { return unknown("it is too large") }

// eval returns the value of an expression.
func (e *evaluator) eval(node ast.Vertex) Value {
	if node == nil {
		return Value{}
	}
	if e.left.Err() != nil {
		return spent()
	}
	if line := lineOf(node); line > 0 {
		e.line = line
	}
	if e.left.Steps(1) != nil {
		return spent()
	}
	if e.depth++; e.depth > maxDepth {
		e.depth--
		return unknown("it is too deep")
	}
	e.out = unknown("only PHP can work it out")
	node.Accept(e)
	e.depth--
	out := e.out
	if e.left.Bytes(len(out.Text)) != nil {
		return spent()
	}
	if out.Line == 0 {
		out.Line = lineOf(node)
	}
	return out
}

func lineOf(node ast.Vertex) int {
	if at := node.GetPosition(); at != nil {
		return at.StartLine
	}
	return 0
}

// statements evaluates statements that only set variables and return.
func (e *evaluator) statements(list []ast.Vertex) {
	for _, statement := range list {
		if e.returned != nil || e.left.Err() != nil {
			return
		}
		e.statement(statement)
	}
}

func (e *evaluator) statement(node ast.Vertex) {
	switch s := node.(type) {
	case *ast.StmtReturn:
		value := e.eval(s.Expr)
		e.returned = &value
	case *ast.StmtNamespace:
		e.statements(s.Stmts)
	case *ast.StmtExpression:
		value := e.eval(s.Expr)
		if _, ok := s.Expr.(*ast.ExprAssign); !ok && value.Kind == Unknown {
			e.forget(fmt.Sprintf("the statement in line %d may change it, which only PHP can work out", lineOf(node)))
		}
	case *ast.StmtConstList:
		for _, c := range s.Consts {
			if constant, ok := c.(*ast.StmtConstant); ok {
				e.constants[identifier(constant.Name)] = e.eval(constant.Expr)
			}
		}
	case *ast.StmtUseList, *ast.StmtGroupUseList, *ast.StmtFunction, *ast.StmtClass, *ast.StmtNop, *ast.StmtInlineHtml, *ast.StmtDeclare:
		// These statements set nothing.
	default:
		e.forget(fmt.Sprintf("the statement in line %d may change it, which only PHP can work out", lineOf(node)))
		if mayReturn(node) {
			e.gaps = append(e.gaps, fmt.Sprintf("the statement in line %d may return something else, which only PHP can work out", lineOf(node)))
		}
	}
}

// forget makes every variable unknown.
func (e *evaluator) forget(why string) {
	if e.left.Steps(len(e.variables)) != nil {
		return
	}
	for name := range e.variables {
		e.variables[name] = unknown(why)
	}
}

// identifier returns a name as the file has it.
func identifier(node ast.Vertex) string {
	switch n := node.(type) {
	case *ast.Identifier:
		return string(n.Value)
	case *ast.Name:
		return joined(n.Parts)
	case *ast.NameFullyQualified:
		return joined(n.Parts)
	case *ast.NameRelative:
		return joined(n.Parts)
	}
	return ""
}

func joined(parts []ast.Vertex) string {
	words := make([]string, 0, len(parts))
	for _, part := range parts {
		if p, ok := part.(*ast.NamePart); ok {
			words = append(words, string(p.Value))
		}
	}
	return strings.Join(words, `\`)
}
