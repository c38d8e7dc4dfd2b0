// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// EnforceNetworkPolicies runs kube-router on the node as the network's policy engine until
// the test ends: the cluster's own network enforces none. It filters the connections of
// all pods, so the test must not run beside others.
func (l *Lab) EnforceNetworkPolicies() {
	l.Helper()
	nodes := &corev1.NodeList{}
	if err := l.Client.List(l.Ctx, nodes); err != nil || len(nodes.Items) != 1 {
		l.Fatalf("list the nodes: found %d, want the one this runs on (%v)", len(nodes.Items), err)
	}
	program := l.tool("kube-router")
	path := filepath.Join(l.TempDir(), "kube-router.log")
	log, err := os.Create(path)
	if err != nil {
		l.Fatal(err)
	}
	engine := exec.Command(program, "--kubeconfig="+os.Getenv("KUBECONFIG"), "--hostname-override="+nodes.Items[0].Name,
		"--run-firewall=true", "--run-router=false", "--run-service-proxy=false", "--run-loadbalancer=false",
		"--iptables-sync-period=5s", "--health-port=0", "--metrics-port=0")
	engine.Stdout, engine.Stderr = log, log
	if err := engine.Start(); err != nil {
		l.Fatalf("start kube-router: %v", err)
	}
	ended := make(chan struct{})
	go func() {
		_ = engine.Wait() // it is told to end
		close(ended)
	}()
	l.Cleanup(func() {
		_ = engine.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = engine.Process.Kill()
			<-ended
		}
		// It removes the rules of policies first. What follows is the service proxy's, which
		// did not run and whose removal fails on a kernel without IPVS.
		output, err := exec.Command(program, "--cleanup-config").CombinedOutput()
		if !strings.Contains(string(output), "Successfully cleaned the NetworkPolicyController") {
			l.Errorf("remove kube-router's rules: %v: %s", err, output)
		}
		if content, err := os.ReadFile(path); err == nil && l.Failed() {
			l.Logf("kube-router said:\n%s", content[max(0, len(content)-8<<10):])
		}
		_ = log.Close()
	})
}

// tool builds a program of hack/tools if it is not there yet, and returns its path.
func (l *Lab) tool(name string) string {
	l.Helper()
	output, err := exec.CommandContext(l.Ctx, filepath.Join("..", "..", "hack", "tool.sh"), name).Output()
	if err != nil {
		l.Fatalf("build %s: %v", name, err)
	}
	return string(output[:max(0, len(output)-1)])
}
