// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"queueworker.dev/queueworker/api/bounds"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/podstate"
)

// forgedStatus is the key of a figure that docs/memory.md has outside its table.
const forgedStatus = "status that a stranger forges"

// documented reads the column "at most" of the table in docs/memory.md, in bytes.
func documented(t *testing.T) map[string]int64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "memory.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), "forge a status of 3 MiB") {
		t.Error("docs/memory.md does not say what a forged status takes")
	}
	out := map[string]int64{forgedStatus: 3 << 20}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 { // of the table with four columns
			continue
		}
		number, unit, _ := strings.Cut(strings.TrimSpace(cells[3]), " ")
		most, err := strconv.ParseInt(number, 10, 64)
		if err != nil {
			continue
		}
		out[strings.TrimSpace(cells[1])] = most << map[string]int{"KiB": 10, "MiB": 20}[unit]
	}
	return out
}

// token is as long as the longest token that the cache keeps of an annotation.
var token = strings.Repeat("t", 1022)

// forgedAs returns the largest metadata that the API server accepts, with a forged owner.
func forgedAs(apiVersion, kind string, annotations map[string]string) m {
	long := strings.Repeat("x", 1000)
	owner := m{"apiVersion": apiVersion, "kind": kind, "name": long, "uid": long, "controller": true}
	labels, values := m{}, m{}
	for _, key := range ownLabels {
		labels[key] = strings.Repeat("l", 63)
	}
	labels[v1alpha1.LabelManagedBy] = v1alpha1.ManagedBy
	for key, value := range annotations {
		values[key] = value
	}
	return m{
		"name": nameMark + strings.Repeat("n", 230), "namespace": strings.Repeat("s", 63),
		"labels": labels, "annotations": values, "ownerReferences": []any{owner},
		"finalizers": []any{long}, "generateName": long, "deletionTimestamp": "2026-11-23T12:00:00Z", "deletionGracePeriodSeconds": 30,
		"managedFields": []any{m{"manager": strings.Repeat("m", 128), "operation": "Update", "apiVersion": long, "fieldsType": "FieldsV1",
			"time": "2026-11-23T12:00:00Z", "fieldsV1": m{"f:spec": m{"f:replicas": m{}}}}},
	}
}

func tokens(keys ...string) map[string]string {
	out := map[string]string{}
	for _, key := range keys {
		out[key] = token
	}
	return out
}

// variants are objects for one row of docs/memory.md, by the part of them that is large.
type variants struct {
	resource string
	of       map[string][]byte
}

