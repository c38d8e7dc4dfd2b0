// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/console/doctor"
)

// claiming returns a Deployment with the operator's label.
func claiming(namespace string, available int32, arguments ...string) *appsv1.Deployment {
	claim := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "queueworker", Labels: doctor.OperatorLabels}}
	claim.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "queueworker"}}
	claim.Spec.Template.Spec.ServiceAccountName = "queueworker"
	claim.Spec.Template.Spec.Containers = []corev1.Container{{Name: "manager", Image: "queueworker:" + namespace, Args: arguments}}
	claim.Status.AvailableReplicas = available
	return claim
}

// trusting returns a cluster where these service accounts, as NAMESPACE/NAME, have every
// right. It counts the questions for rights.
func trusting(t *testing.T, accounts []string, objects ...client.Object) (*Cluster, *int) {
	t.Helper()
	questions := new(int)
	return fakeCluster(t, interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.CreateOption) error {
			review, ok := object.(*authorizationv1.SubjectAccessReview)
			if !ok {
				return fmt.Errorf("a %T is created", object)
			}
			*questions++
			if accounts == nil {
				return apierrors.NewForbidden(schema.GroupResource{Group: "authorization.k8s.io", Resource: "subjectaccessreviews"}, "", nil)
			}
			if strings.Contains(review.Spec.ResourceAttributes.Namespace, "/") {
				return apierrors.NewBadRequest("a namespace has no slash")
			}
			account := strings.ReplaceAll(strings.TrimPrefix(review.Spec.User, "system:serviceaccount:"), ":", "/")
			review.Status.Allowed = slices.Contains(accounts, account)
			return nil
		},
	}, objects...), questions
}

// TestALabelMakesNoOperator: another tenant creates Deployments with the operator's
// label. doctor, version and report must not take them for operators.
func TestALabelMakesNoOperator(t *testing.T) {
	const operator = "queueworker-system/queueworker"
	for name, tc := range map[string]struct {
		accounts []string
		claims   []client.Object
		want     []string
		// wrong are the failed checks of doctor.
		wrong   []string
		version string
	}{
		"a dead one beside the operator": {
			[]string{operator},
			[]client.Object{claiming("queueworker-system", 1), claiming("another-tenant", 0)},
			[]string{operator}, nil, "Operator: queueworker:queueworker-system in",
		},
		"a question that the cluster refuses": {
			[]string{operator},
			[]client.Object{claiming("another-tenant", 1, "--watch-namespaces=a/b"), claiming("queueworker-system", 1)},
			[]string{operator}, nil, "Operator: queueworker:queueworker-system in",
		},
		"one that runs, and no operator": {
			[]string{operator}, []client.Object{claiming("another-tenant", 1)},
			nil, []string{"OperatorRuns"}, "no operator is installed",
		},
		"a caller who may not ask": {
			nil, []client.Object{claiming("queueworker-system", 1), claiming("another-tenant", 0)},
			nil, nil, "you may not create subjectaccessreviews",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, _ := trusting(t, tc.accounts, tc.claims...)
			in := doctor.Input{Namespace: "shop", Kinds: []string{"queueapps", "queuecommands", "queueworkers"}}
			operators, unproven, err := operatorsOf(t.Context(), cluster, in)
			in.Operators, in.Unproven, in.OperatorsError = operators, unproven, err
			var got, wrong []string
			for i := range operators {
				got = append(got, operators[i].Namespace+"/"+operators[i].Name)
			}
			if in.Theirs, err = theirs(t.Context(), cluster, in); err != nil {
				t.Fatal(err)
			}
			for _, finding := range doctor.Examine(in) {
				if finding.Level == doctor.Wrong || finding.Check == "OneOperator" {
					wrong = append(wrong, finding.Check)
				}
			}
			if !slices.Equal(got, tc.want) || !slices.Equal(wrong, tc.wrong) {
				t.Errorf("operators %v, want %v; wrong %v, want %v", got, tc.want, wrong, tc.wrong)
			}
			var out bytes.Buffer
			if err := printOperators(t.Context(), &Deps{Streams: genericiooptions.IOStreams{Out: &out}}, cluster); err != nil {
				out.WriteString(err.Error())
			}
			if !strings.Contains(out.String(), tc.version) || strings.Contains(out.String(), "another-tenant") {
				t.Errorf("version says %q, want %q", out.String(), tc.version)
			}
		})
	}
}

