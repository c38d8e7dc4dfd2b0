// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// stranger returns the metadata of an object that has only the operator's label in
// common with the operator's objects.
func stranger(more map[string]any) map[string]any {
	out := map[string]any{"labels": map[string]any{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}}
	maps.Copy(out, more)
	return out
}

// entries returns a number of keys with a value each.
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

// fatObject is a large object of a resource, as JSON.
type fatObject struct {
	resource string
	document []byte
}

// fatObjects are objects of about a megabyte of every kind, by what is large in them.
func fatObjects(t testing.TB) map[string]fatObject {
	large := strings.Repeat("x", 1_000_000)
	pod := m{"containers": []any{m{"name": "worker", "image": "shop:1", "args": copies(200_000, "")}}}
	owner := m{"apiVersion": "v1", "kind": large, "name": "x", "uid": "1", "controller": true}
	fields := m{"manager": "kubectl", "operation": "Update", "fieldsType": "FieldsV1", "fieldsV1": m{"f:data": m{"f:" + large: m{}}}}
	forged := forgedOwner(v1alpha1.SchemeGroupVersion.String(), "QueueWorker")
	volumes := make([]any, 23_000)
	for i := range volumes {
		volumes[i] = m{"name": fmt.Sprint(i), "emptyDir": m{}}
	}
	spec := m{"template": m{"spec": m{"containers": []any{m{"name": "worker", "image": "shop:1"}}}}}
	with := func(name string, value any) m {
		out := maps.Clone(spec)
		out[name] = value
		return m{"spec": out}
	}
	objects := map[string]fatObject{
		"a ConfigMap with large data":             {"configmaps", document(t, "v1", "ConfigMap", stranger(nil), m{"data": m{"control.json": large}})},
		"a ConfigMap with many labels":            {"configmaps", document(t, "v1", "ConfigMap", m{"labels": entries(30_000, "value")}, nil)},
		"a ConfigMap with many annotations":       {"configmaps", document(t, "v1", "ConfigMap", stranger(m{"annotations": entries(30_000, "value")}), nil)},
		"a ConfigMap with a large owner":          {"configmaps", document(t, "v1", "ConfigMap", stranger(m{"ownerReferences": []any{owner}}), nil)},
		"a ConfigMap with large managed fields":   {"configmaps", document(t, "v1", "ConfigMap", stranger(m{"managedFields": []any{fields}}), nil)},
		"a Deployment with many arguments":        {"deployments", document(t, "apps/v1", "Deployment", stranger(nil), m{"spec": m{"template": m{"spec": pod}}})},
		"a Job with many arguments":               {"jobs", document(t, "batch/v1", "Job", stranger(nil), m{"spec": m{"template": m{"spec": pod}}})},
		"a Pod with many arguments":               {"pods", document(t, "v1", "Pod", stranger(nil), m{"spec": pod})},
		"a Pod with many containers":              {"pods", document(t, "v1", "Pod", stranger(nil), m{"status": m{"containerStatuses": copies(10_000, m{"name": "a", "state": m{"terminated": m{"exitCode": 1, "message": "x"}}})}})},
		"a ReplicaSet with many labels":           {"replicasets", document(t, "meta.k8s.io/v1", "PartialObjectMetadata", m{"labels": entries(30_000, "value")}, nil)},
		"a policy with many rules":                {"networkpolicies", document(t, "networking.k8s.io/v1", "NetworkPolicy", stranger(nil), m{"spec": m{"podSelector": m{}, "ingress": copies(100_000, m{})}})},
		"a budget with a large selector":          {"poddisruptionbudgets", document(t, "policy/v1", "PodDisruptionBudget", stranger(nil), m{"spec": m{"selector": m{"matchLabels": entries(30_000, "value")}}})},
		"a pool's budget with a large selector":   {"poddisruptionbudgets", document(t, "policy/v1", "PodDisruptionBudget", forged, m{"spec": m{"selector": m{"matchLabels": entries(30_000, "value")}}})},
		"a pool's budget with many expressions":   {"poddisruptionbudgets", document(t, "policy/v1", "PodDisruptionBudget", forged, m{"spec": m{"selector": m{"matchExpressions": copies(20_000, m{"key": "a", "operator": "Exists"})}}})},
		"a pool's budget with a large number":     {"poddisruptionbudgets", document(t, "policy/v1", "PodDisruptionBudget", forged, m{"spec": m{"maxUnavailable": large}})},
		"a pool's Deployment with many arguments": {"deployments", document(t, "apps/v1", "Deployment", forged, m{"spec": m{"template": m{"spec": pod}}})},
		"a pool's Deployment with many volumes":   {"deployments", document(t, "apps/v1", "Deployment", forged, m{"spec": m{"template": m{"spec": m{"volumes": volumes}}}})},
		"a pool's Deployment with a large image": {"deployments", document(t, "apps/v1", "Deployment", forged, m{"spec": m{"template": m{
			"metadata": m{"labels": m{v1alpha1.LabelApp: large}, "annotations": m{v1alpha1.AnnotationRecreatedAt: large}},
			"spec":     m{"priorityClassName": large, "initContainers": []any{m{"name": "queueworker-agent", "image": large}}}}}})},
		"a pool's Deployment with a large selector": {"deployments", document(t, "apps/v1", "Deployment", forged, with("selector", m{"matchLabels": entries(30_000, "value")}))},
		"a pool's Deployment with a large strategy": {"deployments", document(t, "apps/v1", "Deployment", forged, with("strategy", m{"rollingUpdate": m{"maxSurge": large}}))},
		"a pool's ConfigMap with large data":        {"configmaps", document(t, "v1", "ConfigMap", forged, m{"data": m{"control.json": large}})},
		"a pool's Job with many volumes": {"jobs", document(t, "batch/v1", "Job", forged, m{"spec": m{"template": m{
			"metadata": m{"labels": m{v1alpha1.LabelApp: large}}, "spec": m{"priorityClassName": large, "volumes": volumes}}}})},
		"a QueueApp with empty tolerations":    {"queueapps", fatApp(t, m{"tolerations": copies(480_000, m{})})},
		"a QueueApp with one long argument":    {"queueapps", fatApp(t, m{"containers": []any{m{"name": "worker", "args": []any{large}}}})},
		"a QueueApp with many labels":          {"queueapps", document(t, v1alpha1.SchemeGroupVersion.String(), "QueueApp", m{"labels": entries(30_000, "value")}, nil)},
		"a QueueWorker with a long annotation": {"queueworkers", document(t, v1alpha1.SchemeGroupVersion.String(), "QueueWorker", m{"annotations": m{v1alpha1.AnnotationRestartedAt: strings.Repeat("x", 250_000)}}, nil)},
		"a QueueWorker with empty tolerations": {"queueworkers", document(t, v1alpha1.SchemeGroupVersion.String(), "QueueWorker", nil, m{"spec": m{"queue": "a", "tolerations": copies(300_000, m{})}})},
		"a QueueWorker with many annotations":  {"queueworkers", document(t, v1alpha1.SchemeGroupVersion.String(), "QueueWorker", m{"annotations": entries(30_000, "value")}, nil)},
		"a QueueCommand with failed jobs": {"queuecommands", document(t, v1alpha1.SchemeGroupVersion.String(), "QueueCommand", nil, m{
			"status": m{"failedJobs": copies(30_000, m{"id": "1"}), "conditions": copies(10_000, m{"type": "a"})}})},
	}
	maps.Copy(objects, fatChildren(t))
	return objects
}

