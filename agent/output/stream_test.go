// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
)

// feed gives a stream its input in pieces and returns the output that is passed on.
func feed(s *Stream, now time.Time, pieces ...string) string {
	var out strings.Builder
	for _, piece := range pieces {
		for len(piece) > 0 {
			n := copy(s.buffer[s.held:], piece)
			s.held += n
			piece = piece[n:]
			s.scan(now, false)
			drain(s, &out)
		}
	}
	s.scan(now, true)
	drain(s, &out)
	return out.String()
}

func drain(s *Stream, out *strings.Builder) {
	for _, r := range s.keep {
		out.Write(s.buffer[r[0]:r[1]])
	}
	s.free()
}

func newTestStream() (*Stream, *Worker) {
	worker := NewWorker(&dialect.BracketParser{}, false)
	return NewStream(worker, true), worker
}

func jobLines(n int) string {
	var out strings.Builder
	for i := range n {
		fmt.Fprintf(&out, "[2026-11-23 09:50:02][%d] Processing: App\\Jobs\\FastJob\n[2026-11-23 09:50:02][%d] Processed:  App\\Jobs\\FastJob\n", i, i)
	}
	return out.String()
}

func TestOutputPassesUnchanged(t *testing.T) {
	text := "first\n" + jobLines(500) + "\n\r\n\x00\xffbinary\n" + strings.Repeat("x", 3*bufferSize) + "\nno line end"
	for seed := range uint64(20) {
		random := rand.New(rand.NewPCG(seed, 1))
		var pieces []string
		for rest := text; rest != ""; {
			n := min(1+random.IntN(9000), len(rest))
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		stream, worker := newTestStream()
		if got := feed(stream, time.Unix(1, 0), pieces...); got != text {
			t.Fatalf("seed %d: %d bytes were passed on of %d, or others", seed, len(got), len(text))
		}
		if tally, _ := worker.Report(); tally.Processed != 500 || stream.dropped != 0 {
			t.Errorf("seed %d: counted %d jobs and dropped %d bytes; want 500 and 0", seed, tally.Processed, stream.dropped)
		}
	}
}

func TestNoiseBeyondTheBudgetIsDroppedAndJobsAreNot(t *testing.T) {
	stream, worker := newTestStream()
	noise := strings.Repeat("noise noise noise noise\n", 1000)
	var got, jobs int
	for range 1000 { // 24 MB of noise in one moment
		got += len(feed(stream, time.Unix(1, 0), noise+jobLines(1)))
		jobs++
	}
	jobBytes := jobs * len(jobLines(1))
	if passed := got - jobBytes; passed > BudgetBurst || passed < BudgetBurst-len("noise noise noise noise\n") {
		t.Errorf("%d bytes of noise were passed on; want %d", passed, BudgetBurst)
	}
	if want := int64(jobs*len(noise) + jobBytes - got); stream.dropped != want {
		t.Errorf("%d bytes count as dropped; want %d", stream.dropped, want)
	}
	if tally, _ := worker.Report(); tally.Processed != int64(jobs) {
		t.Errorf("counted %d jobs of %d", tally.Processed, jobs)
	}
	if after := feed(stream, time.Unix(11, 0), noise); after != noise {
		t.Errorf("ten seconds later %d bytes of %d were passed on", len(after), len(noise))
	}
}

// TestOneEndlessLine checks that a line of 100 MB needs no more memory than the buffer,
// that its beginning is passed on, and that the next line is complete.
func TestOneEndlessLine(t *testing.T) {
	stream, worker := newTestStream()
	piece := strings.Repeat("y", 1<<20)
	var out strings.Builder
	for range 100 {
		out.WriteString(feed(stream, time.Unix(1, 0), piece))
	}
	out.WriteString(feed(stream, time.Unix(1, 0), "\n"+jobLines(1)))
	if kept := cap(stream.carry) + len(stream.buffer) + cap(worker.tail.bytes); kept > 3*bufferSize {
		t.Errorf("%d bytes are held", kept)
	}
	got := out.String()
	if len(got) > BudgetBurst+len(jobLines(1))+1 || !strings.HasSuffix(got, "y\n"+jobLines(1)) {
		t.Errorf("%d bytes were passed on, ending in %q", len(got), got[max(0, len(got)-200):])
	}
	if tally, _ := worker.Report(); tally.Processed != 1 {
		t.Errorf("counted %d jobs after the line; want 1", tally.Processed)
	}
}

func TestEventIsFoundInALineThatCameInParts(t *testing.T) {
	stream, worker := newTestStream()
	line := strings.TrimSuffix(jobLines(1), "\n")
	var got strings.Builder
	for _, c := range []byte(line + "\n") { // flush after each byte, as after a pause
		got.WriteString(feed(stream, time.Unix(1, 0), string(c)))
	}
	if tally, _ := worker.Report(); tally.Processed != 1 || got.String() != line+"\n" {
		t.Errorf("counted %d jobs, passed on %q", tally.Processed, got.String())
	}
}

func TestTailKeepsTheLastLinesThatAreNoEvents(t *testing.T) {
	stream, worker := newTestStream()
	feed(stream, time.Unix(1, 0), strings.Repeat("old\n", 5000), jobLines(3), "\n  the end  \n", jobLines(1))
	tail := worker.Tail()
	if !strings.HasSuffix(tail, "old\n  the end\n") || len(tail) > tailBytes {
		t.Errorf("the tail is %d bytes and ends in %q", len(tail), tail[max(0, len(tail)-40):])
	}
}

func FuzzStream(f *testing.F) {
	f.Add([]byte(jobLines(2)), uint8(7), true)
	f.Add([]byte("a\r\nb\n\n\nc"), uint8(1), false)
	f.Add(bytes.Repeat([]byte("z"), 3*bufferSize), uint8(255), true)
	f.Fuzz(func(t *testing.T, text []byte, step uint8, flush bool) {
		stream, worker := newTestStream()
		var pieces []string
		for rest := text; len(rest) > 0; {
			n := min(int(step)*97+1, len(rest))
			pieces, rest = append(pieces, string(rest[:n])), rest[n:]
		}
		var got strings.Builder
		if flush {
			for _, piece := range pieces {
				got.WriteString(feed(stream, time.Unix(1, 0), piece))
			}
		} else {
			got.WriteString(feed(stream, time.Unix(1, 0), pieces...))
		}
		if len(text) <= BudgetBurst && got.String() != string(text) {
			t.Fatalf("%q became %q", text, got.String())
		}
		if cap(stream.carry) > 2*bufferSize || len(worker.Tail()) > tailBytes {
			t.Fatal("more is remembered than allowed")
		}
	})
}
