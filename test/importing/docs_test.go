// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package importing

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"queueworker.dev/queueworker/plugin"
	"queueworker.dev/queueworker/plugin/cli"
)

// fence finds a block of the documentation: its language, its file name, its text.
var fence = regexp.MustCompile("(?ms)^```(\\w+) ?(\\S*)\n(.*?)^```$")

// TestTheDocumentationsExamplesAreTrue runs every command of docs/import.md on the files
// in that document, and compares the output with the output in the document.
func TestTheDocumentationsExamplesAreTrue(t *testing.T) {
	text, err := os.ReadFile("../../docs/import.md")
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	commands := 0
	printed := ""
	for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
		language, file, content := block[1], block[2], block[3]
		switch {
		case file != "":
			if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		case language == "sh":
			commands++
			printed = run(t, strings.TrimPrefix(content, "kubectl queueworker "))
		case language == "yaml":
			if diff := cmp.Diff(content, printed); diff != "" {
				t.Errorf("it prints something else (-documented +printed):\n%s", diff)
			}
			if _, _, err := Objects([]byte(printed)); err != nil {
				t.Error(err)
			}
		}
	}
	if commands != 2 {
		t.Errorf("there are %d commands, want 2", commands)
	}
}

// run runs the plugin and returns what it printed.
func run(t *testing.T, command string) string {
	t.Helper()
	streams, _, out, errOut := genericiooptions.NewTestIOStreams()
	root := plugin.NewRootCommand(cli.NewDeps(streams, "test"))
	root.SetArgs(strings.Fields(command))
	if err := root.ExecuteContext(t.Context()); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, errOut)
	}
	return out.String()
}