// forgedOwner returns the metadata of an object that a stranger has made a child of an
// owner.
func forgedOwner(apiVersion, kind string) m {
	return stranger(m{"ownerReferences": []any{m{"apiVersion": apiVersion, "kind": kind, "name": "emails", "uid": "1", "controller": true}}})
}

// fatChildren returns objects with a forged owner, which are large in the parts that the
// operator reads of its own children.
func fatChildren(t testing.TB) map[string]fatObject {
	large := strings.Repeat("x", 1_000_000)
	forged, forgedApp := forgedOwner(v1alpha1.SchemeGroupVersion.String(), "QueueWorker"), forgedOwner(v1alpha1.SchemeGroupVersion.String(), "QueueApp")
	ofSet, written := forgedOwner("apps/v1", "ReplicaSet"), maps.Clone(forged)
	written["managedFields"] = []any{m{"manager": "kubectl", "operation": "Update", "apiVersion": large, "fieldsType": "FieldsV1", "fieldsV1": m{"f:spec": m{"f:replicas": m{}}}}}
	return map[string]fatObject{
		"an app's policy with many rules":              {"networkpolicies", document(t, "networking.k8s.io/v1", "NetworkPolicy", forgedApp, m{"spec": m{"podSelector": m{}, "ingress": copies(2000, m{})}})},
		"an app's policy with many peers":              {"networkpolicies", document(t, "networking.k8s.io/v1", "NetworkPolicy", forgedApp, m{"spec": m{"podSelector": m{}, "ingress": []any{m{"from": copies(150, m{"podSelector": m{"matchLabels": m{"a": ""}}})}}}})},
		"a set's Pod with many containers of one name": {"pods", document(t, "v1", "Pod", ofSet, m{"spec": m{"containers": []any{m{"name": "a", "ports": []any{m{"name": "queueworker"}}}}}, "status": m{"containerStatuses": copies(40_000, m{"name": "a"})}})},
		"a set's Pod with a long phase":                {"pods", document(t, "v1", "Pod", ofSet, m{"status": m{"phase": large}})},
		"a set's Pod with a long condition":            {"pods", document(t, "v1", "Pod", ofSet, m{"status": m{"conditions": []any{m{"type": "Ready", "status": large}}}})},
		"a pool's Job with a long condition":           {"jobs", document(t, "batch/v1", "Job", forged, m{"status": m{"conditions": []any{m{"type": "Failed", "status": large}, m{"type": large}}}})},
		"a pool's Deployment with a long condition":    {"deployments", document(t, "apps/v1", "Deployment", forged, m{"status": m{"conditions": []any{m{"type": "Progressing", "status": large}}}})},
		"a pool's Deployment of a long writer":         {"deployments", document(t, "apps/v1", "Deployment", written, nil)},
	}
}

