// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// completionPatience is how long a shell waits for names from the cluster.
const completionPatience = 3 * time.Second

// A Completer offers words to complete an argument with.
type Completer = cobra.CompletionFunc

// CompleteWorkers offers the names of QueueWorkers, each at most once, for up to limit
// arguments; 0 means any number.
func (d *Deps) CompleteWorkers(limit int) Completer {
	return d.completeNames(v1alpha1.GroupVersion.WithKind("QueueWorker"), limit)
}

// CompleteApps offers the names of QueueApps, for up to limit arguments; 0 means any
// number.
func (d *Deps) CompleteApps(limit int) Completer {
	return d.completeNames(v1alpha1.GroupVersion.WithKind("QueueApp"), limit)
}

// CompleteWorkersAndApps offers the names of QueueWorkers and QueueApps, for one
// argument.
func (d *Deps) CompleteWorkersAndApps(cmd *cobra.Command, arguments []string, word string) ([]string, cobra.ShellCompDirective) {
	workers, directive := d.CompleteWorkers(1)(cmd, arguments, word)
	apps, _ := d.CompleteApps(1)(cmd, arguments, word)
	return append(workers, apps...), directive
}

// CompletePods offers the names of worker pods for the flag --worker. If the first
// argument names a QueueWorker, it offers only that QueueWorker's pods.
func (d *Deps) CompletePods(cmd *cobra.Command, arguments []string, word string) ([]string, cobra.ShellCompDirective) {
	selector := client.ListOption(client.HasLabels{v1alpha1.LabelName})
	if len(arguments) > 0 {
		selector = client.MatchingLabels{v1alpha1.LabelName: arguments[0]}
	}
	return d.names(cmd.Context(), corev1.SchemeGroupVersion.WithKind("Pod"), word, selector), cobra.ShellCompDirectiveNoFileComp
}

func (d *Deps) completeNames(kind schema.GroupVersionKind, limit int) Completer {
	return func(cmd *cobra.Command, arguments []string, word string) ([]string, cobra.ShellCompDirective) {
		if limit > 0 && len(arguments) >= limit {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := d.names(cmd.Context(), kind, word)
		names = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(arguments, name) })
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// names lists the objects of a kind in the caller's namespace whose names begin with
// word. It returns no names on an error, because completion has no place to show errors.
func (d *Deps) names(ctx context.Context, kind schema.GroupVersionKind, word string, options ...client.ListOption) []string {
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	cluster, err := d.Connect()
	if err != nil {
		return nil
	}
	if kind.Kind != "Namespace" {
		options = append(options, client.InNamespace(cluster.Namespace))
	}
	list := &metav1.PartialObjectMetadataList{}
	list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
	if err := cluster.Client.List(ctx, list, options...); err != nil {
		return nil
	}
	var names []string
	for i := range list.Items {
		if strings.HasPrefix(list.Items[i].Name, word) {
			names = append(names, list.Items[i].Name)
		}
	}
	return names
}

// CompleteFlags completes the values of kubectl's own flags.
func CompleteFlags(root *cobra.Command, deps *Deps) {
	complete := map[string]Completer{
		"namespace": func(cmd *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
			return deps.names(cmd.Context(), corev1.SchemeGroupVersion.WithKind("Namespace"), word), cobra.ShellCompDirectiveNoFileComp
		},
		"context": func(_ *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
			return deps.contexts(word), cobra.ShellCompDirectiveNoFileComp
		},
	}
	for name, completer := range complete {
		// It fails for a flag that does not exist or is registered twice, and tests would
		// show that.
		_ = root.RegisterFlagCompletionFunc(name, completer)
	}
}

// contexts returns the kubeconfig's contexts that begin with word.
func (d *Deps) contexts(word string) []string {
	config, err := d.Flags.ToRawKubeConfigLoader().RawConfig()
	if err != nil {
		return nil
	}
	var names []string
	for name := range config.Contexts {
		if strings.HasPrefix(name, word) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
