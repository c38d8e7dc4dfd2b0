// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command verify-imports checks that the product's packages follow the layout. Imports
// run downwards only. agent, backlog, controllers and dashboard meet only in api/. Worker
// pods carry no Kubernetes library. Packages that decide something are pure. The rules
// are the table in rules.go; CONTRIBUTING.md says them in words. A package without a rule
// is refused too.
//
// Run it from the top of the checkout: go run ./hack/verify-imports
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	violations, err := verify(".")
	if err != nil {
		fmt.Fprintf(os.Stderr, "verify-imports: %v\n", err)
		os.Exit(2)
	}
	for _, violation := range violations {
		fmt.Fprintln(os.Stderr, violation)
	}
	if len(violations) > 0 {
		fmt.Fprintf(os.Stderr, "verify-imports: %d imports break the layout; the rules are in hack/verify-imports/rules.go.\n", len(violations))
		os.Exit(1)
	}
}

// verify checks every package of the module in dir.
func verify(dir string) ([]string, error) {
	packages, err := list(dir)
	if err != nil {
		return nil, err
	}
	var violations []string
	for _, p := range packages {
		violations = append(violations, check(p)...)
		uses, err := forbiddenUses(p)
		if err != nil {
			return nil, err
		}
		violations = append(violations, uses...)
	}
	slices.Sort(violations)
	return violations, nil
}

// A goPackage holds the needed part of what `go list -json` prints about a package.
type goPackage struct {
	Dir          string
	ImportPath   string
	GoFiles      []string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// list asks the go command for the packages of the module in dir.
func list(dir string) ([]goPackage, error) {
	cmd := exec.Command("go", "list", "-json=Dir,ImportPath,GoFiles,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = dir
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w: %s", err, strings.TrimSpace(stderr.String()))
	}
	var packages []goPackage
	decoder := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p goPackage
		switch err := decoder.Decode(&p); {
		case errors.Is(err, io.EOF):
			if len(packages) == 0 {
				return nil, errors.New("go list found no package; run this from the top of the checkout")
			}
			return packages, nil
		case err != nil:
			return nil, fmt.Errorf("read what go list printed: %w", err)
		}
		packages = append(packages, p)
	}
}
