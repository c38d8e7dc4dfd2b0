// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"fmt"
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// stranger is the metadata of an object that has the operator's label and nothing else of it.
func stranger(more map[string]any) map[string]any {
	out := map[string]any{"labels": map[string]any{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}}
	for key, value := range more {
		out[key] = value
	}
	return out
}

// entries are so many keys with a value each.
func entries(count int, value string) map[string]any {
	out := map[string]any{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}
	for i := range count {
		out[fmt.Sprintf("example.com/k%05d", i)] = value
	}
	return out
}

func copies(count int, value any) []any {
	out := make([]any, count)
	for i := range out {
		out[i] = value
	}
	return out
}

type m = map[string]any

// fatObjects are objects of about a megabyte of every kind, by what is large in them.
func fatObjects(t testing.TB) map[string]struct {
	resource string
	document []byte
} {
	large := strings.Repeat("x", 1_000_000)
	pod := m{"containers": []any{m{"name": "worker", "image": "shop:1", "args": copies(200_000, "")}}}
	owner := m{"apiVersion": "v1", "kind": large, "name": "x", "uid": "1", "controller": true}
	fields := m{"manager": "kubectl", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": m{"f:data": m{"f:" + large: m{}}}}
	type object = struct {
		resource string
		document []byte
	}
	return map[string]object{
		"a ConfigMap with large data":           {"configmaps", document(t, "v1", "ConfigMap", stranger(nil), m{"data": m{"control.json": large}})},
		"a ConfigMap with many labels":          {"configmaps", document(t, "v1", "ConfigMap", m{"labels": entries(30_000, "value")}, nil)},
		"a ConfigMap with many annotations":     {"configmaps", document(t, "v1", "ConfigMap", stranger(m{"annotations": entries(30_000, "value")}), nil)},
		"a ConfigMap with a large owner":        {"configmaps", document(t, "v1", "ConfigMap", stranger(m{"ownerReferences": []any{owner}}), nil)},
		"a ConfigMap with large managed fields": {"configmaps", document(t, "v1", "ConfigMap", stranger(m{"managedFields": []any{fields}}), nil)},
		"a Deployment with many arguments":      {"deployments", document(t, "apps/v1", "Deployment", stranger(nil), m{"spec": m{"template": m{"spec": pod}}})},
		"a Job with many arguments":             {"jobs", document(t, "batch/v1", "Job", stranger(nil), m{"spec": m{"template": m{"spec": pod}}})},
		"a Pod with many arguments":             {"pods", document(t, "v1", "Pod", stranger(nil), m{"spec": pod})},
		"a Pod with many containers":            {"pods", document(t, "v1", "Pod", stranger(nil), m{"status": m{"containerStatuses": copies(10_000, m{"name": "a", "state": m{"terminated": m{"exitCode": 1, "message": "x"}}})}})},
		"a ReplicaSet with many labels":         {"replicasets", document(t, "meta.k8s.io/v1", "PartialObjectMetadata", m{"labels": entries(30_000, "value")}, nil)},
		"a budget with a large selector":        {"poddisruptionbudgets", document(t, "policy/v1", "PodDisruptionBudget", stranger(nil), m{"spec": m{"selector": m{"matchLabels": entries(30_000, "value")}}})},
		"a QueueApp with empty tolerations":     {"queueapps", fatApp(t, m{"tolerations": copies(480_000, m{})})},
		"a QueueApp with one long argument":     {"queueapps", fatApp(t, m{"containers": []any{m{"name": "worker", "args": []any{large}}}})},
		"a QueueApp with many labels":           {"queueapps", document(t, v1alpha1.SchemeGroupVersion.String(), "QueueApp", m{"labels": entries(30_000, "value")}, nil)},
		"a QueueWorker with many annotations":   {"queueworkers", document(t, v1alpha1.SchemeGroupVersion.String(), "QueueWorker", m{"annotations": entries(30_000, "value")}, nil)},
		"a QueueCommand with failed jobs": {"queuecommands", document(t, v1alpha1.SchemeGroupVersion.String(), "QueueCommand", nil, m{
			"status": m{"failedJobs": copies(30_000, m{"id": "1"}), "conditions": copies(10_000, m{"type": "a"})}})},
	}
}

func fatApp(t testing.TB, pod m) []byte {
	return document(t, v1alpha1.SchemeGroupVersion.String(), "QueueApp", nil, m{"spec": m{"template": m{"spec": pod}}})
}

// Whoever may create an object with the operator's label, or of its kinds, decides what is
// in it, and not what the operator remembers of it.
func TestTheCacheForgetsWhatIsLarge(t *testing.T) {
	const most, objects = 24 << 10, 10
	for name, fat := range fatObjects(t) {
		t.Run(name, func(t *testing.T) {
			_, one, _ := fill(t, &fakeAPIServer{objects: [][]byte{fat.document}, count: 1}, fat.resource)
			_, all, _ := fill(t, &fakeAPIServer{objects: [][]byte{fat.document}, count: 1 + objects}, fat.resource)
			if each := (all - one) / objects; each > most {
				t.Errorf("each of %d bytes takes %d bytes of heap, want at most %d", len(fat.document), each, most)
			}
		})
	}
}

// A server of the newest Kubernetes streams its objects; one that does not is asked for
// pages that fit.
func TestFillingTheCacheTakesLittleAtOnce(t *testing.T) {
	fat := fatObjects(t)
	for _, old := range []bool{false, true} {
		for _, name := range []string{"a ConfigMap with large data", "a ConfigMap with many labels", "a QueueApp with empty tolerations"} {
			t.Run(fmt.Sprintf("%s, old %t", name, old), func(t *testing.T) {
				server := &fakeAPIServer{objects: [][]byte{fat[name].document}, count: 40, old: old}
				_, heap, peak := fill(t, server, fat[name].resource)
				t.Logf("the heap is %d KiB and was %d KiB at most; the largest list had %d KiB", heap>>10, peak>>10, server.largest.Load()>>10)
				if peak > 64<<20 || heap > 8<<20 {
					t.Errorf("the heap has %d KiB and had %d KiB at most, want at most 8 MiB and 64 MiB", heap>>10, peak>>10)
				}
			})
		}
	}
}
