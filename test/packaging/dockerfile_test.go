// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package packaging

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const top = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(top, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestBothBuildsUseTheSameFlags compares the command in hack/build.sh, which the
// Dockerfile runs, with the command in hack/images.
func TestBothBuildsUseTheSameFlags(t *testing.T) {
	script := regexp.MustCompile(`(?m)^\s*CGO_ENABLED=0 go build (.*) -o `).FindStringSubmatch(read(t, "hack/build.sh"))
	if script == nil {
		t.Fatal("hack/build.sh has no line `CGO_ENABLED=0 go build FLAGS -o ...`")
	}
	var want []string
	for i, part := range strings.Split(script[1], `"`) {
		// A quoted part is one word together with the part before it.
		if words := strings.Fields(part); i%2 == 0 {
			want = append(want, words...)
		} else {
			want[len(want)-1] += strings.TrimSuffix(part, "$version")
		}
	}
	got, ok := imagesBuildFlags(t)
	if !ok {
		t.Fatal("hack/images has no exec.Command(\"go\", \"build\", ...)")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("build flags (-hack/build.sh +hack/images):\n%s", diff)
	}
}

// imagesBuildFlags returns the constant arguments before "-o" of the go build command in
// hack/images.
func imagesBuildFlags(t *testing.T) ([]string, bool) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(top, "hack", "images", "program.go"), nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var flags []string
	found := false
	ast.Inspect(file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok || found {
			return !found
		}
		var args []string
		for _, arg := range call.Args {
			if sum, ok := arg.(*ast.BinaryExpr); ok {
				arg = sum.X // the version follows
			}
			if literal, ok := arg.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				value, err := strconv.Unquote(literal.Value)
				if err != nil {
					t.Fatal(err)
				}
				args = append(args, value)
			}
		}
		if end := slices.Index(args, "-o"); len(args) > 2 && args[0] == "go" && args[1] == "build" && end > 0 {
			flags, found = args[2:end], true
		}
		return true
	})
	return flags, found
}

// TestImagesHoldTheSamePrograms compares the Dockerfile's targets with the images
// operator, agent and backlog of hack/images.
func TestImagesHoldTheSamePrograms(t *testing.T) {
	dockerfile := read(t, "Dockerfile")
	workshop := read(t, "hack/images/workshop.go")
	for image, program := range map[string]string{"operator": "manager", "agent": "agent", "backlog": "backlog"} {
		stage := regexp.MustCompile(`(?ms)^FROM gcr\.io/distroless/static:nonroot@sha256:[0-9a-f]{64} AS ` + image + `\n(.*?)(^FROM|\z)`).FindStringSubmatch(dockerfile)
		if stage == nil {
			t.Errorf("the Dockerfile has no target %s", image)
			continue
		}
		for _, want := range []string{"COPY --from=build /out/" + program + " /" + program + "\n", "USER 65532\n", `ENTRYPOINT ["/` + program + `"]`} {
			if !strings.Contains(stage[1], want) {
				t.Errorf("the Dockerfile's target %s lacks %q", image, want)
			}
		}
		for _, want := range []string{`name: "` + image + `"`, `pkg: "./cmd/` + program + `"`, `path: "/` + program + `"`} {
			if !strings.Contains(workshop, want) {
				t.Errorf("hack/images/workshop.go lacks %s, so its image %s is another than the Dockerfile's", want, image)
			}
		}
	}
	if !strings.Contains(dockerfile, "hack/build.sh /out manager agent backlog\n") {
		t.Error("the Dockerfile does not build manager, agent and backlog with hack/build.sh")
	}
}

// TestDockerContextHasWhatTheProgramsNeed checks .dockerignore, which admits only named
// paths.
func TestDockerContextHasWhatTheProgramsNeed(t *testing.T) {
	ignore := strings.Split(read(t, ".dockerignore"), "\n")
	for _, path := range []string{"go.mod", "go.sum", "api", "agent", "backlog", "controllers", "cmd", "hack/build.sh"} {
		if !slices.Contains(ignore, "!"+path) {
			t.Errorf(".dockerignore keeps %s out of the build", path)
		}
	}
}