func fatApp(t testing.TB, pod m) []byte {
	return document(t, v1alpha1.SchemeGroupVersion.String(), "QueueApp", nil, m{"spec": m{"template": m{"spec": pod}}})
}

// A user who may create an object with the operator's label, or of its kinds, decides
// the object's content, but not what the operator remembers of it.
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

// A server of the newest Kubernetes streams its objects. A server that does not is
// asked for pages that fit.
func TestFillingTheCacheTakesLittleAtOnce(t *testing.T) {
	for _, old := range []bool{false, true} {
		for _, name := range []string{"a ConfigMap with large data", "a ConfigMap with many labels", "a QueueApp with empty tolerations"} {
			t.Run(fmt.Sprintf("%s, old %t", name, old), func(t *testing.T) {
				// The other documents must not stay in the heap: the more it holds, the later
				// the next garbage is collected.
				fat := fatObjects(t)[name]
				server := &fakeAPIServer{objects: [][]byte{fat.document}, count: 40, old: old}
				_, heap, peak := fill(t, server, fat.resource)
				t.Logf("the heap is %d KiB and was %d KiB at most; the largest list had %d KiB", heap>>10, peak>>10, server.largest.Load()>>10)
				if peak > 64<<20 || heap > 8<<20 {
					t.Errorf("the heap has %d KiB and had %d KiB at most, want at most 8 MiB and 64 MiB", heap>>10, peak>>10)
				}
			})
		}
	}
}