// largest returns the objects that take most of the heap, by the rows of docs/memory.md.
func largest(t *testing.T) map[string]variants {
	ours := v1alpha1.SchemeGroupVersion.String()
	long := "queueworker.dev/v1" + strings.Repeat("1", 1000)
	of := func(apiVersion, kind, ownerVersion, owner string, annotations map[string]string, object m) []byte {
		return document(t, apiVersion, kind, forgedAs(ownerVersion, owner, annotations), object)
	}
	child := tokens(childAnnotations...)
	peers := func(n int) any {
		return copies(n, m{"podSelector": m{"matchLabels": m{"a": ""}}, "namespaceSelector": m{"matchLabels": m{"a": ""}}})
	}
	policy := func(spec m) []byte {
		spec["podSelector"] = m{}
		return of("networking.k8s.io/v1", "NetworkPolicy", long, "QueueApp", child, m{"spec": spec})
	}
	return map[string]variants{
		"worker or probe pod": {"pods", largestPods(t)},
		"ReplicaSet": {"replicasets", map[string][]byte{
			"long names": of("meta.k8s.io/v1", "PartialObjectMetadata", "apps/v1", "Deployment", child, nil)}},
		"Deployment of a pool or probe": {"deployments", largestDeployments(t)},
		"control ConfigMap": {"configmaps", map[string][]byte{
			"long documents": of("v1", "ConfigMap", long, "QueueWorker", child, m{"data": m{
				protocol.ControlFile: strings.Repeat("x", protocol.MaxControlBytes), protocol.OperatorFile: strings.Repeat("x", maxPins)}}),
			"long pins": of("v1", "ConfigMap", long, "QueueWorker", child, m{"data": m{
				protocol.ControlFile: strings.Repeat("x", protocol.MaxControlBytes), protocol.OperatorFile: strings.Repeat("x", protocol.MaxControlBytes)}}),
			"long annotations": of("v1", "ConfigMap", long, "QueueWorker", map[string]string{
				v1alpha1.AnnotationAppliedHash: strings.Repeat("x", 16<<10), v1alpha1.AnnotationTemplateHash: strings.Repeat("x", 16<<10)},
				m{"data": m{protocol.ControlFile: strings.Repeat("x", protocol.MaxControlBytes)}})}},
		"PodDisruptionBudget": {"poddisruptionbudgets", map[string][]byte{
			"a selector": of("policy/v1", "PodDisruptionBudget", long, "QueueWorker", child, m{"spec": m{"selector": m{"matchLabels": m{"a": strings.Repeat("x", 550)}}}})}},
		"NetworkPolicy": {"networkpolicies", map[string][]byte{
			"2,000 empty rules": policy(m{"ingress": copies(2000, m{})}),
			"100 empty rules":   policy(m{"ingress": copies(100, m{})}),
			"1,000 peers":       policy(m{"ingress": []any{m{"from": peers(1000)}}}),
			"8 peers":           policy(m{"ingress": []any{m{"from": peers(8)}}}),
			"a long text":       policy(m{"policyTypes": []any{strings.Repeat("x", 8000)}})}},
		"Job of a run or QueueCommand": {"jobs", largestJobs(t)},
		"QueueApp": {"queueapps", map[string][]byte{
			"long texts": document(t, ours, "QueueApp", forgedAs(ours, "QueueApp", tokens(ownAnnotations...)), m{"spec": m{"template": m{"spec": m{
				"containers": []any{m{"name": "worker", "args": copies(8, strings.Repeat("x", 32_000))}}}}}}),
			"many values": fatApp(t, m{"tolerations": copies(bounds.Template.Values, m{})})}},
		"QueueWorker": {"queueworkers", largestPools(t)},
		"QueueCommand": {"queuecommands", map[string][]byte{
			"ended": document(t, ours, "QueueCommand", forgedAs(ours, "QueueApp", child), m{"spec": m{"action": "RetryFailed", "ids": copies(100, token[:36])},
				"status": m{"state": "Failed", "output": strings.Repeat("x", 8192), "conditions": copies(20, m{
					"type": strings.Repeat("T", 316), "reason": token, "message": strings.Repeat("x", 32_000), "status": "True", "lastTransitionTime": "2026-11-23T12:00:00Z"})}}),
			"much to tell": document(t, ours, "QueueCommand", forgedAs(ours, "QueueApp", child), m{"spec": m{"action": "Once"},
				"status": m{"state": "Running", "message": strings.Repeat("x", 4096)}}),
			"waiting": document(t, ours, "QueueCommand", forgedAs(ours, "QueueApp", child), m{"spec": m{
				"action": "RetryFailed", "ids": copies(100, token[:36]), "queue": token[:512], "continue": token[:512], "search": token[:200]}})}},
		"any other object with the label `app.kubernetes.io/managed-by: queueworker`": {"deployments", map[string][]byte{
			"long names": of("apps/v1", "Deployment", "v1"+strings.Repeat("1", 1000), strings.Repeat("K", 1000), child, nil)}},
		forgedStatus: {"queueworkers", map[string][]byte{
			"accounted pods": document(t, ours, "QueueWorker", nil, m{"spec": m{"queue": "emails"}, "status": m{"accounted": copies(2000, m{
				"uid": "u", "name": "n", "restarts": copies(30, m{"reason": "rr", "count": 1})})}})}},
	}
}

