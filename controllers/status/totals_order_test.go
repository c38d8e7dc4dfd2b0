// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"encoding/json"
	"fmt"
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// crew is a pool whose pods work and end, and what its totals must be.
type crew struct {
	in      Input
	done    map[types.UID]*protocol.Counters
	want    v1alpha1.Totals
	kills   map[string]int64
	started int
}

func (c *crew) start() {
	p := pod(fmt.Sprint("pod-", c.started))
	p.Report = nil
	c.started++
	c.in.Pods = append(c.in.Pods, p)
	c.done[p.UID] = &protocol.Counters{Exits: map[protocol.ExitReason]int64{}}
}

// report makes a pod report what it has done, or an earlier state of it.
func (c *crew) report(at int, stale bool) {
	counters := protocol.Counters{}
	if !stale {
		counters = snapshotOf(c.done[c.in.Pods[at].UID])
	}
	c.in.Pods[at].Report = &protocol.Status{Counters: counters}
}

func snapshotOf(counters *protocol.Counters) protocol.Counters {
	out := *counters
	out.Exits = map[protocol.ExitReason]int64{}
	maps.Copy(out.Exits, counters.Exits)
	return out
}

// end ends a pod, with its last report complete or not, as a pod of a Deployment or of a run.
func (c *crew) end(at int, complete, ofRun bool) {
	p := c.in.Pods[at]
	counters := snapshotOf(c.done[p.UID])
	c.want.Processed += counters.Processed
	c.want.Failed += counters.Failed
	c.want.Released += counters.Released
	if !complete {
		c.want.UnaccountedWorkers++
	}
	for reason, count := range counters.Exits {
		c.kills[string(reason)] += count
	}
	if ofRun {
		c.in.Pods[at].Closing, c.in.Pods[at].Final = true, &protocol.Final{Counters: counters, Complete: complete}
		c.write()
	} else {
		c.in.Ended = []EndedPod{{UID: p.UID, Name: p.Name, Counters: &counters, Complete: complete, Started: true}}
	}
	c.in.Pods = append(c.in.Pods[:at:at], c.in.Pods[at+1:]...)
}

func (c *crew) write() {
	c.in.Worker.Status = Compute(c.in).Status
	c.in.Ended = nil
}

// TestTotalsInAnyOrder: pods that work, report late or again, and end in any order, are
// counted in full and once, and no count ever falls.
func TestTotalsInAnyOrder(t *testing.T) {
	reasons := []protocol.ExitReason{protocol.ExitMaxJobs, protocol.ExitMemory, protocol.ExitCrashed}
	rapid.Check(t, func(t *rapid.T) {
		c := &crew{in: pool(0), done: map[types.UID]*protocol.Counters{}, kills: map[string]int64{}}
		c.start()
		for len(c.in.Pods) > 0 {
			at := rapid.IntRange(0, len(c.in.Pods)-1).Draw(t, "pod")
			counters := c.done[c.in.Pods[at].UID]
			switch rapid.IntRange(0, 7).Draw(t, "step") {
			case 0:
				if c.started < 6 {
					c.start()
				}
			case 1, 2:
				counters.Processed += rapid.Int64Range(0, 9).Draw(t, "processed")
				counters.Failed += rapid.Int64Range(0, 9).Draw(t, "failed")
				counters.Released += rapid.Int64Range(0, 9).Draw(t, "released")
				counters.Exits[rapid.SampledFrom(reasons).Draw(t, "reason")]++
			case 3, 4:
				c.report(at, rapid.Bool().Draw(t, "stale"))
			case 5:
				container := &c.in.Pods[at].Status.ContainerStatuses[0]
				container.RestartCount++
				container.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}
				c.kills["OOMKilled"]++
			default:
				c.end(at, rapid.Bool().Draw(t, "complete"), rapid.Bool().Draw(t, "of a run"))
			}
			before := c.in.Worker.Status
			c.write()
			notLess(t, &before, &c.in.Worker.Status)
		}
		got := c.in.Worker.Status
		if diff := cmp.Diff(c.want, got.Totals); diff != "" {
			t.Fatalf("totals (-want +got):\n%s", diff)
		}
		for reason, count := range c.kills {
			if count == 0 {
				delete(c.kills, reason)
			}
		}
		if diff := cmp.Diff(c.kills, countsOf(got.Restarts)); diff != "" || len(got.Accounted) != 0 {
			t.Fatalf("restarts (-want +got):\n%s\naccounted %+v", diff, got.Accounted)
		}
	})
}

