// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package phpvalue

import (
	"strconv"
	"strings"

	"github.com/VKCOM/php-parser/pkg/ast"
)

// ScalarString evaluates a text in quotes.
func (e *evaluator) ScalarString(n *ast.ScalarString) {
	quoted := string(n.Value)
	if len(quoted) < 2 {
		e.out = text(quoted)
		return
	}
	inner := quoted[1 : len(quoted)-1]
	if quoted[0] == '\'' {
		e.out = text(strings.NewReplacer(`\\`, `\`, `\'`, `'`).Replace(inner))
		return
	}
	e.out = text(unescape(inner))
}

// escapes replaces the usual escapes; rarer ones stay as they are.
var escapes = strings.NewReplacer(`\\`, `\`, `\"`, `"`, `\$`, `$`, `\n`, "\n", `\t`, "\t", `\r`, "\r", `\0`, "\x00", `\e`, "\x1b")

func unescape(inner string) string { return escapes.Replace(inner) }

// ScalarLnumber evaluates a whole number.
func (e *evaluator) ScalarLnumber(n *ast.ScalarLnumber) {
	written := strings.ReplaceAll(string(n.Value), "_", "")
	if number, err := strconv.ParseInt(written, 0, 64); err == nil {
		e.out = integer(number)
	}
}

// ScalarDnumber evaluates a number with a fraction.
func (e *evaluator) ScalarDnumber(n *ast.ScalarDnumber) {
	if number, err := strconv.ParseFloat(strings.ReplaceAll(string(n.Value), "_", ""), 64); err == nil {
		e.out = decimal(number)
	}
}

// ScalarMagicConstant evaluates __DIR__ and similar constants.
func (e *evaluator) ScalarMagicConstant(n *ast.ScalarMagicConstant) {
	e.out = unknown(string(n.Value) + " is known only where the application runs")
}

// ScalarEncapsed evaluates a text that contains variables.
func (e *evaluator) ScalarEncapsed(n *ast.ScalarEncapsed) { e.out = e.concat(n.Parts) }

// ScalarHeredoc evaluates a text of several lines.
func (e *evaluator) ScalarHeredoc(n *ast.ScalarHeredoc) { e.out = e.concat(n.Parts) }

// ScalarEncapsedStringPart evaluates a piece of a text.
func (e *evaluator) ScalarEncapsedStringPart(n *ast.ScalarEncapsedStringPart) {
	e.out = text(unescape(string(n.Value)))
}

// ScalarEncapsedStringBrackets evaluates {$name} in a text.
func (e *evaluator) ScalarEncapsedStringBrackets(n *ast.ScalarEncapsedStringBrackets) {
	e.out = e.eval(n.Var)
}

func (e *evaluator) concat(nodes []ast.Vertex) Value {
	values := make([]Value, 0, len(nodes))
	for _, node := range nodes {
		values = append(values, e.eval(node))
	}
	return e.join(values)
}

// join joins values to a text.
func (e *evaluator) join(values []Value) Value {
	var b strings.Builder
	for _, value := range values {
		if value.Kind == Unknown {
			return value
		}
		piece, ok := value.AsText()
		if !ok {
			return unknown("an array is used as a text")
		}
		if b.WriteString(piece); b.Len() > maxText {
			return unknown("it is too long")
		}
	}
	return e.assuming(text(b.String()), values...)
}

// ExprConstFetch evaluates true, false, null, or a constant of the file.
func (e *evaluator) ExprConstFetch(n *ast.ExprConstFetch) {
	name := identifier(n.Const)
	switch strings.ToLower(name) {
	case "true":
		e.out = boolean(true)
	case "false":
		e.out = boolean(false)
	case "null":
		e.out = Value{}
	default:
		known, ok := e.constants[name]
		if !ok {
			known = unknown("the constant " + name + " is not set in this file")
		}
		e.out = known
	}
}

// ExprClassConstFetch evaluates Name::CONSTANT.
func (e *evaluator) ExprClassConstFetch(n *ast.ExprClassConstFetch) {
	class, name := identifier(n.Class), identifier(n.Const)
	if strings.EqualFold(name, "class") && class != "" {
		e.out = text(class)
		return
	}
	e.out = unknown("the constant " + class + "::" + name + " stands in another file")
}

// ExprVariable evaluates $name.
func (e *evaluator) ExprVariable(n *ast.ExprVariable) {
	name := identifier(n.Name)
	value, ok := e.variables[name]
	if !ok {
		value = unknown("the variable " + name + " is not set in this file")
	}
	e.out = value
}

// ExprArray evaluates an array.
func (e *evaluator) ExprArray(n *ast.ExprArray) {
	array := &Array{}
	var assumed []Value
	for _, node := range n.Items {
		item, ok := node.(*ast.ExprArrayItem)
		if !ok || item.Val == nil {
			continue // a comma after the last item
		}
		if !e.pay(1) {
			return
		}
		value := e.eval(item.Val)
		switch {
		case item.EllipsisTkn != nil:
			assumed = append(assumed, value)
			e.spread(array, value)
		case item.Key == nil:
			array.Append(value)
		default:
			key := e.eval(item.Key)
			if known, ok := key.key(); ok {
				array.Set(known, value)
			} else {
				e.gap(array, "a key in line "+strconv.Itoa(lineOf(item))+" is not known: "+key.Why)
			}
			assumed = append(assumed, key)
		}
	}
	e.out = e.assuming(list(array), assumed...)
}

// spread adds the items of ...$value: text keys are kept, numeric keys are not.
func (e *evaluator) spread(into *Array, value Value) {
	if value.Kind != List {
		e.gap(into, "what is spread in line "+strconv.Itoa(value.Line)+" is not known: "+value.why())
		return
	}
	e.merge(into, value.Array)
}

// gap pays for a gap and adds it. The text of a gap may contain the text of another, so
// gaps can grow.
func (e *evaluator) gap(array *Array, why string) {
	if e.pay(1) && e.left.Bytes(len(why)) == nil {
		array.Gaps = append(array.Gaps, why)
	}
}

// merge adds items as array_merge does.
func (e *evaluator) merge(into, from *Array) {
	if !e.pay(from.size()) {
		return
	}
	into.Gaps = append(into.Gaps, from.Gaps...)
	for _, item := range from.Items {
		if item.Key.IsText {
			into.Set(item.Key, item.Value)
		} else {
			into.Append(item.Value)
		}
	}
}

// why says why a value is not the array that was expected.
func (v Value) why() string {
	if v.Kind == Unknown {
		return v.Why
	}
	return "it is no array"
}