func largestPods(t *testing.T) map[string][]byte {
	annotations := tokens(podstate.ReadAnnotations...)
	annotations[v1alpha1.AnnotationControl] = strings.Repeat("x", protocol.MaxControlBytes)
	all := map[string]string{}
	for _, key := range podstate.ReadAnnotations {
		all[key] = strings.Repeat("x", protocol.MaxControlBytes)
	}
	text, words := strings.Repeat("x", 1100), strings.Repeat("x", 4200)
	ended := m{"exitCode": 1, "reason": text, "message": words, "startedAt": "2026-11-23T12:00:00Z", "finishedAt": "2026-11-23T12:00:00Z", "containerID": text}
	state := m{"waiting": m{"reason": text, "message": text}, "running": m{"startedAt": "2026-11-23T12:00:00Z"}, "terminated": ended}
	container := func(name string) m {
		return m{"name": name, "image": text, "imageID": text, "containerID": text, "state": state, "lastState": state}
	}
	condition := m{"type": "Ready", "status": text, "reason": text, "message": text, "lastTransitionTime": "2026-11-23T12:00:00Z"}
	placed := maps.Clone(condition)
	placed["type"] = "PodScheduled"
	pod := func(annotations map[string]string, name string, statuses, conditions any) []byte {
		return document(t, "v1", "Pod", forgedAs("apps/v"+strings.Repeat("1", 1000), "ReplicaSet", annotations), m{
			"spec": m{"nodeName": strings.Repeat("n", 253), "containers": []any{m{"name": name, "ports": []any{
				m{"name": protocol.PortName, "containerPort": 1}, m{"name": protocol.OperatorPortName, "containerPort": 2}}}}},
			"status": m{"phase": text, "podIP": text, "reason": text, "message": text,
				"conditions": conditions, "initContainerStatuses": statuses, "containerStatuses": statuses}})
	}
	both := []any{condition, placed, condition}
	others := append([]any{container("worker")}, copies(21, container("other"))...)
	return map[string][]byte{
		"many containers":                    pod(annotations, "worker", others, both),
		"long annotations":                   pod(all, "worker", nil, nil),
		"many statuses of the worker's name": pod(nil, "worker", copies(20_000, m{"name": "worker"}), nil),
		"many conditions":                    pod(nil, "worker", nil, copies(20_000, m{"type": "Ready"})),
		"small containers":                   pod(annotations, "worker", copies(40, m{"name": "a"}), both),
		"a long phase":                       document(t, "v1", "Pod", forgedAs("apps/v1", "ReplicaSet", nil), m{"status": m{"phase": strings.Repeat("x", 1_000_000)}}),
		"a long status of a condition": document(t, "v1", "Pod", forgedAs("apps/v1", "ReplicaSet", nil), m{"status": m{
			"conditions": []any{m{"type": "Ready", "status": strings.Repeat("x", 1_000_000)}}}}),
	}
}

func largestDeployments(t *testing.T) map[string][]byte {
	deployment := func(template m) []byte {
		template["metadata"] = m{"labels": m{v1alpha1.LabelApp: strings.Repeat("l", 63)}, "annotations": m{v1alpha1.AnnotationRecreatedAt: token}}
		return document(t, "apps/v1", "Deployment", forgedAs("queueworker.dev/v1"+strings.Repeat("1", 1000), "QueueWorker", tokens(childAnnotations...)), m{
			"spec": m{"replicas": 1, "selector": m{"matchLabels": m{"a": strings.Repeat("x", 550)}},
				"strategy": m{"rollingUpdate": m{"maxSurge": strings.Repeat("1", 500)}}, "template": template},
			"status": m{"replicas": 1, "conditions": []any{
				m{"type": "Progressing", "status": strings.Repeat("x", 30_000), "reason": strings.Repeat("x", 30_000), "message": strings.Repeat("x", 30_000)}}}})
	}
	out := map[string][]byte{
		"one long argument": deployment(m{"spec": m{"containers": []any{m{"name": "worker", "args": []any{strings.Repeat("x", 250_000)}}}}}),
		"a larger argument": deployment(m{"spec": m{"containers": []any{m{"name": "worker", "args": []any{strings.Repeat("x", 270_000)}}}}}),
	}
	for _, n := range []int{1_000, 2_000, 3_000} {
		out[fmt.Sprint(n, " empty tolerations")] = deployment(m{"spec": m{"tolerations": copies(n, m{})}})
		out[fmt.Sprint(n, " selectors")] = deployment(m{"spec": m{"topologySpreadConstraints": copies(n/5, m{"labelSelector": m{"matchLabels": m{"a": ""}}})}})
		out[fmt.Sprint(n, " variables")] = deployment(m{"spec": m{"containers": []any{
			m{"env": copies(n, m{"name": "a", "valueFrom": m{"secretKeyRef": m{"name": "a", "key": "b"}}})}}}})
	}
	return out
}

