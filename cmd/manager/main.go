// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command manager is the operator: it reconciles the cluster with its QueueWorkers.
package main

import (
	"flag"
	"fmt"
	"os"

	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"queueworker.dev/queueworker/controllers/plainlog"
)

// version is set by the linker.
var version = "dev"

func main() {
	options, err := parse(flag.CommandLine, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "manager: "+err.Error())
		os.Exit(2)
	}
	log := plainlog.New(zap.New(zap.UseFlagOptions(&options.log)))
	ctrl.SetLogger(log)
	klog.SetLoggerWithOptions(log, klog.ContextualLogger(true)) // client-go's own records quote objects too
	ctrl.Log.Info("Starting QueueWorker's operator", "version", version)
	if err := run(ctrl.SetupSignalHandler(), options); err != nil {
		ctrl.Log.Error(err, "The operator cannot run")
		os.Exit(1)
	}
}