// TestManyClaimsAskFewQuestions: 200 Deployments cause 50 questions. If none of the 50 is
// an operator, it is unknown whether there is an operator.
func TestManyClaimsAskFewQuestions(t *testing.T) {
	var claims []client.Object
	for i := range 200 {
		claims = append(claims, claiming(fmt.Sprintf("tenant-%d", i), 1))
	}
	cluster, questions := trusting(t, []string{}, claims...)
	operators, _, err := operatorsOf(t.Context(), cluster, doctor.Input{Namespace: "shop"})
	if len(operators) != 0 || err == nil || *questions != doctor.MaxClaims {
		t.Errorf("%d operators, %d questions, %v", len(operators), *questions, err)
	}
}

// TestManyClaimsAreReadInPages: 10,000 Deployments with the operator's label come in
// pages of 50. 50 are kept, among them the operator, which comes last.
func TestManyClaimsAreReadInPages(t *testing.T) {
	const all = 10_000
	largest := 0
	cluster := fakeCluster(t, interceptor.Funcs{
		List: func(_ context.Context, _ client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
			asked := (&client.ListOptions{}).ApplyOptions(options)
			start, _ := strconv.Atoi(asked.Continue) // 0 for the first page
			end := all
			if asked.Limit > 0 {
				end = min(start+int(asked.Limit), all)
			}
			largest = max(largest, end-start)
			page := list.(*appsv1.DeploymentList)
			for i := start; i < end; i++ {
				page.Items = append(page.Items, *claiming("another-tenant", 1))
			}
			if end < all {
				page.Continue = strconv.Itoa(end)
			} else {
				page.Items[len(page.Items)-1] = *claiming("queueworker-system", 1)
			}
			return nil
		},
	})
	labelled, count, err := labelledOperators(t.Context(), cluster)
	found := slices.ContainsFunc(labelled, func(claim appsv1.Deployment) bool { return claim.Namespace == "queueworker-system" })
	if err != nil || count != all || largest > pageSize || cap(labelled) > 2*doctor.MaxClaims || !found {
		t.Errorf("%d of %d kept, capacity %d, the largest page has %d, operator found: %t, %v", len(labelled), count, cap(labelled), largest, found, err)
	}
}

// TestAReportHasTheLogsOfItsOwnOperator: another team's operator for other namespaces has
// an operator's rights there. Its log does not belong in this namespace's report.
func TestAReportHasTheLogsOfItsOwnOperator(t *testing.T) {
	cluster, _ := trusting(t, []string{"queueworker-system/queueworker", "blog/queueworker"},
		claiming("queueworker-system", 1), claiming("blog", 1, "--watch-namespaces=blog"), claiming("another-tenant", 1))
	operators, err := workingIn(t.Context(), cluster)
	if err != nil || len(operators) != 1 || operators[0].Namespace != "queueworker-system" {
		t.Errorf("operators %v, %v", operators, err)
	}
}

// TestOperatorLogsAreBounded: a node sends 9 MiB of each log, whatever the request says.
// The bundle keeps 8 MiB of a log and 32 MiB of all logs, and says what is missing.
func TestOperatorLogsAreBounded(t *testing.T) {
	operator := claiming("queueworker-system", 1)
	operator.Spec.Selector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"queueworker"}}}}
	objects := []client.Object{&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "queueworker-system", Name: "neighbour"}}}
	for i := range maxLogPods + 2 {
		objects = append(objects, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "queueworker-system", Name: fmt.Sprintf("queueworker-%d", i), Labels: map[string]string{"app": "queueworker"}}})
	}
	cluster := fakeCluster(t, interceptor.Funcs{}, objects...)
	core, err := corev1client.NewForConfig(&rest.Config{Host: "http://cluster", QPS: -1, Transport: fakeLog{text: strings.Repeat("x", 9<<20)}})
	if err != nil {
		t.Fatal(err)
	}
	cluster.Core = core
	logs := &operatorLogs{lines: 5000, left: maxLogs}
	logs.read(t.Context(), cluster, operator)
	total := 0
	for _, log := range logs.files {
		total += len(log.text)
		if len(log.text) > maxLog || strings.Contains(log.name, "neighbour") {
			t.Errorf("%s has %d bytes", log.name, len(log.text))
		}
	}
	missing := strings.Join(logs.missing, "\n")
	if total != maxLogs || len(logs.files) != 4 || !strings.Contains(missing, "those of 2 older pods") || !strings.Contains(missing, "more than 32 MiB") || !strings.Contains(missing, "first 8388608 bytes") {
		t.Errorf("%d logs of %d bytes; missing:\n%s", len(logs.files), total, missing)
	}
}
