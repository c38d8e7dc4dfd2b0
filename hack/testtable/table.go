// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Promise is one promise of the product and the tests that prove it.
type Promise struct {
	// Promise is a sentence in the words of a user.
	Promise string `json:"promise"`
	// Tests are names of tests, such as TestAPoolComesUp. A name that several folders
	// have begins with its folder, such as controllers/drain.TestDecide.
	Tests []string `json:"tests"`
}

// levels are the columns of the table: the levels of tests, and the folder of each. A
// test in another folder is a unit test.
var levels = []struct{ name, folder string }{
	{"unit", ""}, {"integration", "test/integration"}, {"end to end", "test/e2e"}, {"hostile", "test/hostile"}, {"backends", "test/backends"},
}

// Tests are the files of the tests of a source tree, by name.
type Tests map[string][]string

// declaration finds the declarations of tests and fuzz tests.
var declaration = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)

// Index finds all tests of the source tree in a folder.
func Index(root string) (Tests, error) {
	tests := Tests{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && slices.Contains([]string{".git", "bin", "dist", "testdata"}, entry.Name()):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(file, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		for _, found := range declaration.FindAllSubmatch(source, -1) {
			tests[string(found[1])] = append(tests[string(found[1])], filepath.ToSlash(name))
		}
		return nil
	})
	return tests, err
}

// Table returns the table in Markdown. Its error names every promise without a test, and
// every test that does not exist or whose name is not clear.
func Table(promises []Promise, tests Tests) (string, error) {
	var out strings.Builder
	var failures []error
	out.WriteString("| promise |")
	for _, level := range levels {
		out.WriteString(" " + level.name + " |")
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(levels)) + "\n")
	for _, promise := range promises {
		if promise.Promise == "" || len(promise.Tests) == 0 {
			failures = append(failures, fmt.Errorf("the promise %q has no sentence or no test", promise.Promise))
			continue
		}
		cells := make([][]string, len(levels))
		for _, name := range promise.Tests {
			file, err := tests.find(name)
			if err != nil {
				failures = append(failures, fmt.Errorf("the promise %q: %w", promise.Promise, err))
				continue
			}
			at := levelOf(file)
			cells[at] = append(cells[at], fmt.Sprintf("[%s](../%s)", name[strings.LastIndex(name, ".")+1:], file))
		}
		out.WriteString("| " + promise.Promise + " |")
		for _, cell := range cells {
			out.WriteString(strings.TrimRight(" "+strings.Join(cell, "<br>"), " ") + " |")
		}
		out.WriteString("\n")
	}
	return out.String(), errors.Join(failures...)
}

// find returns the file of a test.
func (t Tests) find(name string) (string, error) {
	folder, test, qualified := strings.Cut(name, ".")
	if !qualified {
		test = name
	}
	var files []string
	for _, file := range t[test] {
		if !qualified || path.Dir(file) == folder {
			files = append(files, file)
		}
	}
	switch len(files) {
	case 0:
		return "", fmt.Errorf("there is no test %s", name)
	case 1:
		return files[0], nil
	}
	return "", fmt.Errorf("%d folders have a test %s; name its folder, as in %s.%s", len(files), name, path.Dir(files[0]), test)
}

// levelOf returns the column of the tests of a file.
func levelOf(file string) int {
	at := slices.IndexFunc(levels, func(level struct{ name, folder string }) bool {
		return level.folder != "" && strings.HasPrefix(file, level.folder+"/")
	})
	return max(at, 0)
}
