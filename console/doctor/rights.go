// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// A Right is a verb on a resource, and whether an account has it.
type Right struct {
	Group, Resource, Subresource, Verb string
	// For says what needs the right.
	For string
	// Needed is true if nothing works without the right.
	Needed bool
	// Allowed is the cluster's answer.
	Allowed bool
}

// String returns the right as kubectl auth can-i writes it.
func (r Right) String() string {
	resource := r.Resource
	if r.Group != "" {
		resource += "." + r.Group
	}
	if r.Subresource != "" {
		resource += "/" + r.Subresource
	}
	return r.Verb + " " + resource
}

// Wanted returns the rights that the commands of this plugin need.
func Wanted() []Right {
	own := func(resource, verb, what string) Right {
		return Right{Group: v1alpha1.GroupName, Resource: resource, Verb: verb, For: what}
	}
	seeing := own("queueworkers", "list", "seeing any pool")
	seeing.Needed = true
	return []Right{
		seeing,
		own("queueworkers", "get", "every command that names a pool"),
		own("queueapps", "list", "status, doctor"),
		own("queueworkers", "patch", "start, stop, pause, resume, restart, scale, run, create"),
		own("queueworkers", "create", "create"),
		own("queuecommands", "create", "failed, clear, once"),
		own("queuecommands", "get", "failed, clear, once"),
		{Resource: "pods", Verb: "list", For: "workers, logs"},
		{Resource: "pods", Verb: "watch", For: "logs -f"},
		{Resource: "pods", Verb: "get", For: "stop, pause, resume, restart with --worker"},
		{Resource: "pods", Verb: "patch", For: "stop, pause, resume, restart with --worker"},
		{Resource: "pods", Subresource: "log", Verb: "get", For: "logs, once"},
		{Resource: "pods", Subresource: "proxy", Verb: "get", For: "live figures in top"},
		{Group: "events.k8s.io", Resource: "events", Verb: "list", For: "report"},
	}
}

// Operators returns the rights that the operator needs to keep a pool.
func Operators() []Right {
	var rights []Right
	add := func(group, resource, sub string, verbs ...string) {
		for _, verb := range verbs {
			rights = append(rights, Right{Group: group, Resource: resource, Subresource: sub, Verb: verb, Needed: true})
		}
	}
	add("", "configmaps", "", "create", "get", "list", "patch", "watch")
	add("", "pods", "", "list", "patch", "watch")
	add("apps", "deployments", "", "create", "delete", "get", "list", "patch", "watch")
	add("apps", "replicasets", "", "list", "watch")
	add("batch", "jobs", "", "create", "delete", "get", "list", "patch", "watch")
	add("events.k8s.io", "events", "", "create", "patch")
	add("networking.k8s.io", "networkpolicies", "", "create", "delete", "get", "list", "patch", "watch")
	add("policy", "poddisruptionbudgets", "", "create", "delete", "get", "list", "patch", "watch")
	add(v1alpha1.GroupName, "queueapps", "", "list", "watch")
	add(v1alpha1.GroupName, "queueapps", "status", "patch")
	add(v1alpha1.GroupName, "queuecommands", "", "delete", "list", "watch")
	add(v1alpha1.GroupName, "queuecommands", "status", "patch")
	add(v1alpha1.GroupName, "queueworkers", "", "list", "watch")
	add(v1alpha1.GroupName, "queueworkers", "status", "patch")
	return rights
}

// mine reports which commands the cluster will refuse to the caller. A missing right is
// no fault of the installation, unless nothing works without it.
func mine(in Input) []Finding {
	if len(in.Mine) == 0 {
		return nil
	}
	var missing, commands []string
	level := Warning
	for _, right := range in.Mine {
		if right.Allowed {
			continue
		}
		missing = append(missing, right.String())
		if !slices.Contains(commands, right.For) {
			commands = append(commands, right.For)
		}
		if right.Needed {
			level = Wrong
		}
	}
	if len(missing) == 0 {
		return []Finding{{Level: Fine, About: "you", Check: "YourRights", Cause: "You may use every command " + where(in.Namespace) + "."}}
	}
	return []Finding{{
		Level: level, About: "you", Check: "YourRights",
		Cause: fmt.Sprintf("You may not %s %s, so these will be refused: %s.", strings.Join(missing, ", "), where(in.Namespace), strings.Join(commands, "; ")),
		Cure:  "If you need them, ask for the role edit of the namespace, which the chart adds QueueWorker's rights to.",
	}}
}

// where names a namespace in a sentence; empty means all.
func where(namespace string) string {
	if namespace == "" {
		return "in all namespaces"
	}
	return "in the namespace " + namespace
}

func theirs(in Input) []Finding {
	if in.TheirsError != "" {
		return []Finding{{Level: Unchecked, About: "operator", Check: "OperatorRights", Cause: in.TheirsError, Cure: "Ask somebody who may create subjectaccessreviews to run this command."}}
	}
	if len(in.Theirs) == 0 {
		return nil
	}
	var found []Finding
	for _, powers := range in.Theirs {
		var missing []string
		for _, right := range powers.Rights {
			if !right.Allowed {
				missing = append(missing, right.String())
			}
		}
		if len(missing) > 0 {
			found = append(found, Finding{
				Level: Wrong, About: "operator " + powers.Operator, Check: "OperatorRights",
				Cause: fmt.Sprintf("The operator may not %s %s.", strings.Join(missing, ", "), where(powers.Namespace)),
				Cure:  "Upgrade QueueWorker's chart, which brings the role of its version; one written by hand must have these too.",
			})
		}
	}
	if len(found) == 0 {
		return []Finding{{Level: Fine, About: "operator", Check: "OperatorRights", Cause: "The operator has the rights it needs."}}
	}
	return found
}
