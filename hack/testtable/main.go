// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command testtable writes the table of docs/testing.md: for each promise of the product,
// the tests that prove it, level by level. The promises and the names of their tests are
// in docs/promises.yaml. It fails if a promise has no test, or a named test does not exist.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"
)

const (
	promisesFile = "docs/promises.yaml"
	pageFile     = "docs/testing.md"
	// begin and end enclose the table in the page.
	begin = "<!-- The table is generated from promises.yaml by hack/testtable. -->"
	end   = "<!-- End of the generated table. -->"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "testtable: "+err.Error())
		os.Exit(1)
	}
}

// run writes the table of the source tree in a folder.
func run(root string) error {
	document, err := os.ReadFile(filepath.Join(root, promisesFile))
	if err != nil {
		return err
	}
	var promises []Promise
	if err := yaml.UnmarshalStrict(document, &promises); err != nil {
		return fmt.Errorf("read %s: %w", promisesFile, err)
	}
	tests, err := Index(root)
	if err != nil {
		return err
	}
	table, err := Table(promises, tests)
	if err != nil {
		return fmt.Errorf("%s: %w", promisesFile, err)
	}
	page, err := os.ReadFile(filepath.Join(root, pageFile))
	if err != nil {
		return err
	}
	next, err := replace(string(page), table)
	if err != nil {
		return fmt.Errorf("%s: %w", pageFile, err)
	}
	return os.WriteFile(filepath.Join(root, pageFile), []byte(next), 0o644) //nolint:gosec // a page of the documentation
}

// replace replaces what a page has between the two marks.
func replace(page, table string) (string, error) {
	before, rest, found := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", errors.New("the marks of the generated table are missing")
	}
	return before + begin + "\n\n" + table + "\n" + end + after, nil
}
