// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	targetLine = regexp.MustCompile(`(?m)^([a-z0-9-]+):`)
	scriptCall = regexp.MustCompile(`hack/[a-z-]+\.sh`)
	goRunCall  = regexp.MustCompile(`go run \./(hack/[a-z-]+)`)
)

func TestHelpListsEveryTarget(t *testing.T) {
	makefile := read(t, "Makefile")
	cmd := exec.Command("make", "--no-print-directory", "help")
	cmd.Dir = top
	help, err := cmd.Output()
	if err != nil {
		t.Fatalf("make help: %v", err)
	}
	targets := targetLine.FindAllStringSubmatch(makefile, -1)
	if len(targets) < 20 {
		t.Fatalf("only %d targets were found in the Makefile", len(targets))
	}
	for _, target := range targets {
		line := regexp.MustCompile(`(?m)\b` + target[1] + `\s+(\S.*)$`).FindStringSubmatch(string(help))
		if line == nil {
			t.Errorf("make help does not say what %s does", target[1])
		}
		if !strings.Contains(makefile, ".PHONY: "+target[1]+"\n") {
			t.Errorf("%s is not phony: a file of that name would hide it", target[1])
		}
	}
}

// TestScriptsAreThere checks that the scripts and programs exist that the Makefile, CI
// and the scripts themselves call.
func TestScriptsAreThere(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(top, "hack", "*.sh"))
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	for _, file := range append(files, filepath.Join(top, "Makefile"), filepath.Join(top, ".ci", "run"), filepath.Join(top, "Dockerfile")) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, script := range scriptCall.FindAllString(string(content), -1) {
			called[script] = true
			if info, err := os.Stat(filepath.Join(top, script)); err != nil {
				t.Errorf("%s calls %s: %v", file, script, err)
			} else if info.Mode()&0o111 == 0 && script != "hack/progress.sh" {
				t.Errorf("%s calls %s, which is not executable", file, script)
			}
		}
		for _, program := range goRunCall.FindAllStringSubmatch(string(content), -1) {
			if _, err := os.Stat(filepath.Join(top, program[1], "main.go")); err != nil {
				t.Errorf("%s runs %s: %v", file, program[1], err)
			}
		}
	}
	for _, file := range files {
		if script := "hack/" + filepath.Base(file); !called[script] {
			t.Errorf("nothing calls %s", script)
		}
	}
}

func TestScriptsStopAtTheFirstError(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(top, "hack", "*.sh"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, filepath.Join(top, ".ci", "run")) {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(content), "\n")
		if filepath.Base(file) != "progress.sh" && !slices.Contains(lines, "set -euo pipefail") {
			t.Errorf("%s lacks `set -euo pipefail`", file)
		}
		if out, err := exec.Command("bash", "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s does not parse: %v\n%s", file, err, out)
		}
	}
}
