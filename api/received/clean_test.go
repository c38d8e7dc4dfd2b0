// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package received

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/test/builders"
)

func TestStatusesThatAreRefused(t *testing.T) {
	tests := map[string]struct {
		change func(s *protocol.Status)
		want   string
	}{
		"no phase":                       {func(s *protocol.Status) { s.Phase = "" }, `has the unknown phase ""`},
		"a phase that paints":            {func(s *protocol.Status) { s.Phase = "\x1b[2J" }, `has the unknown phase "[2J"`},
		"a long phase":                   {func(s *protocol.Status) { s.Phase = protocol.Phase(strings.Repeat("x", 1e5)) }, `has the unknown phase "` + strings.Repeat("x", 60) + `…"`},
		"a negative revision":            {func(s *protocol.Status) { s.ControlRevision = -1 }, "has the impossible control revision -1"},
		"a negative count":               {func(s *protocol.Status) { s.Counters.Released = -5 }, "has the impossible count released -5"},
		"a huge time":                    {func(s *protocol.Status) { s.Counters.JobMilliseconds = 1e17 }, "has the impossible count jobMilliseconds 100000000000000000"},
		"a huge count of exits":          {func(s *protocol.Status) { s.Counters.Exits[protocol.ExitKilled] = 1e13 }, "has the impossible count of Killed exits 10000000000000"},
		"more workers than a pod can":    {func(s *protocol.Status) { s.Workers = append(s.Workers, s.Workers[0]) }, "has 65 workers, a pod can have 64"},
		"a slot twice":                   {func(s *protocol.Status) { s.Workers[5].Slot = 4 }, "has the slot 4 twice"},
		"a slot beyond the last":         {func(s *protocol.Status) { s.Workers[5].Slot = 64 }, "has the slot 64, slots are 0 to 63"},
		"a negative slot":                {func(s *protocol.Status) { s.Workers[5].Slot = -1 }, "has the slot -1, slots are 0 to 63"},
		"an unknown state":               {func(s *protocol.Status) { s.Workers[5].State = "Bored" }, `has in slot 5 the unknown state "Bored"`},
		"a negative process id":          {func(s *protocol.Status) { s.Workers[5].PID = -2 }, "has in slot 5 a negative process id"},
		"a negative count of a worker":   {func(s *protocol.Status) { s.Workers[5].Processed = -2 }, "has in slot 5 an impossible count of jobs"},
		"a huge count of failed of one":  {func(s *protocol.Status) { s.Workers[5].Failed = 1e15 }, "has in slot 5 an impossible count of jobs"},
		"a negative exit beside unknown": {func(s *protocol.Status) { s.Counters.Exits["New"], s.Counters.Exits[protocol.ExitPaused] = 1, -1 }, "has the impossible count of Paused exits -1"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			s := builders.LargestStatus("uid")
			tc.change(s)
			if got := fmt.Sprint(Status(s)); got != tc.want {
				t.Errorf("error %q, want %q", got, tc.want)
			}
		})
	}
}

