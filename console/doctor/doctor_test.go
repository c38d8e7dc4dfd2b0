// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
	"queueworker.dev/queueworker/test/builders"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

var errDenied = errors.New("you may not")

// healthy returns a cluster without faults.
func healthy() Input {
	rights := Wanted()
	for i := range rights {
		rights[i].Allowed = true
	}
	theirs := Operators()
	for i := range theirs {
		theirs[i].Allowed = true
	}
	return Input{
		Now: noon, Namespace: "shop", Kinds: []string{"queueapps", "queueworkers", "queueworkers/status", "queuecommands"},
		Operators: []appsv1.Deployment{deployment("queueworker-system", 1)}, Mine: rights,
		Theirs:  []Powers{{Operator: "queueworker-system/queueworker", Namespace: "shop", Rights: theirs}},
		Apps:    []App{{Namespace: "shop", Name: "shop", Conditions: []metav1.Condition{{Type: "PcntlAvailable", Status: metav1.ConditionTrue}}}},
		Workers: []v1alpha1.QueueWorker{pooled(v1alpha1.ConditionReady, metav1.ConditionTrue, v1alpha1.ReasonAsWanted, "2 process(es) run.")},
	}
}

func deployment(namespace string, available int32) appsv1.Deployment {
	d := appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "queueworker"}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Image: "queueworker:1"}}
	d.Status.AvailableReplicas = available
	d.Status.Conditions = []appsv1.DeploymentCondition{{Type: "Available", Status: corev1.ConditionFalse, Message: "It has no minimum."}}
	return d
}

// watches returns an operator with arguments.
func watches(deployment appsv1.Deployment, arguments ...string) appsv1.Deployment {
	deployment.Spec.Template.Spec.Containers[0].Args = append([]string{"--leader-elect"}, arguments...)
	return deployment
}

// pooled returns a QueueWorker with one condition.
func pooled(kind string, is metav1.ConditionStatus, reason, message string) v1alpha1.QueueWorker {
	worker := builders.QueueWorker("shop", "emails").Obj()
	worker.CreationTimestamp = metav1.NewTime(noon.Add(-time.Hour))
	worker.Generation, worker.Status.ObservedGeneration = 2, 2
	worker.Status.Conditions = []metav1.Condition{{Type: kind, Status: is, Reason: reason, Message: message}}
	return *worker
}

