// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
)

// removeRules deletes the chains of kube-proxy and the kubelet, and the rules of this
// cluster, from both IP families.
func removeRules() error {
	for _, family := range []string{"iptables", "ip6tables"} {
		saved, err := exec.Command(family + "-save").Output()
		if err != nil {
			continue // a machine without this family has no such rules
		}
		script := removalScript(string(saved))
		if script == "" {
			continue
		}
		restore := exec.Command(family+"-restore", "-w", "--noflush")
		restore.Stdin = strings.NewReader(script)
		if output, err := restore.CombinedOutput(); err != nil {
			return fmt.Errorf("remove the cluster's %s rules: %w: %s", family, err, output)
		}
	}
	return nil
}

// removalScript turns the output of iptables-save into the input with which
// iptables-restore --noflush removes this cluster's part: name each KUBE chain, which
// empties it; delete this cluster's rules and jumps elsewhere; delete the chains.
func removalScript(saved string) string {
	var script strings.Builder
	var table removal
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table = removal{name: line}
		case strings.HasPrefix(line, ":KUBE-"):
			chain, _, _ := strings.Cut(line[1:], " ")
			table.empty = append(table.empty, ":"+chain+" - [0:0]")
			table.chains = append(table.chains, "-X "+chain)
		case isOurRule(line):
			table.rules = append(table.rules, "-D"+strings.TrimPrefix(line, "-A"))
		case line == "COMMIT" && len(table.empty)+len(table.rules) > 0:
			lines := slices.Concat([]string{table.name}, table.empty, table.rules, table.chains, []string{"COMMIT", ""})
			script.WriteString(strings.Join(lines, "\n"))
		}
	}
	return script.String()
}

// removal is what to restore into one table, in this order.
type removal struct {
	name                 string
	empty, rules, chains []string
}

// isOurRule reports whether this cluster made a rule outside the KUBE chains, which are
// emptied as a whole.
func isOurRule(line string) bool {
	if !strings.HasPrefix(line, "-A ") || strings.HasPrefix(line, "-A KUBE-") {
		return false
	}
	return strings.Contains(line, " -j KUBE-") ||
		strings.Contains(line, "--comment "+networkName) || strings.Contains(line, "--comment \""+networkName+"\"")
}
