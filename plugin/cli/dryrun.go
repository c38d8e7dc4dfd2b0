// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// DryRun says how far a command that writes goes.
type DryRun string

const (
	// DryRunNone writes.
	DryRunNone DryRun = "none"
	// DryRunClient says what would be written, and asks the cluster nothing more.
	DryRunClient DryRun = "client"
	// DryRunServer lets the cluster check what would be written, and writes nothing.
	DryRunServer DryRun = "server"
)

// AddFlag adds the flag --dry-run to a command.
func (d *DryRun) AddFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar((*string)(d), "dry-run", string(DryRunNone), "none, client (only say what would be done) or server (also let the cluster check it).")
	cmd.Flags().Lookup("dry-run").NoOptDefVal = string(DryRunClient)
	// It fails for a flag that does not exist; this flag exists.
	_ = cmd.RegisterFlagCompletionFunc("dry-run", cobra.FixedCompletions([]string{string(DryRunNone), string(DryRunClient), string(DryRunServer)}, cobra.ShellCompDirectiveNoFileComp))
}

// Validate returns an error if the flag has another value.
func (d *DryRun) Validate() error {
	switch *d {
	case "":
		*d = DryRunNone
	case DryRunNone, DryRunClient, DryRunServer:
	default:
		return Usage("--dry-run must be none, client or server, not %q", string(*d))
	}
	return nil
}

// Is reports whether nothing will be written.
func (d *DryRun) Is() bool { return *d == DryRunClient || *d == DryRunServer }

// PatchOptions returns the options of a patch.
func (d *DryRun) PatchOptions() []client.PatchOption {
	if *d == DryRunServer {
		return []client.PatchOption{client.DryRunAll}
	}
	return nil
}

// CreateOptions returns the options of a creation.
func (d *DryRun) CreateOptions() []client.CreateOption {
	if *d == DryRunServer {
		return []client.CreateOption{client.DryRunAll}
	}
	return nil
}

// ApplyOptions returns the options of an apply.
func (d *DryRun) ApplyOptions() []client.ApplyOption {
	if *d == DryRunServer {
		return []client.ApplyOption{client.DryRunAll}
	}
	return nil
}

// Suffix returns a note, for the end of a message, that a dry run changed nothing.
func (d *DryRun) Suffix() string {
	if d.Is() {
		return " (" + string(*d) + " dry run: nothing was changed)"
	}
	return ""
}