func largestJobs(t *testing.T) map[string][]byte {
	job := func(owner string, begun int) []byte {
		condition := func(kind string) m {
			return m{"type": kind, "status": strings.Repeat("x", 1000), "reason": strings.Repeat("x", 1000), "lastTransitionTime": "2026-11-23T12:00:00Z"}
		}
		return document(t, "batch/v1", "Job",
			forgedAs("queueworker.dev/v1"+strings.Repeat("1", 1000), owner, map[string]string{v1alpha1.AnnotationBegun: strings.Repeat("x", begun)}), m{
				"spec": m{"suspend": true, "activeDeadlineSeconds": 1, "parallelism": 1, "template": m{
					"metadata": m{"labels": m{v1alpha1.LabelApp: strings.Repeat("l", 63)}},
					"spec": m{"priorityClassName": strings.Repeat("p", 253), "terminationGracePeriodSeconds": 30, "containers": []any{m{"name": "a", "env": []any{
						m{"name": protocol.ConfigEnv, "value": strings.Repeat("y", maxConfig)}}}}}}},
				"status": m{"startTime": "2026-11-23T12:00:00Z", "completionTime": "2026-11-23T12:00:00Z",
					"conditions": append(copies(20, condition("Complete")), copies(20, condition(strings.Repeat("T", 1000)))...)}})
	}
	return map[string][]byte{
		"a run":                         job("QueueWorker", 10),
		"a run with a long annotation":  job("QueueWorker", protocol.MaxControlBytes),
		"a command that has all of one": job("QueueCommand", protocol.MaxControlBytes),
	}
}

func largestPools(t *testing.T) map[string][]byte {
	ours := v1alpha1.SchemeGroupVersion.String()
	pool := func(spec m, annotations map[string]string) []byte {
		spec["queue"] = token[:512]
		return document(t, ours, "QueueWorker", forgedAs(ours, "QueueApp", annotations), m{"spec": spec, "status": m{"workers": copies(100, m{
			"name": "emails-worker-7d9f8c6b5d-abcde-0", "pod": "emails-worker-7d9f8c6b5d-abcde", "state": "Idle"})}})
	}
	all := map[string]string{}
	for _, key := range ownAnnotations {
		all[key] = strings.Repeat("\U0001F600", 12_000)
	}
	text := strings.Repeat("\U0001F600", 1_250)
	return map[string][]byte{
		"variables of the longest texts": pool(m{"env": copies(100, m{"name": "A", "value": text})}, tokens(ownAnnotations...)),
		"variables of longer texts":      pool(m{"env": copies(100, m{"name": strings.Repeat("\U0001F600", 512), "value": text})}, tokens(ownAnnotations...)),
		"long annotations":               pool(m{}, all),
		"100,000 tolerations":            pool(m{"tolerations": copies(100_000, m{})}, nil),
		"5,000 tolerations":              pool(m{"tolerations": copies(5_000, m{})}, nil),
	}
}

// The bounds in docs/memory.md hold for every object that the API server accepts,
// whatever owner the object names.
func TestNoObjectTakesMoreThanTheDocumentationSays(t *testing.T) {
	most := documented(t)
	for row, of := range largest(t) {
		for name, document := range of.of {
			objects := int64(min(max(2_000_000/len(document), 10), 400))
			t.Run(row+" with "+name, func(t *testing.T) {
				_, few, _ := fill(t, &fakeAPIServer{objects: [][]byte{document}, count: 1}, of.resource)
				_, many, _ := fill(t, &fakeAPIServer{objects: [][]byte{document}, count: 1 + int(objects)}, of.resource)
				each := (many - few) / objects
				t.Logf("%s with %s: each of %d bytes of JSON takes %d bytes, at most %d", row, name, len(document), each, most[row])
				if each > most[row] {
					t.Errorf("each takes %d bytes, and docs/memory.md says %d", each, most[row])
				}
			})
		}
	}
}
