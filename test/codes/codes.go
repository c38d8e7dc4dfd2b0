// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package codes finds the codes that the packages in console tell a user, so that the test
// of a user interface fails for a code without words:
//
//	for _, code := range codes.Of(t, "../../console", "intent.Code") { ... }
package codes

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Types returns the types of codes that the packages in a folder declare, such as
// intent.Code. A type of codes is a string whose name ends in Code.
func Types(t *testing.T, console string) []string {
	t.Helper()
	var found []string
	each(t, console, func(file *ast.File) {
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.TypeSpec)
			if !ok {
				return true
			}
			if underlying, ok := spec.Type.(*ast.Ident); ok && underlying.Name == "string" && strings.HasSuffix(spec.Name.Name, "Code") {
				found = append(found, file.Name.Name+"."+spec.Name.Name)
			}
			return true
		})
	})
	slices.Sort(found)
	return found
}

// Of returns the values of all constants of a type, in every package of a folder. It fails
// the test if there is none, or if a value has no constant.
func Of(t *testing.T, console, name string) []string {
	t.Helper()
	var found []string
	each(t, console, func(file *ast.File) {
		literals(t, file)
		ast.Inspect(file, func(node ast.Node) bool {
			spec, ok := node.(*ast.ValueSpec)
			if !ok || spec.Type == nil || qualified(file, spec.Type) != name {
				return true
			}
			for _, value := range spec.Values {
				found = append(found, text(t, value))
			}
			return true
		})
	})
	if len(found) == 0 {
		t.Errorf("there is no constant of the type %s", name)
	}
	return found
}

// literals fails the test for a message whose code is a literal instead of a constant.
func literals(t *testing.T, file *ast.File) {
	t.Helper()
	ast.Inspect(file, func(node ast.Node) bool {
		pair, ok := node.(*ast.KeyValueExpr)
		if !ok {
			return true
		}
		key, named := pair.Key.(*ast.Ident)
		if literal, is := pair.Value.(*ast.BasicLit); is && named && key.Name == "Code" {
			t.Errorf("package %s has the code %s, which is no constant", file.Name.Name, literal.Value)
		}
		return true
	})
}

// qualified returns the name of a type with its package.
func qualified(file *ast.File, kind ast.Expr) string {
	switch kind := kind.(type) {
	case *ast.Ident:
		return file.Name.Name + "." + kind.Name
	case *ast.SelectorExpr:
		if from, ok := kind.X.(*ast.Ident); ok {
			return from.Name + "." + kind.Sel.Name
		}
	}
	return ""
}

func text(t *testing.T, value ast.Expr) string {
	t.Helper()
	literal, ok := value.(*ast.BasicLit)
	if !ok {
		t.Fatalf("a code is %T, and no literal", value)
	}
	out, err := strconv.Unquote(literal.Value)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// each parses every file of a folder that is no test.
func each(t *testing.T, folder string, do func(*ast.File)) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err == nil {
			do(file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
