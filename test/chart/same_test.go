// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/console/doctor"
)

// kustomize reads the objects of one directory of config/.
func kustomize(t *testing.T, folder string) []client.Object {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(top, "config", folder, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var objects []client.Object
	for _, path := range paths {
		if filepath.Base(path) == "kustomization.yaml" {
			continue
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		read, err := decode(raw)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		objects = append(objects, read...)
	}
	return objects
}

// rules returns what each role permits, by kind and name.
func rules(objects []client.Object) map[string][]rbacv1.PolicyRule {
	permits := map[string][]rbacv1.PolicyRule{}
	for _, object := range objects {
		switch role := object.(type) {
		case *rbacv1.ClusterRole:
			permits["ClusterRole "+role.Name] = role.Rules
		case *rbacv1.Role:
			permits["Role "+role.Namespace+"/"+role.Name] = role.Rules
		}
	}
	return permits
}

func TestRightsAreThoseOfTheKustomizeTree(t *testing.T) {
	want := rules(kustomize(t, "rbac"))
	if len(want) < 7 {
		t.Fatalf("config/rbac has %d roles, want at least 7", len(want))
	}
	if diff := cmp.Diff(want, rules(render(t, "{}"))); diff != "" {
		t.Errorf("the chart grants other rights than config/rbac (-config +chart):\n%s", diff)
	}
}

func TestWatchedNamespacesGetTheSameRights(t *testing.T) {
	want := rules(kustomize(t, "rbac"))
	for _, ns := range []string{"shop", "blog"} {
		want["Role "+ns+"/queueworker-manager"] = want["ClusterRole queueworker-manager"]
	}
	delete(want, "ClusterRole queueworker-manager")
	if diff := cmp.Diff(want, rules(render(t, "watchNamespaces: [shop, blog]"))); diff != "" {
		t.Errorf("rights with watchNamespaces (-want +got):\n%s", diff)
	}
}

func TestPeoplesRightsAreAggregatedAlike(t *testing.T) {
	labels := func(objects []client.Object) map[string]string {
		found := map[string]string{}
		for _, object := range objects {
			for label, value := range object.GetLabels() {
				if target, ok := strings.CutPrefix(label, "rbac.authorization.k8s.io/aggregate-to-"); ok && value == "true" {
					found[object.GetName()] = target
				}
			}
		}
		return found
	}
	want := map[string]string{"queueworker-viewer": "view", "queueworker-editor": "edit", "queueworker-admin": "admin"}
	if diff := cmp.Diff(want, labels(render(t, "{}"))); diff != "" {
		t.Errorf("the chart's aggregated roles (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, labels(kustomize(t, "rbac"))); diff != "" {
		t.Errorf("config/rbac's aggregated roles (-want +got):\n%s", diff)
	}
}

// TestViewersSeeNoFailedJobs: failed jobs may contain anything, so a user who may only
// view must not see them.
func TestViewersSeeNoFailedJobs(t *testing.T) {
	may := map[string]bool{}
	for role, rules := range rules(render(t, "{}")) {
		for _, rule := range rules {
			if slices.ContainsFunc(rule.Resources, func(resource string) bool { return strings.HasPrefix(resource, "queuecommands") }) {
				may[role] = true
			}
		}
	}
	want := map[string]bool{"ClusterRole queueworker-admin": true, "ClusterRole queueworker-editor": true, "ClusterRole queueworker-manager": true}
	if diff := cmp.Diff(want, may); diff != "" {
		t.Errorf("roles with rights on queuecommands (-want +got):\n%s", diff)
	}
}

// TestNoRightIsBroad makes sure that no later marker adds a broad right unnoticed.
func TestNoRightIsBroad(t *testing.T) {
	for role, rules := range rules(render(t, "{}")) {
		for _, rule := range rules {
			all := slices.Concat(rule.APIGroups, rule.Resources, rule.Verbs, rule.NonResourceURLs)
			if slices.Contains(all, "*") {
				t.Errorf("%s has a wildcard: %v", role, rule)
			}
			for _, resource := range []string{"secrets", "pods/exec", "pods/attach", "pods/ephemeralcontainers", "serviceaccounts/token", "roles", "rolebindings", "clusterroles", "clusterrolebindings"} {
				if slices.Contains(rule.Resources, resource) {
					t.Errorf("%s may %v %s", role, rule.Verbs, resource)
				}
			}
			for _, verb := range []string{"escalate", "bind", "impersonate"} {
				if slices.Contains(rule.Verbs, verb) {
					t.Errorf("%s may %s %v", role, verb, rule.Resources)
				}
			}
		}
	}
}

func TestOperatorPodIsThatOfTheKustomizeTree(t *testing.T) {
	want := only[*appsv1.Deployment](t, kustomize(t, "manager"), "").Spec.Template.Spec
	got := only[*appsv1.Deployment](t, render(t, "{}"), "").Spec.Template.Spec
	// The kustomize tree leaves to the program's own defaults what is a value in the
	// chart; TestArgumentsAreTheManagersOwn shows that both are the same.
	plain := func(spec corev1.PodSpec) corev1.PodSpec {
		container := &spec.Containers[0]
		container.Image, container.ImagePullPolicy = "", ""
		container.Args = slices.DeleteFunc(container.Args, func(arg string) bool {
			return strings.HasPrefix(arg, "--agent-image=") || strings.HasPrefix(arg, "--backlog-image=") || arg == "--metrics-secure=true" ||
				arg == "--max-concurrent-reconciles=8" || arg == "--namespace-cpu=0.25" || arg == "--zap-log-level=info"
		})
		return spec
	}
	if diff := cmp.Diff(plain(want), plain(got)); diff != "" {
		t.Errorf("the operator's pod (-config +chart):\n%s", diff)
	}
}

// TestThePluginFindsTheOperator checks the labels that the plugin looks for, whatever the
// names of the release and the chart.
func TestThePluginFindsTheOperator(t *testing.T) {
	for name, objects := range map[string][]client.Object{
		"chart": render(t, "{}"), "a chart of another name": render(t, "{nameOverride: workers, fullnameOverride: jobs}"), "config": kustomize(t, "manager"),
	} {
		labels := only[*appsv1.Deployment](t, objects, "").Labels
		for label, want := range doctor.OperatorLabels {
			if labels[label] != want {
				t.Errorf("%s: the operator's Deployment has the labels %v, want %s=%s", name, labels, label, want)
			}
		}
	}
}

// flagLine finds a flag of cmd/manager with its default.
var flagLine = regexp.MustCompile(`flags\.\w+Var\(&[\w.]+, "([a-z-]+)", ([^,]+),`)

// TestArgumentsAreTheManagersOwn compares the chart's arguments with the flags of
// cmd/manager. Each flag must exist, and if the kustomize tree leaves it out, its default
// must be the chart's value.
func TestArgumentsAreTheManagersOwn(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(top, "cmd", "manager", "options.go"))
	if err != nil {
		t.Fatal(err)
	}
	defaults := map[string]string{"zap-log-level": "info"} // a flag of controller-runtime
	for _, found := range flagLine.FindAllStringSubmatch(string(source), -1) {
		defaults[found[1]] = strings.Trim(found[2], `"`)
	}
	for name, values := range map[string]string{"as it comes": "{}", "with all arguments": "watchNamespaces: [shop]"} {
		for _, arg := range only[*appsv1.Deployment](t, render(t, values), "").Spec.Template.Spec.Containers[0].Args {
			flag, value, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
			preset, ok := defaults[flag]
			if !ok {
				t.Errorf("%s: cmd/manager has no flag --%s", name, flag)
			}
			if slices.Contains([]string{"metrics-secure", "max-concurrent-reconciles", "namespace-cpu", "zap-log-level"}, flag) && value != preset {
				t.Errorf("the chart's default of --%s is %s, the manager's own is %s", flag, value, preset)
			}
		}
	}
}
