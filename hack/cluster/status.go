// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
)

// status prints a table of the components and returns an error if something is wrong.
func status(l layout, out io.Writer) error {
	if err := checkMachine(); err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "COMPONENT\tPID\tSTATE\tMEMORY")
	for _, c := range components(l, "") {
		id, err := recorded(l, c.name)
		switch {
		case err != nil:
			fmt.Fprintf(table, "%s\t-\tnot started\t-\n", c.name)
		case !id.alive():
			fmt.Fprintf(table, "%s\t%d\tended\t-\n", c.name, id.pid)
		default:
			fmt.Fprintf(table, "%s\t%d\trunning\t%s\n", c.name, id.pid, residentMemory(id.pid))
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if err := whole(l, statusPatience); err != nil {
		return err
	}
	fmt.Fprintf(out, "The node is ready. KUBECONFIG=%s\n", l.kubeconfig())
	return nil
}

// residentMemory returns the process's resident memory as the kernel prints it.
func residentMemory(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "-"
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "VmRSS:"); found {
			return strings.TrimSpace(value)
		}
	}
	return "-"
}