func TestStatusesThatAreMended(t *testing.T) {
	tests := map[string]struct {
		change, want func(s *protocol.Status)
	}{
		"measurements out of their range": {
			func(s *protocol.Status) {
				s.UptimeSeconds, s.Network.ReceivedBytes, s.Network.TransmittedBytes = -1, -1, math.MaxInt64
				w := &s.Workers[0]
				w.AgeSeconds, w.MemoryBytes, w.CPUSeconds, w.CPUCores, w.NextStartSeconds = 1e300, -1, -1, 1e9, -0.001
				w.Job.AgeSeconds = -1
				w.LastExit.Code, w.LastExit.Signal, w.LastExit.AgeSeconds, w.LastExit.UptimeSeconds = -1, 1000, -1, 1e100
			},
			func(s *protocol.Status) {
				s.UptimeSeconds, s.Network.ReceivedBytes, s.Network.TransmittedBytes = 0, 0, maxBytes
				w := &s.Workers[0]
				w.AgeSeconds, w.MemoryBytes, w.CPUSeconds, w.CPUCores, w.NextStartSeconds = MaxSeconds, 0, 0, maxCores, 0
				w.Job.AgeSeconds = 0
				w.LastExit.Code, w.LastExit.Signal, w.LastExit.AgeSeconds, w.LastExit.UptimeSeconds = 0, 127, 0, MaxSeconds
			},
		},
		"long texts": {
			func(s *protocol.Status) {
				s.Agent, s.ControlError, s.Runtime.Version = strings.Repeat("a", 1000), strings.Repeat("b", 1000), strings.Repeat("c", 1000)
				s.Workers[0].Job = &protocol.Job{ID: strings.Repeat("i", 1000), Class: strings.Repeat("ä", 1000), Queue: strings.Repeat("q", 1000)}
			},
			func(s *protocol.Status) {
				s.Agent, s.ControlError, s.Runtime.Version = strings.Repeat("a", 61)+"…", strings.Repeat("b", 509)+"…", strings.Repeat("c", 61)+"…"
				s.Workers[0].Job = &protocol.Job{ID: strings.Repeat("i", 125) + "…", Class: strings.Repeat("ä", 126) + "…", Queue: strings.Repeat("q", 509) + "…"}
			},
		},
		"words that are none": {
			func(s *protocol.Status) { s.Runtime.GracefulStopReason, s.Runtime.Dialect = "No pcntl", "json\n" },
			func(s *protocol.Status) { s.Runtime.GracefulStopReason, s.Runtime.Dialect = "", "" },
		},
		"exits that cannot be": {
			func(s *protocol.Status) {
				s.RecentExits[1].Sequence, s.RecentExits[2].Reason, s.RecentExits[3].Slot = 0, "Bored", 64
				s.Workers[0].LastExit.Reason = "Bored"
			},
			func(s *protocol.Status) {
				s.RecentExits = append(s.RecentExits[:1], s.RecentExits[4:]...)
				s.Workers[0].LastExit = nil
			},
		},
		"exits in disorder, twice, and too many": {
			func(s *protocol.Status) {
				e := s.RecentExits
				s.RecentExits = append([]protocol.Exit{e[9], e[3], e[3], {Sequence: 1, Reason: protocol.ExitMaxJobs}}, e...)
			},
			func(*protocol.Status) {},
		},
		"killed jobs that cannot be, and too many": {
			func(s *protocol.Status) {
				s.KilledJobs = []protocol.KilledJob{{Sequence: 0}, {Sequence: 1, Class: "a\x1b[2J", ID: strings.Repeat("i", 1000), AgeSeconds: -1}}
				for range protocol.MaxKilledJobs {
					s.KilledJobs = append(s.KilledJobs, protocol.KilledJob{Sequence: 1})
				}
			},
			func(s *protocol.Status) {
				s.KilledJobs = []protocol.KilledJob{{Sequence: 1, Class: "a[2J", ID: strings.Repeat("i", 125) + "…"}}
				for range protocol.MaxKilledJobs - 1 {
					s.KilledJobs = append(s.KilledJobs, protocol.KilledJob{Sequence: 1})
				}
			},
		},
		"failures that cannot be, in disorder, and too many": {
			func(s *protocol.Status) {
				s.RecentFailures = []protocol.Failure{
					{Slot: 64}, {Slot: -1}, {Class: "old", AgeSeconds: 9}, {Class: "new\x1b[2J", Exception: strings.Repeat("e", 1000), AgeSeconds: -1},
				}
				for range MaxFailures {
					s.RecentFailures = append(s.RecentFailures, protocol.Failure{AgeSeconds: 100})
				}
			},
			func(s *protocol.Status) {
				s.RecentFailures = []protocol.Failure{{Class: "new[2J", Exception: strings.Repeat("e", 253) + "…"}, {Class: "old", AgeSeconds: 9}}
				for range MaxFailures - 2 {
					s.RecentFailures = append(s.RecentFailures, protocol.Failure{AgeSeconds: 100})
				}
			},
		},
		"findings of no known kind, twice, and in disorder": {
			func(s *protocol.Status) {
				s.Runtime.Findings = []protocol.Finding{
					{Kind: "Ready", OK: true, Message: "A lie."}, {Kind: protocol.FindingLogs, Message: "first\n"},
					{Kind: protocol.FindingLogs, OK: true, Message: "second"}, {Kind: protocol.FindingPcntl, OK: true, Message: strings.Repeat("m", 1000)},
				}
			},
			func(s *protocol.Status) {
				s.Runtime.Findings = []protocol.Finding{
					{Kind: protocol.FindingPcntl, OK: true, Message: strings.Repeat("m", 509) + "…"}, {Kind: protocol.FindingLogs, Message: "first"},
				}
			},
		},
		"a revision that the operator did not write": {
			func(s *protocol.Status) { s.ControlRevision = math.MaxInt64 },
			func(s *protocol.Status) { s.ControlRevision = math.MaxInt64 },
		},
		"workers in disorder": {
			func(s *protocol.Status) { s.Workers[0], s.Workers[63] = s.Workers[63], s.Workers[0] },
			func(*protocol.Status) {},
		},
		"reasons of a newer agent": {
			func(s *protocol.Status) { s.Counters.Exits["Bored"] = 3 },
			func(*protocol.Status) {},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, want := builders.LargestStatus("uid"), builders.LargestStatus("uid")
			tc.change(got)
			tc.want(want)
			if err := Status(got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("status (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAllValuesOfTheProtocolAreKnown reads the source of the protocol, so that this
// package cannot miss a constant that is added there.
func TestAllValuesOfTheProtocolAreKnown(t *testing.T) {
	known := map[string]func(string) bool{
		"Phase":       func(v string) bool { return knownPhase(protocol.Phase(v)) },
		"WorkerState": func(v string) bool { return knownState(protocol.WorkerState(v)) },
		"ExitReason":  func(v string) bool { return knownReason(protocol.ExitReason(v)) },
	}
	file, err := parser.ParseFile(token.NewFileSet(), "../protocol/status.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	ast.Inspect(file, func(node ast.Node) bool {
		spec, ok := node.(*ast.ValueSpec)
		if !ok || spec.Type == nil {
			return true
		}
		kind := fmt.Sprint(spec.Type)
		check, ok := known[kind]
		if !ok {
			return true
		}
		for _, value := range spec.Values {
			text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
			if err != nil || !check(text) {
				t.Errorf("%s %q of the protocol is not known", kind, text)
			}
			seen[kind]++
		}
		return true
	})
	for kind, check := range known {
		if seen[kind] < 3 || check("Bored") {
			t.Errorf("%d constants of type %s were found, and Bored is known: %v", seen[kind], kind, check("Bored"))
		}
	}
}

// heap returns how many bytes of the heap are in use.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// TestAStatusKeepsNothingOfWhatItDrops: agents send documents with elements and texts
// that the operator drops. The kept status takes little memory.
func TestAStatusKeepsNothingOfWhatItDrops(t *testing.T) {
	const document = `{"version":1,"podUID":"u","phase":"Running","counters":{"processed":0,"failed":0,"released":0,"jobMilliseconds":0%s},"network":{}%s}`
	many := func(count int, element string) string {
		return strings.TrimSuffix(strings.Repeat(element+",", count), ",")
	}
	var reasons strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&reasons, `,"reason%d":1`, i)
	}
	spaces := strings.Repeat(" ", 200_000)
	tests := map[string]string{
		"exits":                       fmt.Sprintf(document, "", `,"recentExits":[`+many(4000, "{}")+`]`),
		"good exits":                  fmt.Sprintf(document, "", `,"recentExits":[`+many(1000, `{"sequence":1,"reason":"Crashed"}`)+`]`),
		"failures":                    fmt.Sprintf(document, "", `,"recentFailures":[`+many(4000, "{}")+`]`),
		"killed jobs":                 fmt.Sprintf(document, "", `,"killedJobs":[`+many(4000, "{}")+`]`),
		"exit reasons":                fmt.Sprintf(document, `,"exits":{`+reasons.String()[1:]+`}`, ""),
		"workers, then others":        fmt.Sprintf(document, "", `,"workers":[`+many(4000, "{}")+`],"workers":[{"slot":0,"state":"Idle"}]`),
		"findings":                    fmt.Sprintf(document, "", `,"runtime":{"gracefulStop":true,"findings":[`+many(4000, "{}")+`]}`),
		"a text of spaces":            fmt.Sprintf(document, "", `,"controlError":"é`+spaces+`"`),
		"a long text":                 fmt.Sprintf(document, "", `,"controlError":"`+strings.ReplaceAll(spaces, " ", "x")+`"`),
		"a version of spaces":         fmt.Sprintf(document, "", `,"agent":"é`+spaces+`"`),
		"the class of a job of a pod": fmt.Sprintf(document, "", `,"workers":[{"slot":0,"state":"Busy","job":{"class":"é`+spaces+`"}}]`),
	}
	const statuses, most = 20, 4 << 10
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			kept := make([]*protocol.Status, statuses)
			before := heap()
			for i := range kept {
				kept[i] = &protocol.Status{}
				if err := json.Unmarshal([]byte(text), kept[i]); err != nil {
					t.Fatal(err)
				}
				if err := Status(kept[i]); err != nil {
					t.Fatal(err)
				}
			}
			if each := (heap() - before) / statuses; each > most {
				t.Errorf("a document of %d bytes is kept in %d bytes, want at most %d", len(text), each, most)
			}
			runtime.KeepAlive(kept)
		})
	}
}

