// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package wording

import (
	"strings"

	"queueworker.dev/queueworker/console/gitops"
)

// GitOps returns what becomes of a manual change, and what to do instead. what is the
// object that is changed, such as QueueWorker emails.
func GitOps(w gitops.Warning, what string) string { return gitopsTexts[w.Code](w, what) }

var gitopsTexts = map[gitops.Code]func(w gitops.Warning, what string) string{
	gitops.Undone: func(w gitops.Warning, what string) string {
		return tool(w.Owner) + " owns " + and(w.Owner.Fields) + " of " + what + " and will undo this change. Change it in Git instead" + instead(w.Owner) + "."
	},
	gitops.MaybeUndone: func(w gitops.Warning, what string) string {
		return tool(w.Owner) + " keeps " + what + " as Git has it, and " + and(w.Owner.ByHand) +
			" was changed by hand before: if Git sets it, this change will be undone. Then change it in Git instead" + instead(w.Owner) + "."
	},
	gitops.Stays: func(w gitops.Warning, what string) string {
		return tool(w.Owner) + " keeps " + what + " as Git has it. Git does not set " + and(w.Fields) +
			", so this change stays until Git does. To keep it for good, write it to Git."
	},
}

func and(fields []string) string { return strings.Join(fields, " and ") }

// kindsOfTools name the tool's own object.
var kindsOfTools = map[gitops.Tool]string{
	gitops.ArgoCD: "Argo CD application", gitops.FluxKustomize: "Flux Kustomization", gitops.FluxHelm: "Flux HelmRelease",
}

// tool names the tool, and its object if that is known.
func tool(o gitops.Owner) string {
	switch {
	case o.Name == "":
		return string(o.Tool)
	case o.Namespace == "":
		return kindsOfTools[o.Tool] + " " + o.Name
	}
	return kindsOfTools[o.Tool] + " " + o.Namespace + "/" + o.Name
}

// insteads say how to make a tool leave the field alone, for a change that cannot wait for
// a commit.
var insteads = map[gitops.Tool]func(object string) string{
	gitops.ArgoCD: always[string](", or let the application ignore what is set by hand: ignoreDifferences with managedFieldsManagers: [queueworker-cli], and the sync option RespectIgnoreDifferences=true"),
	gitops.FluxKustomize: func(object string) string {
		return ", or hold Flux meanwhile: flux suspend kustomization " + object
	},
	gitops.FluxHelm: func(object string) string {
		return " (the chart's values), or hold Flux meanwhile: flux suspend helmrelease " + object
	},
}

func instead(o gitops.Owner) string {
	object := o.Name
	if object == "" {
		object = "NAME"
	}
	if o.Namespace != "" {
		object += " -n " + o.Namespace
	}
	return insteads[o.Tool](object)
}
