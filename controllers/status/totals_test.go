// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// fleet is a pool whose pods do jobs, come and go. Its operator sees some of that, is
// killed, and comes back.
type fleet struct {
	status v1alpha1.QueueWorkerStatus
	// done is what each living pod has done, reported what the operator pulled of it.
	done, reported map[types.UID]*protocol.Counters
	ended          []EndedPod
	// late holds ends whose event is still to come, seen the pods that it is expected for.
	late []EndedPod
	seen map[types.UID]bool
	next int
	// truth is what all pods have done. unseen counts the jobs of pods that ended while
	// the operator was away, and lost the pods among them that it had a report of.
	truth, unseen, lost int64
}

func (f *fleet) input() Input {
	in := pool(0)
	in.Worker.Status = f.status
	for uid := range f.done {
		p := pod(string(uid))
		p.UID = uid
		p.Report = nil
		if counters := f.reported[uid]; counters != nil {
			p.Report = &protocol.Status{Counters: *counters}
		}
		in.Pods = append(in.Pods, p)
	}
	for _, p := range in.Pods {
		f.seen[p.UID] = true
	}
	in.Ended, in.Expected = f.ended, f.seen
	return in
}

// write is a reconcile whose status is written.
func (f *fleet) write() {
	f.status = Compute(f.input()).Status
	for _, ended := range f.ended {
		delete(f.seen, ended.UID)
	}
	f.ended = nil
}

// hear delivers the events that are on their way.
func (f *fleet) hear() {
	f.ended, f.late = append(f.ended, f.late...), nil
}

func (f *fleet) start() {
	uid := types.UID(fmt.Sprint("pod-", f.next))
	f.next++
	f.done[uid] = &protocol.Counters{}
}

func (f *fleet) pull() {
	for uid, counters := range f.done {
		f.reported[uid] = new(*counters)
	}
}

// end ends a pod; seen is whether the operator is there to receive its final report.
func (f *fleet) end(uid types.UID, seen bool) {
	counters := *f.done[uid]
	delete(f.done, uid)
	if seen {
		f.ended = append(f.ended, EndedPod{UID: uid, Counters: &counters, Complete: true, Started: true})
		return
	}
	for _, accounted := range f.status.Accounted {
		if accounted.UID == uid && accounted.Reported {
			f.lost++
			f.unseen += counters.Processed - accounted.Processed
			return
		}
	}
	f.unseen += counters.Processed
}

func TestTotalsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := &fleet{done: map[types.UID]*protocol.Counters{}, reported: map[types.UID]*protocol.Counters{}, seen: map[types.UID]bool{}}
		anyPod := func() types.UID {
			for uid := range f.done {
				return uid
			}
			f.start()
			return types.UID(fmt.Sprint("pod-", f.next-1))
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			switch rapid.SampledFrom([]string{"start", "work", "pull", "write", "end seen", "event late", "hear", "compute without write", "operator killed"}).Draw(t, "step") {
			case "start":
				f.start()
			case "work":
				n := rapid.Int64Range(1, 50).Draw(t, "jobs")
				f.done[anyPod()].Processed += n
				f.truth += n
			case "pull":
				f.pull()
			case "write":
				f.write()
			case "end seen":
				f.end(anyPod(), true)
			case "event late":
				uid := anyPod()
				Compute(f.input())
				f.late = append(f.late, EndedPod{UID: uid, Counters: f.done[uid], Complete: true, Started: true})
				delete(f.done, uid)
			case "hear":
				f.hear()
			case "compute without write":
				Compute(f.input())
			case "operator killed":
				// The operator loses reports that it has not written, and pods may end
				// before the next operator runs.
				f.hear()
				f.seen = map[types.UID]bool{}
				for _, ended := range f.ended {
					f.done[ended.UID] = ended.Counters
					f.end(ended.UID, false)
				}
				f.ended, f.reported = nil, map[types.UID]*protocol.Counters{}
				if rapid.Bool().Draw(t, "a pod ends meanwhile") {
					f.end(anyPod(), false)
				}
			}
		}
		f.hear()
		f.pull()
		f.write()
		if got := f.status.Totals.Processed; got != f.truth-f.unseen {
			t.Fatalf("totals say %d, want %d done less %d unseen", got, f.truth, f.unseen)
		}
		if got := f.status.Totals.UnaccountedWorkers; got != f.lost {
			t.Fatalf("unaccountedWorkers is %d, want %d", got, f.lost)
		}
		again := Compute(f.input()).Status
		if diff := cmp.Diff(f.status.Totals, again.Totals); diff != "" {
			t.Fatalf("computing again counts again:\n%s", diff)
		}
	})
}

