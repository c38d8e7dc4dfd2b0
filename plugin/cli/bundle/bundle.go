// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bundle makes a support bundle: a tar.gz with what a diagnosis needs, without
// secrets.
package bundle

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/redact"
	"queueworker.dev/queueworker/console/survey"
	"queueworker.dev/queueworker/plugin/cli"
)

// bundle collects the files of one bundle.
type bundle struct {
	deps *cli.Deps
	// lines is how many lines of each of the operator's logs are read.
	lines int64
	// redactor removes what the bundle must not contain.
	redactor *redact.Redactor
}

// Make returns a tar.gz whose files are in a directory, and says what is missing because
// the caller may not see it.
func Make(ctx context.Context, deps *cli.Deps, cluster *cli.Cluster, directory string, at time.Time, lines int64) (data []byte, missing []string, err error) {
	b := &bundle{deps: deps, lines: lines, redactor: redact.New()}
	files, missing := b.collect(ctx, cluster)
	data, err = pack(directory, at, clean(b.redactor, files, cluster.Namespace))
	return data, missing, err
}

// kinds lists the kinds to collect in the namespace, with the name of the file for each.
var kinds = []struct {
	file string
	kind schema.GroupVersionKind
	// labelled limits the kind to objects that the operator made for pools and commands.
	labelled bool
}{
	{"queueworkers", v1alpha1.GroupVersion.WithKind("QueueWorker"), false},
	{"queueapps", v1alpha1.GroupVersion.WithKind("QueueApp"), false},
	{"queuecommands", v1alpha1.GroupVersion.WithKind("QueueCommand"), false},
	{"pods", schema.GroupVersionKind{Version: "v1", Kind: "Pod"}, true},
	{"deployments", schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "Deployment"}, true},
	{"replicasets", schema.GroupVersionKind{Group: "apps", Version: "v1", Kind: "ReplicaSet"}, true},
	{"jobs", schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: "Job"}, true},
	{"configmaps", schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}, true},
	{"networkpolicies", schema.GroupVersionKind{Group: "networking.k8s.io", Version: "v1", Kind: "NetworkPolicy"}, true},
	{"poddisruptionbudgets", schema.GroupVersionKind{Group: "policy", Version: "v1", Kind: "PodDisruptionBudget"}, true},
	{"events", schema.GroupVersionKind{Group: "events.k8s.io", Version: "v1", Kind: "Event"}, false},
}

// collect reads what the caller may see, and says what is missing.
func (b *bundle) collect(ctx context.Context, cluster *cli.Cluster) (files []collected, missing []string) {
	add := func(file collected, err error) {
		if err != nil {
			missing = append(missing, file.name+": "+cli.Told(err))
		}
		if len(file.objects) > 0 || file.text != "" {
			files = append(files, file)
		}
	}
	for _, k := range kinds {
		objects, err := list(ctx, cluster, k.kind, cluster.Namespace, k.labelled)
		add(collected{name: k.file + ".yaml", objects: objects}, err)
	}
	findings, err := b.findings(ctx, cluster)
	add(collected{name: "doctor.txt", text: findings}, err)
	operators, err := workingIn(ctx, cluster)
	add(collected{name: "operator.yaml", objects: asObjects(operators)}, err)
	logs := &operatorLogs{lines: b.lines, left: maxLogs}
	for i := range operators {
		logs.read(ctx, cluster, &operators[i])
	}
	for _, log := range logs.files {
		add(log, nil)
	}
	missing = append(missing, logs.missing...)
	add(collected{name: "version.txt", text: b.versions(cluster)}, nil)
	if len(missing) > 0 {
		add(collected{name: "missing.txt", text: strings.Join(missing, "\n") + "\n", prose: true}, nil)
	}
	return files, missing
}

func list(ctx context.Context, cluster *cli.Cluster, kind schema.GroupVersionKind, namespace string, labelled bool) ([]unstructured.Unstructured, error) {
	found := &unstructured.UnstructuredList{}
	found.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	options := []client.ListOption{client.InNamespace(namespace)}
	if labelled {
		options = append(options, client.MatchingLabels{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy})
	}
	if err := cluster.Client.List(ctx, found, options...); err != nil {
		return nil, err
	}
	return found.Items, nil
}

func (b *bundle) findings(ctx context.Context, cluster *cli.Cluster) (string, error) {
	look := &survey.Survey{Client: cluster.Client, Config: cluster.Config, Now: b.deps.Now, Namespace: cluster.Namespace}
	in, err := look.Read(ctx)
	if err != nil {
		return "", err
	}
	return findingsText(b.redactor, in), nil
}

func (b *bundle) versions(cluster *cli.Cluster) string {
	text := fmt.Sprintf("plugin %s, %s %s/%s\ntime %s\nnamespace %s\n", b.deps.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH,
		b.deps.Now().UTC().Format(time.RFC3339), cluster.Namespace)
	asking, err := b.deps.Flags.ToDiscoveryClient()
	if err != nil {
		return text
	}
	if version, err := asking.ServerVersion(); err == nil {
		text += "Kubernetes " + version.String() + "\n"
	}
	return text
}
