// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/console/redact"
	"queueworker.dev/queueworker/plugin/render"
)

// NewReportCommand returns `kubectl queueworker report`.
func NewReportCommand(deps *Deps) *cobra.Command {
	r := &reportCommand{deps: deps, redactor: redact.New()}
	cmd := &cobra.Command{
		Use:   "report",
		Short: "Write a support bundle, without secrets",
		Long: `Write a tar.gz with the QueueWorkers, QueueApps, QueueCommands, pods, Deployments, Jobs and events of the
namespace, what doctor finds, versions, and the operator's log where you may read it. Secrets are never
read. Values of env, args, annotations and ConfigMaps are removed, and where they stand in any other text
they are removed there. So is what jobs printed and what backends, probes and agents answered: of messages of
conditions and events, and of logs, the operator's and Kubernetes' own words stay. Of URLs scheme and host stay.

Kept by intent, since a diagnosis is about them: labels, names of objects, queues, connections, containers,
images, hosts and job classes, prefixes of envFrom, hostAliases, and the patterns of a Custom QueueApp.
Look through it before you send it on all the same.`,
		Example:           "  kubectl queueworker report -n shop\n  kubectl queueworker report --file - | tar tz",
		GroupID:           groupSetUp,
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(cmd *cobra.Command, _ []string) error { return r.run(cmd.Context()) },
	}
	cmd.Flags().StringVarP(&r.file, "file", "f", "", "Write to this file; - means standard output (default queueworker-report-NAMESPACE-TIME.tar.gz).")
	cmd.Flags().Int64Var(&r.lines, "log-lines", 5000, "How many lines of each of the operator's logs at most; a log also ends after 8 MiB, and all logs after 32 MiB.")
	return cmd
}

type reportCommand struct {
	deps  *Deps
	file  string
	lines int64
	// redactor removes what the bundle must not contain.
	redactor *redact.Redactor
}

// collected is a file of the bundle before it is redacted.
type collected struct {
	name    string
	objects []unstructured.Unstructured
	text    string
	// log is true if text is a log of the operator, prose if it quotes errors.
	log, prose bool
}

func (r *reportCommand) run(ctx context.Context) error {
	if r.file == "-" && r.deps.guards() {
		return Usage("--file - writes a tar.gz, which a terminal cannot show; name a file, or redirect standard output to one")
	}
	cluster, err := r.deps.Connect()
	if err != nil {
		return err
	}
	// A user who may not list pools gets no file.
	if err := cluster.Client.List(ctx, &v1alpha1.QueueWorkerList{}, client.InNamespace(cluster.Namespace), client.Limit(1)); err != nil {
		return fmt.Errorf("list QueueWorkers: %w", err)
	}
	files, missing := r.collect(ctx, cluster)
	now := r.deps.Now().UTC()
	name := r.file
	if name == "" {
		name = fmt.Sprintf("queueworker-report-%s-%s.tar.gz", cluster.Namespace, now.Format("20060102-150405"))
	}
	bundle, err := pack(strings.TrimSuffix(strings.TrimSuffix(base(name), ".gz"), ".tar"), now, clean(r.redactor, files, cluster.Namespace))
	if err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	if name == "-" {
		_, err := r.deps.Streams.Out.Write(bundle)
		return err
	}
	if err := os.WriteFile(name, bundle, 0o600); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	for _, what := range missing {
		fmt.Fprintln(r.deps.Streams.ErrOut, "note: left out: "+what)
	}
	_, err = fmt.Fprintf(r.deps.Streams.Out, "Written: %s\nSecrets were removed as far as they can be known; look through it before you send it on.\n", name)
	return err
}

