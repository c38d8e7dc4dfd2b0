// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// Snapshot is what was read of the cluster for one picture of it.
type Snapshot struct {
	// Time is when it was read.
	Time time.Time
	// Apps are the QueueApps in sight; none where they were not read.
	Apps []v1alpha1.QueueApp
	// Pools are the QueueWorkers in sight, by namespace and name.
	Pools []v1alpha1.QueueWorker
	// Pods are the pools' pods; none where PodsRefused is set, or where they were not read.
	Pods []Pod
	// PodsRefused and AgentsRefused say why pods or their agents could not be read at
	// all; empty if they could.
	PodsRefused, AgentsRefused string
}

// KeepApp leaves one QueueApp in a snapshot.
func (s *Snapshot) KeepApp(name string) {
	s.Apps = slices.DeleteFunc(s.Apps, func(app v1alpha1.QueueApp) bool { return app.Name != name })
}

// KeepUsedApps leaves only those QueueApps in a snapshot that its pools use.
func (s *Snapshot) KeepUsedApps() {
	used := map[string]bool{}
	for i := range s.Pools {
		used[s.Pools[i].Namespace+"/"+AppOf(&s.Pools[i])] = true
	}
	s.Apps = slices.DeleteFunc(s.Apps, func(app v1alpha1.QueueApp) bool { return !used[app.Namespace+"/"+app.Name] })
}

// severalNamespaces tells whether a name needs its namespace to be understood.
func (s *Snapshot) severalNamespaces() bool {
	seen := map[string]bool{}
	for i := range s.Pools {
		seen[s.Pools[i].Namespace] = true
	}
	for i := range s.Apps {
		seen[s.Apps[i].Namespace] = true
	}
	return len(seen) > 1
}

// Pod is a worker pod, with what its agent said.
type Pod struct {
	Namespace, Name string
	UID             types.UID
	// Pool is the QueueWorker it belongs to.
	Pool  string
	Phase corev1.PodPhase
	// Leaving tells that it is being removed.
	Leaving bool
	// Answer is what its agent said at AskedAt; nil if it was not asked or did not answer.
	Answer  *protocol.Status
	AskedAt time.Time
	// Silence is why there is no answer; empty if it was not asked.
	Silence string
}

// Worker is a row of the worker table.
type Worker struct {
	Namespace   string `json:"namespace"`
	QueueWorker string `json:"queueWorker"`
	Pod         string `json:"pod"`

	v1alpha1.Worker `json:",inline"`

	// Live tells that the agent itself said it; else it is from the QueueWorker's status.
	Live bool `json:"live"`
	// AsOf is of when it is; absent if unknown.
	AsOf *metav1.Time `json:"asOf,omitempty"`
}

// Workers are the workers of a snapshot, by namespace, QueueWorker and name. A pod's
// are as its agent says, or as its QueueWorker's status says where the agent is silent.
func (s *Snapshot) Workers() []Worker {
	out := make([]Worker, 0, len(s.Pods))
	for i := range s.Pools {
		out = append(out, s.PoolWorkers(&s.Pools[i])...)
	}
	return out
}

// PoolWorkers are the workers of one QueueWorker.
func (s *Snapshot) PoolWorkers(pool *v1alpha1.QueueWorker) []Worker {
	pods := map[string]*Pod{}
	rows := make(map[string]*v1alpha1.Worker, len(pool.Status.Workers))
	for i := range pool.Status.Workers {
		rows[pool.Status.Workers[i].Name] = &pool.Status.Workers[i]
	}
	var out []Worker
	for i := range s.Pods {
		pod := &s.Pods[i]
		if pod.Namespace != pool.Namespace || pod.Pool != pool.Name {
			continue
		}
		pods[pod.Name] = pod
		if pod.Answer != nil {
			out = append(out, liveWorkers(pool, pod, rows)...)
		}
	}
	asOf := statusTime(pool)
	for _, row := range pool.Status.Workers {
		name := podOf(row.Name)
		pod, exists := pods[name]
		if exists && pod.Answer != nil || !exists && s.PodsRefused == "" {
			continue // said better, or gone
		}
		out = append(out, Worker{Namespace: pool.Namespace, QueueWorker: pool.Name, Pod: name, Worker: row, AsOf: asOf})
	}
	slices.SortFunc(out, func(a, b Worker) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// liveWorkers are the workers of a pod as its agent says, with the names of jobs from the
// rows of the status.
func liveWorkers(pool *v1alpha1.QueueWorker, pod *Pod, rows map[string]*v1alpha1.Worker) []Worker {
	out := make([]Worker, 0, len(pod.Answer.Workers))
	for i := range pod.Answer.Workers {
		asOf := metav1.NewTime(pod.AskedAt)
		live := worker(pool.Spec.Queue, pod, &pod.Answer.Workers[i])
		name(&live, rows[live.Name])
		out = append(out, Worker{
			Namespace: pool.Namespace, QueueWorker: pool.Name, Pod: pod.Name, Worker: live, Live: true, AsOf: &asOf,
		})
	}
	return out
}

// statusTime is when the operator last wrote a QueueWorker's status; nil if unknown.
func statusTime(pool *v1alpha1.QueueWorker) *metav1.Time {
	for i := range pool.ManagedFields {
		entry := &pool.ManagedFields[i]
		if entry.Manager == v1alpha1.FieldManager && entry.Subresource == "status" {
			return entry.Time
		}
	}
	return nil
}
