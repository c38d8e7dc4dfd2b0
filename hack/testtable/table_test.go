// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	tests := Tests{
		"TestSize": {"controllers/scaling/size_test.go", "controllers/drain/size_test.go"},
		"TestPool": {"test/integration/pool_test.go"}, "TestWork": {"test/e2e/work_test.go"},
	}
	cases := map[string]struct {
		promise Promise
		want    string // a part of the table or of the error
	}{
		"tests of three levels": {
			Promise{"Workers run.", []string{"TestWork", "controllers/drain.TestSize", "TestPool"}},
			"| Workers run. | [TestSize](../controllers/drain/size_test.go) | [TestPool](../test/integration/pool_test.go) | [TestWork](../test/e2e/work_test.go) | | |\n",
		},
		"a test that does not exist":    {Promise{"Workers run.", []string{"TestGone"}}, "there is no test TestGone"},
		"a test of another folder":      {Promise{"Workers run.", []string{"test/e2e.TestPool"}}, "there is no test test/e2e.TestPool"},
		"a name that two folders have":  {Promise{"Workers run.", []string{"TestSize"}}, "2 folders have a test TestSize; name its folder"},
		"a promise that nothing proves": {Promise{"Workers run.", nil}, `the promise "Workers run." has no sentence or no test`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Table([]Promise{tc.promise}, tests)
			if err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, tc.want) {
				t.Errorf("Table() = %q, want %q in it", got, tc.want)
			}
		})
	}
}

func TestIndexFindsTestsAndFuzzTests(t *testing.T) {
	root := t.TempDir()
	for file, source := range map[string]string{
		"a/a_test.go":          "package a\n\nfunc TestOne(t *testing.T) {}\n\nfunc FuzzTwo(f *testing.F) {}\n\nfunc helper() {}\n",
		"a/a.go":               "package a\n\nfunc TestNot() {}\n",
		"a/testdata/x_test.go": "package x\n\nfunc TestNeither(t *testing.T) {}\n",
	} {
		at := filepath.Join(root, file)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests, err := Index(root)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Tests{"TestOne": {"a/a_test.go"}, "FuzzTwo": {"a/a_test.go"}}, tests); diff != "" {
		t.Error(diff)
	}
}

func TestReplaceKeepsTheRestOfThePage(t *testing.T) {
	page := "# Tests\n\n" + begin + "\n\nold\n" + end + "\n\nMore.\n"
	if got, err := replace(page, "new\n"); err != nil || got != "# Tests\n\n"+begin+"\n\nnew\n\n"+end+"\n\nMore.\n" {
		t.Errorf("replace() = %q, %v", got, err)
	}
	if _, err := replace("# Tests\n", "new\n"); err == nil {
		t.Error("a page without marks is no error")
	}
}