// base returns the last part of a path.
func base(path string) string {
	if path == "-" {
		return "queueworker-report"
	}
	return path[strings.LastIndexByte(path, '/')+1:]
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
func (r *reportCommand) collect(ctx context.Context, cluster *Cluster) (files []collected, missing []string) {
	add := func(file collected, err error) {
		if err != nil {
			missing = append(missing, file.name+": "+told(err))
		}
		if len(file.objects) > 0 || file.text != "" {
			files = append(files, file)
		}
	}
	for _, k := range kinds {
		objects, err := list(ctx, cluster, k.kind, cluster.Namespace, k.labelled)
		add(collected{name: k.file + ".yaml", objects: objects}, err)
	}
	findings, err := r.findings(ctx, cluster)
	add(collected{name: "doctor.txt", text: findings}, err)
	operators, err := workingIn(ctx, cluster)
	add(collected{name: "operator.yaml", objects: asObjects(operators)}, err)
	logs := &operatorLogs{lines: r.lines, left: maxLogs}
	for i := range operators {
		logs.read(ctx, cluster, &operators[i])
	}
	for _, log := range logs.files {
		add(log, nil)
	}
	missing = append(missing, logs.missing...)
	add(collected{name: "version.txt", text: r.versions(cluster)}, nil)
	if len(missing) > 0 {
		add(collected{name: "missing.txt", text: strings.Join(missing, "\n") + "\n", prose: true}, nil)
	}
	return files, missing
}

func list(ctx context.Context, cluster *Cluster, kind schema.GroupVersionKind, namespace string, labelled bool) ([]unstructured.Unstructured, error) {
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

func (r *reportCommand) findings(ctx context.Context, cluster *Cluster) (string, error) {
	in, err := (&doctorCommand{deps: r.deps}).look(ctx, cluster, nil)
	if err != nil {
		return "", err
	}
	return findingsText(r.redactor, in), nil
}

// findingsText returns doctor's findings, but without the texts that conditions quote.
func findingsText(redactor *redact.Redactor, in doctor.Input) string {
	for i := range in.Apps {
		in.Apps[i].Conditions = redactor.Conditions(in.Apps[i].Conditions)
	}
	for i := range in.Workers {
		in.Workers[i].Status.Conditions = redactor.Conditions(in.Workers[i].Status.Conditions)
	}
	return render.FindingsText(render.Words(doctor.Examine(in), told), nil)
}

func (r *reportCommand) versions(cluster *Cluster) string {
	text := fmt.Sprintf("plugin %s, %s %s/%s\ntime %s\nnamespace %s\n", r.deps.Version, runtime.Version(), runtime.GOOS, runtime.GOARCH,
		r.deps.Now().UTC().Format(time.RFC3339), cluster.Namespace)
	asking, err := r.deps.Flags.ToDiscoveryClient()
	if err != nil {
		return text
	}
	if version, err := asking.ServerVersion(); err == nil {
		text += "Kubernetes " + version.String() + "\n"
	}
	return text
}

// clean redacts all files. It learns every secret first, so that no file contains a
// secret of another.
func clean(redactor *redact.Redactor, files []collected, namespace string) map[string]string {
	for _, file := range files {
		for i := range file.objects {
			object := &file.objects[i]
			redactor.Keep(object.GetName(), object.GetNamespace(), string(object.GetUID()))
			redactor.KeepNames(object.Object)
		}
	}
	for _, file := range files {
		for i := range file.objects {
			redactor.Learn(file.objects[i].Object)
		}
		if file.log {
			redactor.Log(file.text, namespace)
		}
	}
	out := map[string]string{}
	for _, file := range files {
		var text strings.Builder
		switch {
		case file.log:
			text.WriteString(redactor.Log(file.text, namespace))
		case file.prose:
			text.WriteString(redactor.Prose(file.text))
		default:
			text.WriteString(redactor.Text(file.text))
		}
		for i := range file.objects {
			document, err := yaml.Marshal(redactor.Object(file.objects[i].Object))
			if err != nil {
				document = []byte("# " + err.Error() + "\n")
			}
			text.WriteString("---\n")
			text.Write(document)
		}
		out[file.name] = text.String()
	}
	return out
}
