// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"queueworker.dev/queueworker/controllers/scraping"
)

// options hold the values of the command line.
type options struct {
	agentImage    string
	backlogImage  string
	leaderElect   bool
	metrics       scraping.Serving
	healthAddress string
	identityFile  string
	namespaces    []string
	namespace     string
	concurrency   int
	namespaceCPU  float64
	log           zap.Options
}

// parse parses the command line.
func parse(flags *flag.FlagSet, arguments []string) (options, error) {
	var o options
	var namespaces string
	flags.StringVar(&o.agentImage, "agent-image", "", "Image the agent of worker pods is copied from. Required.")
	flags.StringVar(&o.backlogImage, "backlog-image", "", "Image of the backlog probes. Required.")
	flags.BoolVar(&o.leaderElect, "leader-elect", false, "Elect a leader, so that of several replicas one works.")
	flags.StringVar(&o.metrics.Address, "metrics-bind-address", ":8443", "Address of the metrics endpoint; 0 turns it off.")
	flags.BoolVar(&o.metrics.Secure, "metrics-secure", true, "Serve metrics by HTTPS, and only to callers the cluster authorizes.")
	flags.StringVar(&o.metrics.CertDir, "metrics-cert-dir", "", "Folder with tls.crt and tls.key for the metrics, read again when they change; empty signs one's own.")
	flags.StringVar(&o.metrics.Host, "metrics-host", "localhost", "Name of the host in the certificate that the operator signs itself.")
	flags.StringVar(&o.healthAddress, "health-probe-bind-address", ":8081", "Address of /healthz and /readyz; 0 turns them off.")
	flags.StringVar(&o.identityFile, "identity-file", "", "File with the Ed25519 private key, as PEM, that the operator proves itself to agents and backlog probes with. Without the file a key is drawn at each start.")
	flags.StringVar(&namespaces, "watch-namespaces", "", "Comma list of the namespaces to work in; empty means all.")
	flags.StringVar(&o.namespace, "operator-namespace", os.Getenv("POD_NAMESPACE"), "Namespace the operator runs in, which NetworkPolicies of QueueApps admit; by default $POD_NAMESPACE.")
	flags.IntVar(&o.concurrency, "max-concurrent-reconciles", 8, "How many QueueWorkers are reconciled at once. One namespace has at most half of them.")
	flags.Float64Var(&o.namespaceCPU, "namespace-cpu", 0.25,
		"How much of one CPU the reconciles of one namespace, and the answers of its agents and probes, may take in the long run, "+
			"as 0.25 for a quarter; 0 means no bound. A namespace that wants more is looked at later.")
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
	case !(o.namespaceCPU == 0 || o.namespaceCPU >= 0.01):
		return options{}, fmt.Errorf("--namespace-cpu is %v; it must be at least 0.01, or 0 for no bound", o.namespaceCPU)
	}
	return o, nil
}
