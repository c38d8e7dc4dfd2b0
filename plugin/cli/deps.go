// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/cli-runtime/pkg/printers"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/flowcontrol"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Deps holds the dependencies of every command. Nothing is read or connected before a
// command asks for it, so help and completion need no cluster.
type Deps struct {
	// Streams are the standard streams; commands print to nothing else. Output to a
	// terminal is filtered, see guard.
	Streams genericiooptions.IOStreams
	// Flags are kubectl's own: --kubeconfig, --context, --namespace, --as and so on.
	Flags *genericclioptions.ConfigFlags
	// Version is the plugin's version.
	Version string
	// Now is the clock.
	Now func() time.Time
}

// Cluster is the cluster that the caller's flags name, with the caller's rights.
type Cluster struct {
	// Client reads and writes as field manager v1alpha1.CLIFieldManager; it has no cache.
	// It knows the kinds of Kubernetes and of QueueWorker, and refuses unknown fields.
	Client client.WithWatch
	// Core does what Client cannot do: it reads logs and uses the proxy of pods.
	Core corev1client.CoreV1Interface
	// Config describes how to reach the cluster.
	Config *rest.Config
	// Namespace comes from --namespace, then from the context, then is "default".
	Namespace string
}

// NewDeps returns the dependencies of a real command line.
func NewDeps(streams genericiooptions.IOStreams, version string) *Deps {
	streams.Out, streams.ErrOut = guard(streams.Out), guard(streams.ErrOut)
	flags := genericclioptions.NewConfigFlags(true).
		WithWarningPrinter(streams).
		WithWrapConfigFn(func(config *rest.Config) *rest.Config {
			// Like kubectl: the commands of a single person hardly need a limit.
			config.RateLimiter = brake{flowcontrol.NewTokenBucketRateLimiter(50, 300)}
			config.UserAgent = "kubectl-queueworker/" + version
			return config
		})
	return &Deps{Streams: streams, Flags: flags, Version: version, Now: time.Now}
}

// brake limits the rate of requests to a cluster.
type brake struct{ flowcontrol.RateLimiter }

// Wait waits for its turn. If that turn would come after ctx ends, it waits until ctx
// ends. client-go's own limiter fails at once instead, with an error that is no timeout.
func (b brake) Wait(ctx context.Context) error {
	err := b.RateLimiter.Wait(ctx)
	if err != nil {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

// Connect makes the clients for the cluster that the flags name. It sends no request yet.
func (d *Deps) Connect() (*Cluster, error) {
	namespace, _, err := d.Flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, fmt.Errorf("find the namespace in the kubeconfig: %w", err)
	}
	config, err := d.Flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("find the cluster in the kubeconfig: %w", err)
	}
	if *d.Flags.APIServer == "" && config.Host == clientcmd.ClusterDefaults.Server {
		return nil, clientcmd.ErrEmptyConfig
	}
	if config.WarningHandler == nil && config.WarningHandlerWithContext == nil {
		config.WarningHandler = rest.NewWarningWriter(d.Streams.ErrOut, rest.WarningWriterOptions{Deduplicate: true, Color: d.Colour()})
	}
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("register kinds: %w", err)
		}
	}
	c, err := client.NewWithWatch(config, client.Options{
		Scheme: scheme, FieldOwner: v1alpha1.CLIFieldManager, FieldValidation: "Strict",
	})
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	core, err := corev1client.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", config.Host, err)
	}
	return &Cluster{Client: c, Core: core, Config: config, Namespace: namespace}, nil
}

// Colour reports whether the output may be coloured: it goes to a terminal that can show
// colours, and the user has not turned them off.
func (d *Deps) Colour() bool { return printers.AllowsColorOutput(d.Screen()) }

// Terminal reports whether the output goes to a terminal.
func (d *Deps) Terminal() bool { return printers.IsTerminal(d.Screen()) }

// Guards reports whether standard output is a terminal whose text is filtered.
func (d *Deps) Guards() bool {
	_, is := d.Streams.Out.(*guarded)
	return is
}

// Screen returns unfiltered standard output. It serves the live picture, which moves the
// cursor and filters its text with Tame, and logs --raw.
func (d *Deps) Screen() io.Writer {
	if out, is := d.Streams.Out.(*guarded); is {
		return out.terminal
	}
	return d.Streams.Out
}
