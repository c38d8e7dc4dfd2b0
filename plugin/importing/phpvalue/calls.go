// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package phpvalue

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/VKCOM/php-parser/pkg/ast"
)

// function is a function of PHP or Laravel whose result depends only on its arguments. It
// is called only with at least as many arguments as it needs.
type function struct {
	arguments int
	call      func(e *evaluator, arguments []Value) Value
}

// functions are the functions that configuration files use.
var functions map[string]function

func init() {
	functions = map[string]function{
		"array_merge":             {0, arrays(func(e *evaluator, into, from *Array) { e.merge(into, from) })},
		"array_replace":           {1, arrays(func(e *evaluator, into, from *Array) { e.replace(into, from, false) })},
		"array_replace_recursive": {1, arrays(func(e *evaluator, into, from *Array) { e.replace(into, from, true) })},
		"array_values":            {1, (*evaluator).arrayValues},
		"array_filter":            {1, (*evaluator).arrayFilter},
		"array_unique":            {1, (*evaluator).arrayUnique},
		"explode":                 {2, (*evaluator).explode},
		"implode":                 {2, (*evaluator).implode},
		"intval":                  {1, one(toInteger)},
		"floatval":                {1, one(toFloat)},
		"boolval":                 {1, one(toBoolean)},
		"strval":                  {1, func(e *evaluator, arguments []Value) Value { return e.toText(arguments[0]) }},
		"trim":                    {1, texts(strings.TrimSpace)},
		"strtolower":              {1, texts(strings.ToLower)},
		"strtoupper":              {1, texts(strings.ToUpper)},
		"ceil":                    {1, one(func(v Value) Value { return decimal(math.Ceil(v.number().Float)) })},
		"floor":                   {1, one(func(v Value) Value { return decimal(math.Floor(v.number().Float)) })},
		"count":                   {1, one(length)},
		"max":                     {2, extreme(func(a, b float64) bool { return a > b })},
		"min":                     {2, extreme(func(a, b float64) bool { return a < b })},
		"value":                   {1, one(func(v Value) Value { return v })},
	}
}

