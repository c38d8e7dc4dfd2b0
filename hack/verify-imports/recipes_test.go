// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// named matches a path in backticks.
var named = regexp.MustCompile("`([a-z0-9.-]+(?:/[A-Za-z0-9_.-]+)+)/?`")

// TestTheRecipesNameFilesThatExist: files move, and a recipe that names the old place
// sends a newcomer searching. Paths of the examples, sidekiq and sqs, do not exist.
func TestTheRecipesNameFilesThatExist(t *testing.T) {
	top := filepath.Join("..", "..")
	text, err := os.ReadFile(filepath.Join(top, "CONTRIBUTING.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, recipes, found := strings.Cut(string(text), "\n## Recipes\n")
	if !found {
		t.Fatal("CONTRIBUTING.md has no section named Recipes")
	}
	recipes, _, _ = strings.Cut(recipes, "\n## ")
	paths := named.FindAllStringSubmatch(recipes, -1)
	if len(paths) < 20 {
		t.Errorf("only %d paths were found", len(paths))
	}
	for _, match := range paths {
		path := match[1]
		if strings.Contains(path, "sidekiq") || strings.Contains(path, "sqs") {
			path = filepath.Dir(strings.TrimSuffix(path, "/..."))
			if strings.Contains(path, "sidekiq") {
				path = filepath.Dir(path)
			}
		}
		if _, err := os.Stat(filepath.Join(top, path)); err != nil {
			t.Errorf("a recipe names %s, which does not exist", match[1])
		}
	}
}