func TestExamine(t *testing.T) {
	one := func(kind string, is metav1.ConditionStatus, reason string) func(*Input) {
		return func(in *Input) { in.Workers = []v1alpha1.QueueWorker{pooled(kind, is, reason, "It is so.")} }
	}
	tests := map[string]struct {
		change func(*Input)
		// want are the findings as level, object and check, without level Fine.
		want []string
		// cures are some of the expected cures.
		cures []view.AdviceCode
	}{
		"all is well":     {change: func(*Input) {}},
		"no CRDs":         {change: func(in *Input) { in.Kinds = nil }, want: []string{"Wrong cluster CRDs"}, cures: []view.AdviceCode{UpgradeKinds}},
		"an old chart":    {change: func(in *Input) { in.Kinds = []string{"queueapps", "queueworkers"} }, want: []string{"Wrong cluster CRDs"}},
		"no operator":     {change: func(in *Input) { in.Operators = nil }, want: []string{"Wrong operator OperatorRuns"}, cures: []view.AdviceCode{InstallChart}},
		"a dead operator": {change: func(in *Input) { in.Operators[0].Status.AvailableReplicas = 0 }, want: []string{"Wrong operator queueworker-system/queueworker OperatorRuns"}, cures: []view.AdviceCode{DescribeOperator}},
		"two operators":   {change: func(in *Input) { in.Operators = append(in.Operators, deployment("other", 1)) }, want: []string{"Warning operator OneOperator"}},
		"operators that share a namespace": {change: func(in *Input) {
			in.Operators = []appsv1.Deployment{watches(deployment("a", 1), "--watch-namespaces=shop,blog"), watches(deployment("b", 1), "--watch-namespaces", "shop")}
		}, want: []string{"Warning operator OneOperator"}},
		"an operator for each namespace": {change: func(in *Input) {
			in.Operators = []appsv1.Deployment{watches(deployment("a", 1), "--watch-namespaces=blog"), watches(deployment("b", 1), "--watch-namespaces=shop, news")}
		}},
		"a namespace without an operator": {change: func(in *Input) {
			in.Operators[0] = watches(in.Operators[0], "--watch-namespaces=blog")
		}, want: []string{"Wrong operator OperatorWatches"}, cures: []view.AdviceCode{WatchNamespace}},
		"an empty namespace without an operator": {change: func(in *Input) {
			in.Operators[0], in.Workers = watches(in.Operators[0], "--watch-namespaces=blog"), nil
		}, want: []string{"Warning operator OperatorWatches", "Warning QueueWorkers AnyPool"}},
		"Deployments that only claim": {change: func(in *Input) { in.Operators, in.Unproven = nil, 2 }, want: []string{"Wrong operator OperatorRuns"}, cures: []view.AdviceCode{InstallOrBindRole}},
		"claims beside an operator":   {change: func(in *Input) { in.Unproven = 2 }},
		"another team's dead operator": {change: func(in *Input) {
			in.Operators = append(in.Operators, watches(deployment("blog", 0), "--watch-namespaces=blog"))
		}},
		"another team's two operators": {change: func(in *Input) {
			in.Operators = append(in.Operators, watches(deployment("a", 1), "--watch-namespaces=blog"), watches(deployment("b", 1), "--watch-namespaces=blog"))
		}},
		"unseen operators": {change: func(in *Input) { in.Operators, in.OperatorsError = nil, errDenied }, want: []string{"Unchecked operator OperatorRuns"}},
		"a viewer": {change: func(in *Input) {
			for i := range in.Mine {
				in.Mine[i].Allowed = in.Mine[i].Verb == "list"
			}
		}, want: []string{"Warning you YourRights"}, cures: []view.AdviceCode{AskForEdit}},
		"a stranger": {change: func(in *Input) {
			for i := range in.Mine {
				in.Mine[i].Allowed = false
			}
		}, want: []string{"Wrong you YourRights"}},
		"an operator without a right": {change: func(in *Input) { in.Theirs[0].Rights[3].Allowed = false }, want: []string{"Wrong operator queueworker-system/queueworker OperatorRights"}, cures: []view.AdviceCode{UpgradeRole}},
		"unseen rights":               {change: func(in *Input) { in.Theirs, in.TheirsError = nil, errDenied }, want: []string{"Unchecked operator OperatorRights"}},
		"an image without pcntl": {change: func(in *Input) {
			in.Apps[0].Conditions[0].Status, in.Apps[0].Conditions[0].Message = metav1.ConditionFalse, "PHP lacks pcntl."
		}, want: []string{"Wrong QueueApp shop PcntlAvailable"}},
		"an image nobody could look into": {change: func(in *Input) {
			in.Apps[0].Conditions[0].Status, in.Apps[0].Conditions[0].Message = metav1.ConditionUnknown, "No answer."
		}, want: []string{"Unchecked QueueApp shop PcntlAvailable"}},
		"an image nobody looked into":   {change: func(in *Input) { in.Apps[0].Conditions = nil }, want: []string{"Unchecked QueueApp shop Preflight"}},
		"unseen apps":                   {change: func(in *Input) { in.Apps, in.AppsError = nil, errDenied }, want: []string{"Unchecked QueueApps Preflight"}},
		"no pools":                      {change: func(in *Input) { in.Workers = nil }, want: []string{"Warning QueueWorkers AnyPool"}, cures: []view.AdviceCode{CreatePool}},
		"no pools with such labels":     {change: func(in *Input) { in.Workers, in.Selector = nil, "team=shop" }, want: []string{"Warning QueueWorkers AnyPool"}, cures: []view.AdviceCode{SeeLabels}},
		"a missing app":                 {change: one(v1alpha1.ConditionStalled, metav1.ConditionTrue, v1alpha1.ReasonAppNotFound), want: []string{"Wrong QueueWorker emails Stalled"}, cures: []view.AdviceCode{view.CreateApp}},
		"on its way":                    {change: one(v1alpha1.ConditionReady, metav1.ConditionFalse, v1alpha1.ReasonProgressing), want: []string{"Warning QueueWorker emails Ready"}},
		"timeouts out of order":         {change: one(v1alpha1.ConditionTimeoutChain, metav1.ConditionFalse, v1alpha1.ReasonRetryAfterBelowTimeout), want: []string{"Wrong QueueWorker emails TimeoutChain"}, cures: []view.AdviceCode{view.RaiseRetryAfter}},
		"a silent agent":                {change: one(v1alpha1.ConditionAgentsReporting, metav1.ConditionFalse, v1alpha1.ReasonUnreachable), want: []string{"Wrong QueueWorker emails AgentsReporting"}, cures: []view.AdviceCode{view.AllowOperator}},
		"a backend that refuses":        {change: one(v1alpha1.ConditionBacklogKnown, metav1.ConditionFalse, "Denied"), want: []string{"Wrong QueueWorker emails BacklogKnown"}, cures: []view.AdviceCode{view.CorrectCredentials}},
		"nobody measures, nobody needs": {change: one(v1alpha1.ConditionBacklogKnown, metav1.ConditionFalse, v1alpha1.ReasonNoDriver)},
		"a full memory":                 {change: one(v1alpha1.ConditionMemoryHigh, metav1.ConditionTrue, v1alpha1.ReasonAboveThreshold), want: []string{"Wrong QueueWorker emails MemoryHigh"}, cures: []view.AdviceCode{view.RaiseMemory}},
		"failing jobs":                  {change: one(v1alpha1.ConditionFailuresHigh, metav1.ConditionTrue, v1alpha1.ReasonAboveThreshold), want: []string{"Wrong QueueWorker emails FailuresHigh"}, cures: []view.AdviceCode{view.SeeFailedJobs}},
		"beyond the app's consent":      {change: one(v1alpha1.ConditionNotPermitted, metav1.ConditionTrue, v1alpha1.ReasonNotPermitted), want: []string{"Wrong QueueWorker emails NotPermitted"}, cures: []view.AdviceCode{view.RemoveField}},
		"a Secret from before":          {change: one(v1alpha1.ConditionNotPermitted, metav1.ConditionTrue, v1alpha1.ReasonFromBefore), want: []string{"Warning QueueWorker emails NotPermitted"}, cures: []view.AdviceCode{view.MoveToApp}},
		"beyond, and stalled by it": {change: func(in *Input) {
			in.Workers[0].Status.Conditions = []metav1.Condition{
				{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonNotPermitted, Message: "Remove it."},
				{Type: v1alpha1.ConditionNotPermitted, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonNotPermitted, Message: "Remove it."},
			}
		}, want: []string{"Wrong QueueWorker emails Stalled"}, cures: []view.AdviceCode{view.RemoveField}},
		"paused by failing jobs":  {change: one(v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPausedByFailing), want: []string{"Warning QueueWorker emails Paused"}, cures: []view.AdviceCode{view.MendAndResume}},
		"paused by intent":        {change: one(v1alpha1.ConditionPaused, metav1.ConditionTrue, v1alpha1.ReasonPaused)},
		"at its maximum":          {change: one(v1alpha1.ConditionScalingLimited, metav1.ConditionTrue, v1alpha1.ReasonMaximum), want: []string{"Warning QueueWorker emails ScalingLimited"}},
		"scaling held by a pause": {change: one(v1alpha1.ConditionScalingActive, metav1.ConditionFalse, v1alpha1.ReasonPaused)},
		"a spec nobody took up":   {change: func(in *Input) { in.Workers[0].Generation = 3 }, want: []string{"Wrong QueueWorker emails Observed"}, cures: []view.AdviceCode{CheckOperator}},
		"a spec that was changed just now": {change: func(in *Input) {
			in.Workers[0].Generation = 3
			in.Workers[0].ManagedFields = []metav1.ManagedFieldsEntry{{Time: &metav1.Time{Time: noon.Add(-time.Second)}}}
		}},
		"a queue that never had a job": {change: func(in *Input) {
			in.Workers[0].Status.Processes, in.Workers[0].Status.Backlog = 1, &v1alpha1.BacklogStatus{}
		}, want: []string{"Warning QueueWorker emails QueueInUse"}, cures: []view.AdviceCode{CompareQueue}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := healthy()
			tc.change(&in)
			var got []string
			var cures []view.AdviceCode
			for _, finding := range Examine(in) {
				if finding.Cause.Code == "" || finding.Cause.Code == Reported && finding.Cause.Message == "" {
					t.Errorf("no cause: %+v", finding)
				}
				if finding.Level != Fine {
					got = append(got, string(finding.Level)+" "+about(finding)+" "+finding.Check)
					cures = append(cures, finding.Cure.Code)
				}
				if finding.Level == Wrong && finding.Cure.Code == "" {
					t.Errorf("no cure: %+v", finding)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			for _, code := range tc.cures {
				if !slices.Contains(cures, code) {
					t.Errorf("no cure is %s: %s", code, cures)
				}
			}
		})
	}
}

// about names the subject of a finding.
func about(finding Finding) string {
	words := map[Subject]string{
		{Kind: OfCluster}: "cluster", {Kind: OfCaller}: "you", {Kind: OfOperator}: "operator",
		{Kind: OfQueueApp}: "QueueApps", {Kind: OfQueueWorker}: "QueueWorkers",
	}
	if word, ok := words[finding.About]; ok {
		return word
	}
	if finding.About.Kind == OfOperator {
		return "operator " + finding.About.Name
	}
	return string(finding.About.Kind) + " " + finding.About.Name
}

func TestTheWorstComesFirst(t *testing.T) {
	in := healthy()
	in.OperatorsError, in.Kinds = errDenied, nil
	findings := Examine(in)
	if findings[0].Level != Wrong || findings[1].Level != Unchecked || findings[len(findings)-1].Level != Fine {
		t.Errorf("the order is %+v", findings)
	}
	if Count(findings, Wrong) != 1 || Count(findings, Unchecked) != 1 {
		t.Errorf("counted wrongly: %+v", findings)
	}
}

func TestNamesHaveNamespacesWhereAllAreLookedAt(t *testing.T) {
	in := healthy()
	in.Namespace = ""
	for _, finding := range Examine(in) {
		if finding.Check == v1alpha1.ConditionReady && finding.About.Name != "shop/emails" {
			t.Errorf("it is about %s", finding.About.Name)
		}
	}
}

// TestOperatorsAreAskedWhereTheyWork: an operator for some namespaces has Roles in these
// namespaces, and no rights elsewhere.
func TestOperatorsAreAskedWhereTheyWork(t *testing.T) {
	all, shop, both := deployment("all", 1), watches(deployment("one", 1), "--watch-namespaces=shop"), watches(deployment("two", 1), "--watch-namespaces=blog,shop,empty")
	for name, tc := range map[string]struct {
		namespace string
		operators []appsv1.Deployment
		want      []string
	}{
		"another team's operator":      {"other", []appsv1.Deployment{shop, both}, nil},
		"one for all, one namespace":   {"shop", []appsv1.Deployment{all}, []string{"all/queueworker: shop"}},
		"one for all, all namespaces":  {"", []appsv1.Deployment{all}, []string{"all/queueworker: "}},
		"two for some, one namespace":  {"blog", []appsv1.Deployment{shop, both}, []string{"two/queueworker: blog"}},
		"two for some, all namespaces": {"", []appsv1.Deployment{shop, both}, []string{"one/queueworker: shop", "two/queueworker: blog", "two/queueworker: shop"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := Input{Namespace: tc.namespace, Operators: tc.operators}
			for _, namespace := range []string{"shop", "blog", "shop", "other"} {
				in.Workers = append(in.Workers, *builders.QueueWorker(namespace, "emails").Obj())
			}
			var got []string
			for _, powers := range Needed(in) {
				got = append(got, powers.Operator+": "+powers.Namespace)
				if len(powers.Rights) != len(Operators()) {
					t.Errorf("%d rights are asked for, want %d", len(powers.Rights), len(Operators()))
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryCommandsRightsAreAskedFor compares Wanted with the requests of the commands.
func TestEveryCommandsRightsAreAskedFor(t *testing.T) {
	asked := map[string]bool{}
	for _, right := range Wanted() {
		asked[right.String()] = true
	}
	for _, want := range []string{"get queueworkers.queueworker.dev", "get pods", "watch pods", "list pods", "get pods/log"} {
		if !asked[want] {
			t.Errorf("nobody asks for %s", want)
		}
	}
}

// TestOperatorsRightsAreThoseOfItsRole: doctor checks every right of the operator's role.
func TestOperatorsRightsAreThoseOfItsRole(t *testing.T) {
	text, err := os.ReadFile("../../config/rbac/role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(text, role); err != nil {
		t.Fatal(err)
	}
	var want, got []string
	for _, rule := range role.Rules {
		for _, resource := range rule.Resources {
			plain, sub, _ := strings.Cut(resource, "/")
			for _, verb := range rule.Verbs {
				want = append(want, Right{Group: rule.APIGroups[0], Resource: plain, Subresource: sub, Verb: verb}.String())
			}
		}
	}
	for _, right := range Operators() {
		got = append(got, right.String())
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rights.go differs from config/rbac/role.yaml (-role +rights):\n%s", diff)
	}
}
