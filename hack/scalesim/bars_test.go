// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"queueworker.dev/queueworker/hack/scalesim/laws"
	"queueworker.dev/queueworker/hack/scalesim/report"
	"queueworker.dev/queueworker/hack/scalesim/trace"
)

const (
	// lateAtMost is the percentage of jobs that may wait longer than the target.
	lateAtMost = 1
	document   = "../../docs/scaling.md"
)

var everything = sync.OnceValue(func() []report.Row { return compare(trace.Scenarios()) })

// rowsOf returns the figures of a scenario by law.
func rowsOf(s trace.Scenario) map[string]report.Figures {
	out := map[string]report.Figures{}
	for _, row := range everything() {
		if row.Scenario == s.Title {
			out[row.Law] = row.Figures
		}
	}
	return out
}

// TestBars checks that the target is met and no job is killed. KEDA's formula that counts
// jobs in flight, by default or else tuned by hand, must not meet the target with fewer
// worker-hours.
func TestBars(t *testing.T) {
	for _, s := range trace.Scenarios() {
		t.Run(s.Name, func(t *testing.T) {
			rows := rowsOf(s)
			own := rows[laws.Own]
			if own.Over > lateAtMost {
				t.Errorf("%.2f %% of the jobs waited longer than %g s", own.Over, s.Target)
			}
			if own.Killed != 0 || own.Lost != 0 {
				t.Errorf("%g jobs were killed, %g worker-hours lost", own.Killed, own.Lost)
			}
			compared := 0
			for _, tuned := range []bool{false, true} {
				for _, c := range laws.Candidates() {
					other := rows[c.Name]
					if !c.InFlight || c.Tuned != tuned || compared > 0 && tuned || other.Over > lateAtMost || other.Killed > 0 {
						continue
					}
					compared++
					t.Logf("%.2f worker-hours, %s %.2f", own.Used, c.Name, other.Used)
					if own.Used > other.Used {
						t.Errorf("%.2f worker-hours, and %s uses %.2f", own.Used, c.Name, other.Used)
					}
				}
			}
			if compared == 0 {
				t.Error("no setting of KEDA holds the target, so there is nothing to compare with")
			}
		})
	}
}

// TestEverySeed checks that each run meets the target, not only the mean.
func TestEverySeed(t *testing.T) {
	for _, s := range trace.Scenarios() {
		for seed, f := range figures(s, laws.Candidates()[0]) {
			if f.Over > lateAtMost || f.Killed > 0 {
				t.Errorf("%s, seed %d: %.2f %% of the jobs late, %g killed", s.Name, seed, f.Over, f.Killed)
			}
		}
	}
}

func TestDocumentShowsWhatIsPrinted(t *testing.T) {
	var table bytes.Buffer
	if err := report.WriteTable(&table, everything()); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), table.String()) {
		t.Errorf("docs/scaling.md does not have the table that is printed now; replace it by the output of go run ./hack/scalesim:\n%s", table.String())
	}
}

func TestReplaysAFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "trace.csv")
	drawing := filepath.Join(t.TempDir(), "trace.svg")
	if err := os.WriteFile(file, []byte("time_s,arrivals,service_s\n0,10,2\n60,0,1\n120,3,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := run([]string{"-trace", file, "-plot", drawing, "-target", "30", "-max", "5"}, &out); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 2+len(laws.Candidates()) {
		t.Errorf("printed %d lines:\n%s", lines, out.String())
	}
	svg, err := os.Open(drawing)
	if err != nil {
		t.Fatal(err)
	}
	defer svg.Close()
	decoder := xml.NewDecoder(svg)
	drawn := 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok && start.Name.Local == "polyline" {
			drawn++
		}
	}
	if drawn != 3*5 {
		t.Errorf("drew %d lines, not 3 for each of 5 laws", drawn)
	}
}

func TestRefuses(t *testing.T) {
	bad := filepath.Join(t.TempDir(), "bad.csv")
	if err := os.WriteFile(bad, []byte("time_s,arrivals,service_s\n0,1,1\n0,1,1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		args []string
		want string
	}{
		"an unknown scenario":  {[]string{"-scenario", "flood"}, "there are burst, slower"},
		"a file that is not":   {[]string{"-trace", bad + ".none"}, "open the trace"},
		"times that stand":     {[]string{"-trace", bad}, "line 3 of the trace: time_s must grow"},
		"a pool upside down":   {[]string{"-trace", bad, "-min", "5", "-max", "2"}, "0 <= min <= max"},
		"a flag it has not":    {[]string{"-speed", "5"}, "not defined"},
		"a drawing in nowhere": {[]string{"-scenario", "slower", "-plot", bad + "/x.svg"}, "create the drawing"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if err := run(tc.args, io.Discard); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}