// Pods beyond the number that can be accounted for are counted when there is room for
// them, or at their end, and never twice.
func TestMorePodsThanCanBeAccountedFor(t *testing.T) {
	in := pool(0)
	for i := range maxAccounted + 100 {
		p := pod(fmt.Sprintf("pod-%05d", i))
		p.Report = &protocol.Status{Counters: protocol.Counters{Processed: 10}}
		in.Pods = append(in.Pods, p)
	}
	for range 3 {
		in.Worker.Status = Compute(in).Status
		if got := in.Worker.Status.Totals.Processed; got != 10*maxAccounted || len(in.Worker.Status.Accounted) != maxAccounted {
			t.Fatalf("%d jobs of %d pods", got, len(in.Worker.Status.Accounted))
		}
	}
	for _, pod := range in.Pods[maxAccounted-50:] {
		in.Ended = append(in.Ended, EndedPod{UID: pod.UID, Name: pod.Name, Counters: &protocol.Counters{Processed: 15}, Complete: true, Started: true})
	}
	in.Pods = in.Pods[:maxAccounted-50]
	if got, want := Compute(in).Status.Totals, (v1alpha1.Totals{Processed: 10*(maxAccounted-50) + 15*150}); got != want {
		t.Errorf("after some have ended: %+v, want %+v", got, want)
	}
}

func TestEndedPods(t *testing.T) {
	counters := &protocol.Counters{Processed: 5, Failed: 1, Released: 2, Exits: map[protocol.ExitReason]int64{protocol.ExitMaxJobs: 3}}
	accounted := []v1alpha1.AccountedPod{{UID: "a", Name: "a", Reported: true, Processed: 4}}
	tests := map[string]struct {
		accounted []v1alpha1.AccountedPod
		ended     EndedPod
		want      v1alpha1.Totals
	}{
		"its last word is seen":          {accounted, EndedPod{UID: "a", Counters: counters, Complete: true, Started: true}, v1alpha1.Totals{Processed: 1, Failed: 1, Released: 2}},
		"only what was last pulled":      {accounted, EndedPod{UID: "a", Counters: counters, Started: true}, v1alpha1.Totals{Processed: 1, Failed: 1, Released: 2, UnaccountedWorkers: 1}},
		"nothing of it was ever seen":    {nil, EndedPod{UID: "b", Started: true}, v1alpha1.Totals{UnaccountedWorkers: 1}},
		"its worker never ran":           {nil, EndedPod{UID: "b"}, v1alpha1.Totals{}},
		"a pod unknown to the status":    {nil, EndedPod{UID: "b", Counters: counters, Complete: true, Started: true}, v1alpha1.Totals{Processed: 5, Failed: 1, Released: 2}},
		"counts that went down are none": {accounted, EndedPod{UID: "a", Counters: &protocol.Counters{Processed: 1}, Complete: true, Started: true}, v1alpha1.Totals{}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := pool(0)
			in.Worker.Status.Accounted = tc.accounted
			in.Ended = []EndedPod{tc.ended}
			got := Compute(in).Status
			if diff := cmp.Diff(tc.want, got.Totals); diff != "" {
				t.Errorf("totals (-want +got):\n%s", diff)
			}
			if len(got.Accounted) != 0 {
				t.Errorf("an ended pod stays accounted: %+v", got.Accounted)
			}
		})
	}
}

// TestContainerKilledWhole is cgroup v2: the kernel kills the whole container at its
// memory limit, with the agent, and only the kubelet can report it.
func TestContainerKilledWhole(t *testing.T) {
	in := pool(1)
	container := &in.Pods[0].Status.ContainerStatuses[0]
	container.RestartCount = 2
	container.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}
	want := []v1alpha1.RestartCount{{Reason: "OOMKilled", Count: 2}}
	in.Worker.Status = Compute(in).Status
	if diff := cmp.Diff(want, in.Worker.Status.Restarts); diff != "" {
		t.Errorf("restarts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, Compute(in).Status.Restarts); diff != "" {
		t.Errorf("restarts are counted again (-want +got):\n%s", diff)
	}
}
