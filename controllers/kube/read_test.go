// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package kube

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/fakeapiserver"
)

func TestGetReturnsAnObjectOrNone(t *testing.T) {
	present := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "a", Labels: map[string]string{"of": "shop"}}, Data: map[string]string{"k": "v"}}
	tests := map[string]struct {
		namespace, name string
		err, want       error
		found           bool
	}{
		"one":                    {namespace: "shop", name: "a", found: true},
		"none of the name":       {namespace: "shop", name: "b"},
		"none of the namespace":  {namespace: "blog", name: "a"},
		"one that it may not":    {namespace: "shop", name: "a", err: errForbidden, want: errForbidden},
		"the API server is away": {namespace: "shop", name: "a", err: errAway, want: errAway},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			cluster := fakeapiserver.New(t, present)
			cluster.Fail("get ConfigMap a", tc.err)
			object, err := Get[corev1.ConfigMap](t.Context(), cluster.Client(), tc.namespace, tc.name)
			if (object != nil) != tc.found || !errors.Is(err, tc.want) {
				t.Errorf("Get() = %v, %v; want %v", object, err, tc.want)
			}
			if object != nil && object.Data["k"] != "v" {
				t.Errorf("it lacks something: %+v", object)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "get *v1.ConfigMap a: ") {
				t.Errorf("the error does not say what was attempted: %v", err)
			}
			metadata, err := GetMetadata(t.Context(), cluster.Client(), corev1.SchemeGroupVersion.WithKind("ConfigMap"), tc.namespace, tc.name)
			if (metadata != nil) != tc.found || !errors.Is(err, tc.want) {
				t.Errorf("GetMetadata() = %v, %v; want %v", metadata, err, tc.want)
			}
			if metadata != nil && metadata.Labels["of"] != "shop" {
				t.Errorf("it lacks something: %+v", metadata)
			}
			if err != nil && !strings.HasPrefix(err.Error(), "look for ConfigMap a: ") {
				t.Errorf("the error does not say what was attempted: %v", err)
			}
		})
	}
}

// poolObjects returns a Deployment, two ReplicaSets with its labels of which it owns one,
// and pods with these labels, of which the owned ReplicaSet controls one.
func poolObjects() (deployment *appsv1.Deployment, objects []client.Object) {
	deployment = &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "emails-worker", UID: "deployment"}}
	deployment.Spec.Template.Labels = map[string]string{"pool": "emails"}
	own := builders.ReplicaSet(deployment)
	foreign := builders.ReplicaSet(&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "emails-worker", UID: "an earlier one"}, Spec: deployment.Spec})
	foreign.Name = "emails-worker-2"
	loose, aside := builders.PodOfSet(own, "loose", noon), builders.PodOfSet(own, "aside", noon)
	loose.OwnerReferences = nil
	aside.OwnerReferences[0].Controller = nil
	elsewhere := builders.PodOfSet(own, "elsewhere", noon)
	elsewhere.Namespace = "blog"
	unlabelled := builders.PodOfSet(own, "unlabelled", noon)
	unlabelled.Labels = nil
	return deployment, []client.Object{
		own, foreign, builders.PodOfSet(own, "own", noon), builders.PodOfSet(foreign, "foreign", noon), loose, aside, elsewhere, unlabelled,
	}
}

func TestPodsCountOnlyIfTheyAreOwned(t *testing.T) {
	deployment, objects := poolObjects()
	cluster := fakeapiserver.New(t, objects...)
	among := []client.ListOption{client.InNamespace("shop"), client.MatchingLabels{"pool": "emails"}}
	owners, err := ReplicaSetsOf(t.Context(), cluster.Client(), deployment, among...)
	if diff := cmp.Diff(map[types.UID]bool{"uid-deployment": true}, owners); diff != "" || err != nil {
		t.Fatalf("ReplicaSets (-want +got):\n%s%v", diff, err)
	}
	pods, err := PodsOf(t.Context(), cluster.Client(), owners, among...)
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	if !slices.Equal(names, []string{"own"}) || err != nil {
		t.Errorf("the pods are %q, %v; want own", names, err)
	}
	if pods, err := PodsOf(t.Context(), cluster.Client(), nil, among...); len(pods) > 0 || err != nil {
		t.Errorf("without an owner there are %d pods, %v", len(pods), err)
	}
}

func TestAFailedListSaysWhatWasListed(t *testing.T) {
	cluster := fakeapiserver.New(t)
	for call, tc := range map[string]struct {
		list func() error
		want string
	}{
		"list Pod": {want: "list Pods: ", list: func() error {
			_, err := PodsOf(t.Context(), cluster.Client(), nil)
			return err
		}},
		"list ReplicaSet": {want: "list ReplicaSets: ", list: func() error {
			_, err := ReplicaSetsOf(t.Context(), cluster.Client(), &appsv1.Deployment{})
			return err
		}},
		"list QueueApp": {want: "list QueueApps: ", list: func() error {
			_, err := QueueApps(t.Context(), cluster.Client(), "shop")
			return err
		}},
		"list ConfigMap": {want: "list what there is: ", list: func() error {
			return List(t.Context(), cluster.Client(), "what there is", &corev1.ConfigMapList{})
		}},
	} {
		if err := tc.list(); err != nil {
			t.Errorf("%s: %v", call, err)
		}
		cluster.Fail(call, errAway)
		if err := tc.list(); !errors.Is(err, errAway) || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%s: the error is %v, want %q", call, err, tc.want)
		}
	}
}

func TestQueueAppsAreThoseOfTheNamespace(t *testing.T) {
	cluster := fakeapiserver.New(t, builders.QueueApp("shop", "web").Obj(), builders.QueueApp("blog", "web").Obj(), builders.QueueApp("shop", "mail").Obj())
	apps, err := QueueApps(t.Context(), cluster.Client(), "shop")
	var names []string
	for i := range apps {
		names = append(names, apps[i].Namespace+"/"+apps[i].Name)
	}
	if slices.Sort(names); !slices.Equal(names, []string{"shop/mail", "shop/web"}) || err != nil {
		t.Errorf("the QueueApps are %q, %v", names, err)
	}
}
