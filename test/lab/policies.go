// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// EnforceNetworkPolicies runs kube-router on the node as the policy engine until the test
// ends, because the cluster's own network enforces no policies. kube-router filters the
// connections of all pods, so the test must not run in parallel with other tests.
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
		_ = engine.Wait() // it ends by a signal
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
		l.removePolicyRules()
		if content, err := os.ReadFile(path); err == nil && l.Failed() {
			l.Logf("kube-router said:\n%s", content[max(0, len(content)-8<<10):])
		}
		_ = log.Close()
	})
}

// policyChains are the prefixes of the names of kube-router's chains. Its own
// --cleanup-config leaves them behind, with rules for addresses that other pods get later.
var policyChains = []string{"KUBE-ROUTER-", "KUBE-POD-FW-", "KUBE-NWPLCY-"}

func isPolicyChain(name string) bool {
	return slices.ContainsFunc(policyChains, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// removePolicyRules removes kube-router's chains, the rules that jump to them, and its sets.
func (l *Lab) removePolicyRules() {
	for _, family := range []string{"iptables", "ip6tables"} {
		saved, err := exec.Command(family+"-save", "-t", "filter").Output()
		if err != nil {
			continue // a machine without this family has no such rules
		}
		restore := exec.Command(family+"-restore", "-w", "--noflush")
		restore.Stdin = strings.NewReader(withoutPolicies(string(saved)))
		if output, err := restore.CombinedOutput(); err != nil {
			l.Errorf("remove kube-router's %s rules: %v: %s", family, err, output)
		}
	}
	sets, err := exec.Command("ipset", "list", "-name").Output()
	if err != nil {
		l.Errorf("list the sets of addresses: %v", err)
	}
	for set := range strings.FieldsSeq(string(sets)) {
		if !isPolicySet(set) {
			continue
		}
		if output, err := exec.Command("ipset", "destroy", set).CombinedOutput(); err != nil {
			l.Errorf("remove the set %s: %v: %s", set, err, output)
		}
	}
}

func isPolicySet(name string) bool {
	return strings.HasPrefix(name, "KUBE-") || strings.HasPrefix(name, "inet6:KUBE-") || strings.HasPrefix(name, "kube-router-")
}

// withoutPolicies turns the output of iptables-save into the input with which
// iptables-restore --noflush removes kube-router's part.
func withoutPolicies(saved string) string {
	var empty, rules, chains []string
	for line := range strings.Lines(saved) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case strings.HasPrefix(fields[0], ":") && isPolicyChain(fields[0][1:]):
			empty, chains = append(empty, fields[0]+" - [0:0]"), append(chains, "-X "+fields[0][1:])
		case fields[0] == "-A" && !isPolicyChain(fields[1]) && slices.ContainsFunc(fields, isPolicyChain):
			rules = append(rules, "-D"+strings.TrimPrefix(strings.TrimSpace(line), "-A"))
		}
	}
	return strings.Join(slices.Concat([]string{"*filter"}, empty, rules, chains, []string{"COMMIT", ""}), "\n")
}

// tool returns the path of a program of hack/tools, and builds the program if necessary.
func (l *Lab) tool(name string) string {
	l.Helper()
	output, err := exec.CommandContext(l.Ctx, filepath.Join("..", "..", "hack", "tool.sh"), name).Output()
	if err != nil {
		l.Fatalf("build %s: %v", name, err)
	}
	return string(output[:max(0, len(output)-1)])
}
