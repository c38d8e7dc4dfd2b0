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

// Snapshot holds the objects that were read for one picture of the cluster.
type Snapshot struct {
	// Time is when the snapshot was read.
	Time time.Time
	// Apps are the selected QueueApps; empty if they were not read.
	Apps []v1alpha1.QueueApp
	// Pools are the selected QueueWorkers, sorted by namespace and name.
	Pools []v1alpha1.QueueWorker
	// Pods are the pods of the pools; empty if PodsRefused is set or the pods were not
	// read.
	Pods []Pod
	// PodsRefused is true if the caller may not list pods, AgentsRefused if the caller may
	// not use the proxy of pods to ask agents.
	PodsRefused, AgentsRefused bool
}

// KeepApp removes every QueueApp but one from a snapshot.
func (s *Snapshot) KeepApp(name string) {
	s.Apps = slices.DeleteFunc(s.Apps, func(app v1alpha1.QueueApp) bool { return app.Name != name })
}

// KeepUsedApps removes the QueueApps that no pool of the snapshot uses.
func (s *Snapshot) KeepUsedApps() {
	used := map[string]bool{}
	for i := range s.Pools {
		used[s.Pools[i].Namespace+"/"+AppOf(&s.Pools[i])] = true
	}
	s.Apps = slices.DeleteFunc(s.Apps, func(app v1alpha1.QueueApp) bool { return !used[app.Namespace+"/"+app.Name] })
}

// SeveralNamespaces reports whether a name needs its namespace to be unambiguous.
func (s *Snapshot) SeveralNamespaces() bool {
	seen := map[string]bool{}
	for i := range s.Pools {
		seen[s.Pools[i].Namespace] = true
	}
	for i := range s.Apps {
		seen[s.Apps[i].Namespace] = true
	}
	return len(seen) > 1
}

// AppOf returns the name of the QueueApp that a pool uses; empty while it is unknown.
func AppOf(pool *v1alpha1.QueueWorker) string { return cmp.Or(pool.Status.AppName, pool.Spec.AppName) }

// Doing counts a pool's processes by what they do.
type Doing struct{ Busy, Idle, Paused, Failing int32 }

// Doing counts the rows if an agent has answered, so that a pool's headline agrees with
// its rows. Otherwise it takes the numbers of the status, which lags behind and does not
// count paused processes.
func (s *Snapshot) Doing(pool *v1alpha1.QueueWorker) Doing {
	workers := s.PoolWorkers(pool)
	if !slices.ContainsFunc(workers, func(w Worker) bool { return w.Live }) {
		return Doing{Busy: pool.Status.Busy, Idle: pool.Status.Idle, Failing: pool.Status.Failing}
	}
	var out Doing
	for i := range workers {
		switch w := &workers[i]; {
		case w.State == v1alpha1.WorkerBusy || w.CurrentJob != nil:
			out.Busy++
		case w.State == v1alpha1.WorkerIdle:
			out.Idle++
		case w.State == v1alpha1.WorkerPaused:
			out.Paused++
		case w.State == v1alpha1.WorkerBackingOff:
			out.Failing++
		}
	}
	return out
}

// Pod is a worker pod, with its agent's answer.
type Pod struct {
	Namespace, Name string
	UID             types.UID
	// Pool is the QueueWorker that the pod belongs to.
	Pool  string
	Phase corev1.PodPhase
	// Leaving is true while the pod is being deleted.
	Leaving bool
	// Answer is the agent's answer at AskedAt; nil if the agent was not asked or did not
	// answer.
	Answer  *protocol.Status
	AskedAt time.Time
	// Silence says why there is no answer; empty if the agent was not asked.
	Silence string
}

// Worker is a row of the worker table.
type Worker struct {
	Namespace   string `json:"namespace"`
	QueueWorker string `json:"queueWorker"`
	Pod         string `json:"pod"`

	v1alpha1.Worker `json:",inline"`

	// Live is true if the row comes from the agent, and false if it comes from the
	// QueueWorker's status.
	Live bool `json:"live"`
	// AsOf is the time that the row describes; absent if unknown.
	AsOf *metav1.Time `json:"asOf,omitempty"`
}

// Workers returns the workers of a snapshot, sorted by namespace, QueueWorker and name.
// They come from the pod's agent, or from the QueueWorker's status if the agent is
// silent.
func (s *Snapshot) Workers() []Worker {
	out := make([]Worker, 0, len(s.Pods))
	for i := range s.Pools {
		out = append(out, s.PoolWorkers(&s.Pools[i])...)
	}
	return out
}

// PoolWorkers returns the workers of one QueueWorker.
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
	asOf := StatusTime(pool)
	for _, row := range pool.Status.Workers {
		name := podOf(row.Name)
		pod, exists := pods[name]
		if exists && pod.Answer != nil || !exists && !s.PodsRefused {
			continue // the agent's answer is better, or the pod is gone
		}
		out = append(out, Worker{Namespace: pool.Namespace, QueueWorker: pool.Name, Pod: name, Worker: row, AsOf: asOf})
	}
	slices.SortFunc(out, func(a, b Worker) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// liveWorkers returns the workers of a pod as its agent reports them, with the names of
// jobs from the rows of the status.
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
