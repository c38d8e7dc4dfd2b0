// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package runtimes_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"queueworker.dev/queueworker/api/runtimes"
)

// enum returns the values of a field of the spec in a generated CRD, sorted.
func enum(t *testing.T, resource, field string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "config", "crd", "bases", "queueworker.dev_"+resource+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	type property struct {
		Enum       []string
		Properties map[string]yaml.Node
	}
	var crd struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema struct {
						Properties struct{ Spec property }
					} `yaml:"openAPIV3Schema"`
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &crd); err != nil {
		t.Fatal(err)
	}
	node := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties.Spec.Properties[field]
	var found property
	if err := node.Decode(&found); err != nil {
		t.Fatal(err)
	}
	return slices.Sorted(slices.Values(found.Enum))
}

func TestEveryRuntimeOfTheAPIIsInTheTable(t *testing.T) {
	var names []string
	for _, name := range runtimes.Names() {
		names = append(names, string(name))
	}
	slices.Sort(names)
	if diff := cmp.Diff(enum(t, "queueapps", "runtime"), names); diff != "" {
		t.Errorf("the API and the table differ (-API +table):\n%s", diff)
	}
}

func TestActionsAreThoseOfTheAPI(t *testing.T) {
	known := enum(t, "queuecommands", "action")
	for _, name := range runtimes.Names() {
		for _, action := range runtimes.Of(name).Actions {
			if !slices.Contains(known, action) {
				t.Errorf("%s has the action %s, which the API lacks; it has %v", name, action, known)
			}
		}
	}
}

func TestARuntimeThatIsNotInTheTable(t *testing.T) {
	if got := runtimes.Of(""); !got.Known || got.Name != runtimes.Default {
		t.Errorf("no name means %+v", got)
	}
	want := runtimes.Traits{Name: "Cobol"}
	if diff := cmp.Diff(want, runtimes.Of("Cobol")); diff != "" {
		t.Errorf("an unknown name (-want +got):\n%s", diff)
	}
}
