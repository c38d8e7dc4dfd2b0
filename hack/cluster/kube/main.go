// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command kube is a whole Kubernetes node in one multi-call binary: the name it
// is called by (or its first argument) picks the component. Linking the
// components once, instead of seven times, saves most of the build time and
// half a gigabyte of disk.
package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	etcd "go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	kubectl "k8s.io/kubectl/pkg/cmd"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"

	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
)

// components maps the name a component is called by to what runs it.
var components = map[string]func(){
	"etcd":           func() { etcd.Main(os.Args) },
	"coredns":        runCoreDNS,
	"kube-apiserver": func() { runCommand(apiserver.NewAPIServerCommand()) },
	"kube-controller-manager": func() {
		runCommand(controllermanager.NewControllerManagerCommand())
	},
	"kube-scheduler": func() { runCommand(scheduler.NewSchedulerCommand()) },
	"kube-proxy":     func() { runCommand(proxy.NewProxyCommand()) },
	"kubelet":        func() { runCommand(kubelet.NewKubeletCommand(context.Background())) },
	"kubectl":        func() { runCommand(kubectl.NewDefaultKubectlCommand()) },
}

func runCommand(command *cobra.Command) { os.Exit(cli.Run(command)) }

func main() {
	name := filepath.Base(os.Args[0])
	if _, known := components[name]; !known && len(os.Args) > 1 {
		name = os.Args[1]
		os.Args = os.Args[1:]
	}
	run, known := components[name]
	if !known {
		names := slices.Sorted(maps.Keys(components))
		fmt.Fprintf(os.Stderr, "kube: no component %q; call it by one of these names: %s\n", name, strings.Join(names, ", "))
		os.Exit(2)
	}
	run()
}
