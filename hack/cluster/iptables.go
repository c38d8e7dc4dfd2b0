// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os/exec"
	"strings"
)

// removeRules deletes the chains that kube-proxy and the kubelet made, and the
// rules of this cluster, from both IP families.
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

// removalScript turns what iptables-save printed into what iptables-restore
// --noflush needs to remove our part: name each KUBE chain (which empties it),
// delete the rules elsewhere that are ours or jump to one, delete the chains.
func removalScript(saved string) string {
	var script strings.Builder
	var flushes, rules, chains []string
	table := ""
	for line := range strings.Lines(saved) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "*"):
			table, flushes, rules, chains = line, nil, nil, nil
		case strings.HasPrefix(line, ":KUBE-"):
			name, _, _ := strings.Cut(line[1:], " ")
			flushes = append(flushes, ":"+name+" - [0:0]")
			chains = append(chains, "-X "+name)
		case isOurRule(line):
			rules = append(rules, "-D"+strings.TrimPrefix(line, "-A"))
		case line == "COMMIT" && len(flushes)+len(rules) > 0:
			parts := append(append(append([]string{table}, flushes...), rules...), chains...)
			script.WriteString(strings.Join(append(parts, "COMMIT"), "\n") + "\n")
		}
	}
	return script.String()
}

// isOurRule is true for a rule outside the KUBE chains, which are emptied
// whole, that this cluster made.
func isOurRule(line string) bool {
	if !strings.HasPrefix(line, "-A ") || strings.HasPrefix(line, "-A KUBE-") {
		return false
	}
	return strings.Contains(line, " -j KUBE-") ||
		strings.Contains(line, "--comment "+networkName) || strings.Contains(line, "--comment \""+networkName+"\"")
}