// TestTheLargestStatusIsAsLargeAsTheDocumentationSays: docs/memory.md has the figure.
func TestTheLargestStatusIsAsLargeAsTheDocumentationSays(t *testing.T) {
	const statuses, most = 20, 192 << 10
	largest := builders.LargestStatus("u")
	for i := range protocol.MaxKilledJobs {
		largest.KilledJobs = append(largest.KilledJobs, protocol.KilledJob{Sequence: int64(i) + 1, Class: strings.Repeat("c", MaxClass), ID: strings.Repeat("i", MaxJobID)})
	}
	for range MaxFailures {
		long := strings.Repeat("f", MaxClass)
		largest.RecentFailures = append(largest.RecentFailures, protocol.Failure{ID: long[:MaxJobID], Class: long, Queue: long + long, Exception: long})
	}
	document, err := json.Marshal(largest)
	if err != nil {
		t.Fatal(err)
	}
	kept := make([]*protocol.Status, statuses)
	before := heap()
	for i := range kept {
		kept[i] = &protocol.Status{}
		if err := json.Unmarshal(document, kept[i]); err != nil {
			t.Fatal(err)
		}
		if err := Status(kept[i]); err != nil {
			t.Fatal(err)
		}
	}
	each := (heap() - before) / statuses
	if each > most {
		t.Errorf("a status is kept in %d bytes, want at most %d", each, most)
	}
	t.Logf("%d bytes of JSON, %d of heap", len(document), each)
	runtime.KeepAlive(kept)
}
