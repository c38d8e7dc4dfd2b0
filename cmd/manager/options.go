// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// options are what the command line sets.
type options struct {
	agentImage     string
	backlogImage   string
	leaderElect    bool
	metricsAddress string
	metricsSecure  bool
	healthAddress  string
	identityFile   string
	namespaces     []string
	concurrency    int
	log            zap.Options
}

// parse reads the command line.
func parse(flags *flag.FlagSet, arguments []string) (options, error) {
	var o options
	var namespaces string
	flags.StringVar(&o.agentImage, "agent-image", "", "Image the agent of worker pods is copied from. Required.")
	flags.StringVar(&o.backlogImage, "backlog-image", "", "Image of the backlog probes. Required.")
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "Elect a leader, so that of several replicas one works.")
	flags.StringVar(&o.metricsAddress, "metrics-bind-address", ":8443", "Address of the metrics endpoint; 0 turns it off.")
	flags.BoolVar(&o.metricsSecure, "metrics-secure", true, "Serve metrics by HTTPS, and only to callers the cluster authorizes.")
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "Address of /healthz and /readyz.")
	flags.StringVar(&o.identityFile, "identity-file", "", "File with the Ed25519 private key, as PEM, that the operator proves itself to agents and backlog probes with. Without the file a key is drawn at each start.")
	flags.StringVar(&namespaces, "watch-namespaces", "", "Comma list of the namespaces to work in; empty means all.")
	flags.IntVar(&o.concurrency, "max-concurrent-reconciles", 8, "How many QueueWorkers are reconciled at once.")
	o.log.BindFlags(flags)
	if err := flags.Parse(arguments); err != nil {
		return options{}, err
	}
	for namespace := range strings.SplitSeq(namespaces, ",") {
		if namespace = strings.TrimSpace(namespace); namespace != "" {
			o.namespaces = append(o.namespaces, namespace)
		}
	}
	switch {
	case o.agentImage == "":
		return options{}, errors.New("--agent-image is missing; name the image that holds the agent")
	case o.backlogImage == "":
		return options{}, errors.New("--backlog-image is missing; name the image of the backlog probe")
	case o.concurrency < 1:
		return options{}, fmt.Errorf("--max-concurrent-reconciles is %d; it must be at least 1", o.concurrency)
	}
	return o, nil
}
