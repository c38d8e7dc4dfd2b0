// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
)

// String returns the right as VERB RESOURCE.GROUP/SUBRESOURCE.
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

// Use names what a caller needs a right for. Each user interface has its own words for it.
type Use string

// The uses.
const (
	// SeePools is the use without which nothing works.
	SeePools      Use = "SeePools"
	FindPool      Use = "FindPool"
	SeeApps       Use = "SeeApps"
	ChangePools   Use = "ChangePools"
	CreatePools   Use = "CreatePools"
	ActOnJobs     Use = "ActOnJobs"
	SeeWorkers    Use = "SeeWorkers"
	FollowLogs    Use = "FollowLogs"
	ChangeWorkers Use = "ChangeWorkers"
	ReadLogs      Use = "ReadLogs"
	SeeLive       Use = "SeeLive"
	WriteReports  Use = "WriteReports"
)

// Wanted returns the rights that a user interface needs to do everything for its caller.
func Wanted() []Right {
	own := func(resource, verb string, what Use) Right {
		return Right{Group: v1alpha1.GroupName, Resource: resource, Verb: verb, For: what}
	}
	seeing := own("queueworkers", "list", SeePools)
	seeing.Needed = true
	return []Right{
		seeing,
		own("queueworkers", "get", FindPool),
		own("queueapps", "list", SeeApps),
		own("queueworkers", "patch", ChangePools),
		own("queueworkers", "create", CreatePools),
		own("queuecommands", "create", ActOnJobs),
		own("queuecommands", "get", ActOnJobs),
		{Resource: "pods", Verb: "list", For: SeeWorkers},
		{Resource: "pods", Verb: "watch", For: FollowLogs},
		{Resource: "pods", Verb: "get", For: ChangeWorkers},
		{Resource: "pods", Verb: "patch", For: ChangeWorkers},
		{Resource: "pods", Subresource: "log", Verb: "get", For: ReadLogs},
		{Resource: "pods", Subresource: "proxy", Verb: "get", For: SeeLive},
		{Group: "events.k8s.io", Resource: "events", Verb: "list", For: WriteReports},
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

// mine reports what the cluster will refuse to the caller. A missing right is no fault of
// the installation, unless nothing works without it.
func mine(in Input) []Finding {
	if len(in.Mine) == 0 {
		return nil
	}
	missing := Cause{Code: RightsMissing, Namespace: in.Namespace}
	level := Warning
	for _, right := range in.Mine {
		if right.Allowed {
			continue
		}
		missing.Rights = append(missing.Rights, right.String())
		if !slices.Contains(missing.Uses, right.For) {
			missing.Uses = append(missing.Uses, right.For)
		}
		if right.Needed {
			level = Wrong
		}
	}
	found := Finding{Level: level, About: Subject{Kind: OfCaller}, Check: "YourRights", Cause: missing, Cure: cure(AskForEdit)}
	if len(missing.Rights) == 0 {
		found.Level, found.Cause, found.Cure = Fine, Cause{Code: RightsHeld, Namespace: in.Namespace}, view.Advice{}
	}
	return []Finding{found}
}

func theirs(in Input) []Finding {
	found := Finding{Level: Fine, About: Subject{Kind: OfOperator}, Check: "OperatorRights", Cause: Cause{Code: OperatorRightsHeld}}
	switch {
	case in.TheirsError != nil:
		found.Level, found.Cause, found.Cure = Unchecked, Cause{Code: NotRead, Err: in.TheirsError}, cure(AskWhoSeesRights)
		return []Finding{found}
	case len(in.Theirs) == 0:
		return nil
	}
	var lacking []Finding
	for _, powers := range in.Theirs {
		missing := Cause{Code: OperatorRightsMissing, Namespace: powers.Namespace}
		for _, right := range powers.Rights {
			if !right.Allowed {
				missing.Rights = append(missing.Rights, right.String())
			}
		}
		if len(missing.Rights) > 0 {
			lacking = append(lacking, Finding{
				Level: Wrong, About: Subject{Kind: OfOperator, Name: powers.Operator}, Check: found.Check,
				Cause: missing, Cure: cure(UpgradeRole),
			})
		}
	}
	if len(lacking) == 0 {
		return []Finding{found}
	}
	return lacking
}