// typical returns objects as a pool of a Laravel application has them, and the heap
// that the cache takes for each according to docs/memory.md, in bytes.
func typical(t testing.TB) map[string]struct {
	document []byte
	most     int64
} {
	version := v1alpha1.SchemeGroupVersion.String()
	of := func(apiVersion, kind, name string) m {
		return m{
			"labels":          m{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy, v1alpha1.LabelName: "emails", "pod-template-hash": "7d9f8c6b5d"},
			"annotations":     m{v1alpha1.AnnotationAppliedHash: "0123456789abcdef", v1alpha1.AnnotationControl: `{"revision":7,"restartToken":"2026-11-23T12:00:00Z"}`},
			"ownerReferences": []any{m{"apiVersion": apiVersion, "kind": kind, "name": name, "uid": "0d3c1c55-90b3-4c6d-9f0f-0c8f3d7cbb11", "controller": true}},
			"managedFields":   []any{m{"manager": v1alpha1.FieldManager, "operation": "Apply", "fieldsType": "FieldsV1", "fieldsV1": m{"f:spec": m{}}}},
		}
	}
	env := []any{}
	for i := range 30 {
		env = append(env, m{"name": fmt.Sprintf("SHOP_SETTING_%d", i), "value": strings.Repeat("v", 20)})
	}
	container := m{"name": "worker", "image": "registry.example.com/shop:1.2.3", "env": env, "ports": []any{m{"name": "queueworker", "containerPort": 9797}}}
	pod := m{"nodeName": "node-1", "containers": []any{container}, "initContainers": []any{container}}
	state := []any{m{"name": "worker", "image": "registry.example.com/shop:1.2.3", "imageID": "registry.example.com/shop@sha256:" + strings.Repeat("0", 64),
		"ready": true, "state": m{"running": m{"startedAt": "2026-11-23T12:00:00Z"}}}}
	condition := func(kind string) m {
		return m{"type": kind, "status": "True", "reason": "Fine", "message": strings.Repeat("m", 60), "lastTransitionTime": "2026-11-23T12:00:00Z"}
	}
	conditions := []any{condition("Ready"), condition("PodScheduled"), condition("Reconciling"), condition("Stalled"), condition("BacklogKnown")}
	worker := m{"name": "emails-worker-7d9f8c6b5d-abcde-0", "pod": "emails-worker-7d9f8c6b5d-abcde", "state": "Idle"}
	return map[string]struct {
		document []byte
		most     int64
	}{
		"pods": {document(t, "v1", "Pod", of("apps/v1", "ReplicaSet", "emails-worker-7d9f8c6b5d"), m{"spec": pod, "status": m{
			"phase": "Running", "podIP": "10.0.0.1", "conditions": conditions, "containerStatuses": state, "initContainerStatuses": state}}), 6 << 10},
		"replicasets": {document(t, "meta.k8s.io/v1", "PartialObjectMetadata", of("apps/v1", "Deployment", "emails-worker"), nil), 3 << 10},
		"deployments": {document(t, "apps/v1", "Deployment", of(version, "QueueWorker", "emails"), m{"spec": m{"replicas": 2, "template": m{"spec": pod}},
			"status": m{"replicas": 2, "conditions": conditions}}), 20 << 10},
		"configmaps":           {document(t, "v1", "ConfigMap", of(version, "QueueWorker", "emails"), m{"data": m{"control.json": `{"revision":7}`}}), 3 << 10},
		"poddisruptionbudgets": {document(t, "policy/v1", "PodDisruptionBudget", of(version, "QueueWorker", "emails"), m{"spec": m{"maxUnavailable": "25%"}}), 3 << 10},
		"jobs":                 {document(t, "batch/v1", "Job", of(version, "QueueWorker", "emails"), m{"spec": m{"template": m{"spec": pod}}, "status": m{"conditions": conditions}}), 4 << 10},
		"queueapps":            {document(t, version, "QueueApp", nil, m{"spec": m{"template": m{"spec": pod}}, "status": m{"conditions": conditions}}), 12 << 10},
		"queueworkers":         {document(t, version, "QueueWorker", nil, m{"spec": m{"queue": "emails"}, "status": m{"conditions": conditions, "workers": copies(100, worker)}}), 64 << 10},
		"queuecommands":        {document(t, version, "QueueCommand", nil, m{"spec": m{"action": "Once"}, "status": m{"state": "Succeeded", "conditions": conditions}}), 4 << 10},
	}
}

// TestTheCacheTakesWhatTheDocumentationSays measures typical objects.
func TestTheCacheTakesWhatTheDocumentationSays(t *testing.T) {
	const objects = 500
	for resource, one := range typical(t) {
		t.Run(resource, func(t *testing.T) {
			_, few, _ := fill(t, &fakeAPIServer{objects: [][]byte{one.document}, count: 1}, resource)
			_, many, _ := fill(t, &fakeAPIServer{objects: [][]byte{one.document}, count: 1 + objects}, resource)
			each := (many - few) / objects
			t.Logf("each of %d bytes of JSON takes %d bytes", len(one.document), each)
			if each > one.most || each < one.most/8 {
				t.Errorf("each takes %d bytes, and docs/memory.md says %d", each, one.most)
			}
		})
	}
}
