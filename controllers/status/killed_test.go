// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

func killedJob(sequence int64, id string, age float64) protocol.KilledJob {
	return protocol.KilledJob{Sequence: sequence, Class: `App\Jobs\Send`, ID: id, AgeSeconds: age}
}

func TestJobsKilledAreNamedOnce(t *testing.T) {
	tests := map[string]struct {
		reported []protocol.KilledJob
		ended    *EndedPod
		told     map[types.UID]int64
		want     []string // the jobs named, one text per event
	}{
		"none": {told: map[types.UID]int64{"uid-a": 0}},
		"those that are new": {
			reported: []protocol.KilledJob{killedJob(5, "x", 1), killedJob(4, "y", 900)}, told: map[types.UID]int64{"uid-a": 4},
			want: []string{`App\Jobs\Send x`},
		},
		"of a pod not seen before, those of the last minute": {
			reported: []protocol.KilledJob{killedJob(5, "x", 1), killedJob(4, "y", 900)},
			want:     []string{`App\Jobs\Send x`},
		},
		"in a last word": {
			ended: &EndedPod{UID: "uid-b", Name: "b", Killed: []protocol.KilledJob{killedJob(2, "z", 0), killedJob(1, "told", 0)}},
			told:  map[types.UID]int64{"uid-a": 0, "uid-b": 1}, want: []string{`App\Jobs\Send z`},
		},
		"not in the last word of one that ended before": {
			ended: &EndedPod{UID: "uid-b", Name: "b", Killed: []protocol.KilledJob{killedJob(2, "z", 0)}},
		},
		"without a class": {
			reported: []protocol.KilledJob{{Sequence: 3, ID: "7"}, {Sequence: 2, Class: "send"}, {Sequence: 1}},
			want:     []string{"job 7, send, a job without a name"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p := pod("a")
			p.Report.KilledJobs = tc.reported
			in := Input{Worker: &v1alpha1.QueueWorker{}, Pods: []Pod{p}}
			if tc.ended != nil {
				in.Ended = []EndedPod{*tc.ended}
			}
			var got []string
			for _, event := range JobsKilled(in, tc.told) {
				if event.Reason != v1alpha1.EventJobsKilled || event.Related == nil || event.Related.UID == "" {
					t.Errorf("the event is %+v", event)
				}
				_, jobs, _ := strings.Cut(event.Note, "killAt asks: ")
				got = append(got, jobs)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("the jobs named differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestManyKilledJobsFitIntoAnEvent(t *testing.T) {
	p := pod("a")
	for i := range int64(protocol.MaxKilledJobs) {
		p.Report.KilledJobs = append(p.Report.KilledJobs, protocol.KilledJob{Sequence: i + 1, Class: strings.Repeat("c", 90), ID: "1"})
	}
	note := JobsKilled(Input{Worker: &v1alpha1.QueueWorker{}, Pods: []Pod{p}}, nil)[0].Note
	if len(note) > 1000 || !strings.HasSuffix(note, " and 56 more") {
		t.Errorf("the note has %d bytes: %s", len(note), note)
	}
}
