// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/lab"
)

// withOperatorsToken returns a client that uses a token of the installed operator's
// account.
func withOperatorsToken(l *lab.Lab) client.Client {
	l.Helper()
	kube, err := kubernetes.NewForConfig(l.Config)
	if err != nil {
		l.Fatal(err)
	}
	token, err := kube.CoreV1().ServiceAccounts(operatorNamespace).CreateToken(l.Ctx, operatorAccount, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		l.Fatal(err)
	}
	config := rest.AnonymousClientConfig(l.Config)
	config.BearerToken, config.UserAgent = token.Status.Token, intruderAgent
	c, err := client.New(config, client.Options{Scheme: l.Client.Scheme()})
	if err != nil {
		l.Fatal(err)
	}
	return c
}

// TestTheOperatorsTokenIsConfined tries what a thief of the operator's token would try.
func TestTheOperatorsTokenIsConfined(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(builders.QueueWorker(l.Namespace, "emails").Sleep(time.Second).Obj())
	l.Ready("emails", 2*time.Minute)
	thief := withOperatorsToken(l)
	labels := map[string]string{"app": "shell"}
	shell := func(namespace string, owners ...metav1.OwnerReference) *appsv1.Deployment {
		return &appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: "shell-worker", OwnerReferences: owners,
				Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
			},
			Spec: appsv1.DeploymentSpec{
				Selector: &metav1.LabelSelector{MatchLabels: labels},
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: labels},
					Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "shell", Image: lab.DemoImage}}},
				},
			},
		}
	}
	// Each of these breaks one policy alone: which of several refuses is left to chance.
	owner := metav1.OwnerReference{
		APIVersion: v1alpha1.GroupVersion.String(), Kind: "QueueWorker", Name: "shell", UID: "b5a3f0a1-5d0b-4a5e-9f5b-6d1e2f3a4b5c", Controller: new(true),
	}
	spy := shell("default", owner)
	spy.Spec.Template.Spec.HostPID = true
	patch := func(object client.Object, how types.PatchType, patch string) error {
		return thief.Patch(l.Ctx, object, client.RawPatch(how, []byte(patch)))
	}
	dns := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "coredns"}}
	// The test cluster runs CoreDNS outside of Kubernetes, with a file.
	if err := l.Client.Create(l.Ctx, dns.DeepCopy()); client.IgnoreAlreadyExists(err) != nil {
		t.Fatal(err)
	}
	pod := l.Pods("emails")[0]
	image := fmt.Sprintf(`{"spec":{"containers":[{"name":%q,"image":%q}]}}`, pod.Spec.Containers[0].Name, lab.DemoImage2)
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"the cluster's DNS":               {patch(dns, types.MergePatchType, `{"data":{"Corefile":". {}"}}`), "is a namespace of the cluster itself"},
		"a Deployment of its own":         {thief.Create(l.Ctx, shell(l.Namespace)), "without an object of queueworker.dev that controls it"},
		"a Deployment in kube-system":     {thief.Create(l.Ctx, shell("kube-system", owner)), "is a namespace of the cluster itself"},
		"a pod that sees the node":        {thief.Create(l.Ctx, spy), "asks for access to its node: hostPID"},
		"a pod's image":                   {patch(pod.DeepCopy(), types.StrategicMergePatchType, image), "it may set annotations and nothing else"},
		"the spec of a QueueWorker":       {patch(l.Worker("emails"), types.MergePatchType, `{"spec":{"processes":50}}`), "forbidden"},
		"an annotation of its own choice": {patch(pod.DeepCopy(), types.MergePatchType, `{"metadata":{"annotations":{"a":"b"}}}`), "no annotations but those of queueworker.dev"},
	} {
		switch {
		case tc.err == nil:
			t.Errorf("%s: the operator's token may do it", name)
		case !apierrors.IsForbidden(tc.err) || !strings.Contains(tc.err.Error(), tc.want):
			t.Errorf("%s: want Forbidden with %q, got: %v", name, tc.want, tc.err)
		}
	}
}

// TestPoliciesAreWellTyped checks the warnings of the API server about the policies'
// expressions.
func TestPoliciesAreWellTyped(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Eventually("the four policies are checked", time.Minute, func() (bool, string) {
		list := &admissionregistrationv1.ValidatingAdmissionPolicyList{}
		if err := l.Client.List(l.Ctx, list, client.MatchingLabels{"app.kubernetes.io/name": "queueworker"}); err != nil {
			return false, err.Error()
		}
		checked := 0
		for _, policy := range list.Items {
			if policy.Status.TypeChecking == nil {
				continue
			}
			checked++
			for _, warning := range policy.Status.TypeChecking.ExpressionWarnings {
				t.Errorf("%s, %s: %s", policy.Name, warning.FieldRef, warning.Warning)
			}
		}
		return checked == 4, fmt.Sprintf("%d of %d are checked", checked, len(list.Items))
	})
}