// notLess fails if any count has fallen.
func notLess(t *rapid.T, before, after *v1alpha1.QueueWorkerStatus) {
	b, a := before.Totals, after.Totals
	if a.Processed < b.Processed || a.Failed < b.Failed || a.Released < b.Released || a.UnaccountedWorkers < b.UnaccountedWorkers {
		t.Fatalf("totals fall from %+v to %+v", b, a)
	}
	restarts := countsOf(after.Restarts)
	for reason, count := range countsOf(before.Restarts) {
		if restarts[reason] < count {
			t.Fatalf("restarts by %s fall from %d to %d", reason, count, restarts[reason])
		}
	}
}

// TestRestartsOfContainers: which ends of a whole container count, and as what.
func TestRestartsOfContainers(t *testing.T) {
	tests := map[string]struct {
		last *corev1.ContainerStateTerminated
		want []v1alpha1.RestartCount
	}{
		"killed for memory":  {&corev1.ContainerStateTerminated{Reason: "OOMKilled", ExitCode: 137}, []v1alpha1.RestartCount{{Reason: "OOMKilled", Count: 3}}},
		"killed, with 0":     {&corev1.ContainerStateTerminated{Reason: "OOMKilled"}, []v1alpha1.RestartCount{{Reason: "OOMKilled", Count: 3}}},
		"failed":             {&corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1}, []v1alpha1.RestartCount{{Reason: "Crashed", Count: 3}}},
		"unknown":            {nil, []v1alpha1.RestartCount{{Reason: "Crashed", Count: 3}}},
		"it ended as wanted": {&corev1.ContainerStateTerminated{Reason: "Completed"}, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			in := pool(1)
			in.Worker.Status.Accounted = []v1alpha1.AccountedPod{{UID: in.Pods[0].UID, ContainerRestarts: 1}}
			container := &in.Pods[0].Status.ContainerStatuses[0]
			container.RestartCount, container.LastTerminationState.Terminated = 4, tc.last
			status := Compute(in).Status
			if diff := cmp.Diff(tc.want, status.Restarts); diff != "" || status.Accounted[0].ContainerRestarts != 4 {
				t.Errorf("restarts (-want +got):\n%s\naccounted %+v", diff, status.Accounted)
			}
			container.RestartCount = 2 // an older copy of the pod
			in.Worker.Status = status
			if again := Compute(in).Status; cmp.Diff(tc.want, again.Restarts) != "" || again.Accounted[0].ContainerRestarts != 4 {
				t.Errorf("an older copy of the pod counts: %+v, %+v", again.Restarts, again.Accounted)
			}
		})
	}
}

// TestTheLedgerIsWhatIsWritten: nothing is lost between two writes, and no entry takes
// more room than it is taken for.
func TestTheLedgerIsWhatIsWritten(t *testing.T) {
	counts := rapid.Int64Range(0, 1<<62)
	rapid.Check(t, func(t *rapid.T) {
		ledger := map[types.UID]entry{}
		for i := range rapid.IntRange(0, 5).Draw(t, "pods") {
			e := entry{
				name: rapid.StringMatching(`[a-z0-9-]{1,253}`).Draw(t, "name"), seen: rapid.Bool().Draw(t, "seen"), containerRestarts: rapid.Int32Min(0).Draw(t, "restarts"),
				counters: protocol.Counters{Processed: counts.Draw(t, "processed"), Failed: counts.Draw(t, "failed"), Released: counts.Draw(t, "released")},
			}
			if rapid.Bool().Draw(t, "exits") {
				e.counters.Exits = map[protocol.ExitReason]int64{protocol.ExitMemory: 1 + counts.Draw(t, "memory"), protocol.ExitGraceExceeded: 1 + counts.Draw(t, "grace")}
			}
			ledger[types.UID(fmt.Sprintf("00000000-0000-0000-0000-%012d", i))] = e
		}
		written := accountedOf(ledger)
		if diff := cmp.Diff(ledger, ledgerOf(written), cmp.AllowUnexported(entry{})); diff != "" {
			t.Fatalf("read again (-written +read):\n%s", diff)
		}
		for i, pod := range written {
			document, err := json.Marshal(pod)
			if taken := ledger[pod.UID].size(pod.UID, protocol.Counters{}); err != nil || len(document)+1 > taken {
				t.Fatalf("%d bytes are taken for %d, %v: %s", len(document), taken, err, document)
			}
			if i > 0 && pod.Name < written[i-1].Name {
				t.Fatalf("%s comes after %s", pod.Name, written[i-1].Name)
			}
		}
	})
}