// ExprFunctionCall evaluates name(arguments).
func (e *evaluator) ExprFunctionCall(n *ast.ExprFunctionCall) {
	name := strings.ToLower(strings.TrimPrefix(identifier(n.Function), `\`))
	if name == "" {
		e.handed(n.Args, "a closure", lineOf(n))
		e.out = unknown("it calls a closure, which only PHP can")
		return
	}
	arguments, problem := e.arguments(n.Args)
	if problem != nil {
		e.handed(n.Args, name+"()", lineOf(n))
		e.out = *problem
		return
	}
	if name == "env" {
		e.out = e.env(arguments)
		return
	}
	called, known := functions[name]
	if !known {
		e.handed(n.Args, name+"()", lineOf(n))
	}
	if !known || len(arguments) < called.arguments {
		e.out = unknown("it calls " + name + "(), which only PHP can")
		return
	}
	for _, argument := range arguments {
		if argument.Kind == Unknown {
			e.out = argument
			return
		}
	}
	e.out = e.assuming(called.call(e, arguments), arguments...)
}

// ExprStaticCall evaluates Name::method().
func (e *evaluator) ExprStaticCall(n *ast.ExprStaticCall) {
	name := identifier(n.Class) + "::" + identifier(n.Call) + "()"
	e.handed(n.Args, name, lineOf(n))
	e.out = unknown("it calls " + name + ", which only PHP can")
}

// ExprMethodCall evaluates $object->method().
func (e *evaluator) ExprMethodCall(n *ast.ExprMethodCall) {
	name := identifier(n.Method) + "()"
	e.handed(n.Args, name, lineOf(n))
	e.out = unknown("it calls " + name + " of an object, which only PHP can")
}

// ExprClosure evaluates function () { ... }.
func (e *evaluator) ExprClosure(*ast.ExprClosure) {
	e.out = unknown("it is a closure, which only PHP can call")
}

// ExprArrowFunction evaluates fn () => ....
func (e *evaluator) ExprArrowFunction(*ast.ExprArrowFunction) {
	e.out = unknown("it is a closure, which only PHP can call")
}

// arguments returns the values of a call's arguments, with spread lists as single values.
func (e *evaluator) arguments(nodes []ast.Vertex) (values []Value, problem *Value) {
	fail := func(why string) ([]Value, *Value) {
		value := unknown(why)
		return nil, &value
	}
	for _, node := range nodes {
		argument, ok := node.(*ast.Argument)
		if !ok || argument.Name != nil {
			return fail("it names an argument, which only PHP can match")
		}
		value := e.eval(argument.Expr)
		switch {
		case argument.VariadicTkn == nil:
			values = append(values, value)
		case value.Kind != List || len(value.Array.Gaps) > 0:
			return fail("what is spread into its arguments is not known")
		default:
			if !e.pay(len(value.Array.Items)) {
				return fail("it is too large")
			}
			for _, item := range value.Array.Items {
				values = append(values, item.Value)
			}
		}
	}
	return values, nil
}

// env implements Laravel's env(name, default).
func (e *evaluator) env(arguments []Value) Value {
	if len(arguments) == 0 || arguments[0].Kind != String {
		return unknown("it asks for a variable whose name is not known")
	}
	name := arguments[0].Text
	if e.left.Bytes(2*len(name)) != nil {
		return spent()
	}
	if given, ok := e.environment[name]; ok {
		return fromEnvironment(given)
	}
	if len(arguments) == 1 {
		return Value{Assumed: []string{fmt.Sprintf("the variable %s is not known and has no default; give it with --env %s=...", name, name)}}
	}
	value := arguments[1]
	if value.Kind == Unknown {
		return value
	}
	shown, _ := value.AsText()
	if e.left.Bytes(len(shown)) != nil {
		return spent()
	}
	return e.assuming(value, Value{Assumed: []string{fmt.Sprintf("the default %s of env('%s') counts; give another with --env %s=...", quote(value, shown), name, name)}})
}

func quote(v Value, shown string) string {
	switch v.Kind {
	case String:
		return "'" + shown + "'"
	case Bool:
		return strconv.FormatBool(v.Bool)
	case Null:
		return "null"
	case List:
		return "[...]"
	default:
		return shown
	}
}

// fromEnvironment reads a variable as Laravel does.
func fromEnvironment(given string) Value {
	switch strings.ToLower(given) {
	case "true", "(true)":
		return boolean(true)
	case "false", "(false)":
		return boolean(false)
	case "null", "(null)":
		return Value{}
	case "empty", "(empty)":
		return text("")
	}
	return text(given)
}

func one(convert func(Value) Value) func(*evaluator, []Value) Value {
	return func(_ *evaluator, arguments []Value) Value { return convert(arguments[0]) }
}

func texts(convert func(string) string) func(*evaluator, []Value) Value {
	return func(_ *evaluator, arguments []Value) Value {
		given, ok := arguments[0].AsText()
		if !ok || len(arguments) > 1 {
			return unknown("only PHP can work it out")
		}
		return text(convert(given))
	}
}

func length(v Value) Value {
	if v.Kind != List || len(v.Array.Gaps) > 0 {
		return unknown("it counts an array that is not known")
	}
	return integer(int64(len(v.Array.Items)))
}

// extreme implements max(a, b, ...) or min(a, b, ...) for numbers.
func extreme(better func(a, b float64) bool) func(*evaluator, []Value) Value {
	return func(_ *evaluator, arguments []Value) Value {
		best := arguments[0]
		for _, candidate := range arguments {
			if !numeric(candidate) {
				return unknown("it compares values that are no numbers")
			}
			if better(candidate.number().Float, best.number().Float) {
				best = candidate
			}
		}
		return best
	}
}
