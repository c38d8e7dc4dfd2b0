// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// check returns a sentence for each forbidden import of a package.
func check(p goPackage) []string {
	name := relative(p.ImportPath)
	r, ok := ruleFor(name)
	if !ok {
		return []string{name + ": no rule says what this package may import; see the layout in CONTRIBUTING.md"}
	}
	var violations []string
	for _, imported := range p.Imports {
		if !r.allows(imported) {
			violations = append(violations, fmt.Sprintf("%s imports %s: %s", name, imported, r.because))
		}
	}
	for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
		if ours(imported) && !matchAny(append([]string{name, "test/..."}, r.ours...), relative(imported)) {
			violations = append(violations, fmt.Sprintf("a test of %s imports %s: %s", name, imported, r.because))
		}
	}
	return violations
}

func ruleFor(name string) (rule, bool) {
	for _, r := range rules {
		if matchAny(r.packages, name) {
			return r, true
		}
	}
	return rule{}, false
}

func (r rule) allows(imported string) bool {
	switch {
	case ours(imported):
		return matchAny(r.ours, relative(imported))
	case r.pure && matchAny(impure, imported):
		return false
	case standard(imported):
		return true
	}
	return matchAny(r.libraries, imported)
}

// forbiddenUses returns a sentence for each place where a pure package reads a clock, and
// where a controller calls a client's verb.
func forbiddenUses(p goPackage) ([]string, error) {
	name := relative(p.ImportPath)
	r, ok := ruleFor(name)
	if !ok || !r.pure && !strings.HasPrefix(name, "controllers/queue") {
		return nil, nil
	}
	var violations []string
	for _, file := range p.GoFiles {
		files := token.NewFileSet()
		parsed, err := parser.ParseFile(files, filepath.Join(p.Dir, file), nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		names := importNames(parsed)
		ast.Inspect(parsed, func(node ast.Node) bool {
			selector, ok := node.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if use := forbiddenUse(selector, names, r.pure); use != "" {
				violations = append(violations, fmt.Sprintf("%s/%s:%d uses %s", name, file, files.Position(node.Pos()).Line, use))
			}
			return true
		})
	}
	return violations, nil
}

// forbiddenUse says what is forbidden about a selector, such as time.Now; empty if nothing
// is.
func forbiddenUse(selector *ast.SelectorExpr, names map[string]string, pure bool) string {
	switch from := selector.X.(type) {
	case *ast.Ident:
		if pure && slices.Contains(clocks[names[from.Name]], selector.Sel.Name) {
			return from.Name + "." + selector.Sel.Name + ": a package that decides is given the time in its input"
		}
	case *ast.SelectorExpr:
		if slices.Contains(clients, from.Sel.Name) && slices.Contains(verbs, selector.Sel.Name) {
			return from.Sel.Name + "." + selector.Sel.Name + ": only controllers/kube calls the verbs of a client"
		}
	}
	return ""
}

// importNames maps the names that a file uses to their import paths.
func importNames(file *ast.File) map[string]string {
	names := map[string]string{}
	for _, spec := range file.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser has accepted it, so it is quoted
		}
		if spec.Name != nil {
			names[spec.Name.Name] = imported
		} else {
			names[path.Base(imported)] = imported
		}
	}
	return names
}

func ours(imported string) bool {
	return imported == module || strings.HasPrefix(imported, module+"/")
}

func relative(imported string) string {
	return strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
}

// standard reports whether an import is from the standard library, whose paths have no
// host name.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

func matchAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return match(pattern, name) })
}

func match(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	if below, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == below || strings.HasPrefix(name, below+"/")
	}
	return name == pattern
}
