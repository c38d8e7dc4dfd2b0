// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"bytes"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
)

// recorder is the writer of a sink. It can be read while the sink writes.
type recorder struct {
	mu    sync.Mutex
	bytes bytes.Buffer
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes.Write(b)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes.String()
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come about in 20 s", what)
		}
	}
}

type rig struct {
	pump   *Pump
	worker *Worker
	passed *recorder
	writer *os.File

	mu      sync.Mutex
	tally   dialect.Tally
	dropped int64
}

func newRig(t *testing.T) *rig {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{worker: NewWorker(&dialect.BracketParser{}, false), passed: &recorder{}, writer: writer}
	r.pump = &Pump{
		Stream: NewStream(r.worker, true), Sink: NewSink(r.passed),
		Report: func() {
			tally, _ := r.worker.Report()
			r.mu.Lock()
			defer r.mu.Unlock()
			r.tally.Processed += tally.Processed
		},
		Dropped: func(n int64) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.dropped += n
		},
	}
	if err := r.pump.Start(reader); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = writer.Close() })
	return r
}

func (r *rig) processed() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tally.Processed
}

func TestPumpPassesLinesOnWhileTheProcessLives(t *testing.T) {
	r := newRig(t)
	_, _ = io.WriteString(r.writer, jobLines(3))
	eventually(t, "the report of 3 jobs", func() bool { return r.processed() == 3 })
	eventually(t, "their lines", func() bool { return r.passed.String() == jobLines(3) })
}

func TestPumpPassesOnALineThatIsNotFinished(t *testing.T) {
	r := newRig(t)
	_, _ = io.WriteString(r.writer, "half a line")
	eventually(t, "the half line", func() bool { return r.passed.String() == "half a line" })
}

func TestPumpIsDrainedWhenTheProcessEnds(t *testing.T) {
	r := newRig(t)
	_, _ = io.WriteString(r.writer, jobLines(700)+"last words")
	r.pump.Exited() // the pipe stays open: a descendant holds it
	<-r.pump.Drained()
	if got := r.processed(); got != 700 {
		t.Errorf("%d jobs were reported when the pump was drained; want 700", got)
	}
	if got := r.passed.String(); got != jobLines(700)+"last words" {
		t.Errorf("%d bytes were passed on, ending in %q", len(got), got[max(0, len(got)-30):])
	}
	_, _ = io.WriteString(r.writer, "a descendant goes on\n"+jobLines(1))
	eventually(t, "the descendant's output", func() bool { return strings.HasSuffix(r.passed.String(), jobLines(1)) })
	if got := r.processed(); got != 700 {
		t.Errorf("jobs of a descendant were counted: %d", got)
	}
}

func TestPumpIsDrainedWhenThePipeEnds(t *testing.T) {
	r := newRig(t)
	_, _ = io.WriteString(r.writer, jobLines(1))
	_ = r.writer.Close()
	<-r.pump.Drained()
	r.pump.Exited()
	if got := r.processed(); got != 1 {
		t.Errorf("%d jobs were reported; want 1", got)
	}
}

func TestPumpTellsWhatItDropped(t *testing.T) {
	r := newRig(t)
	line := strings.Repeat("n", 1023) + "\n"
	const lines = 3 * BudgetBurst / 1024
	for range lines {
		_, _ = io.WriteString(r.writer, line)
	}
	_ = r.writer.Close()
	<-r.pump.Drained()
	r.mu.Lock()
	defer r.mu.Unlock()
	if passed := int64(len(r.passed.String())); r.dropped == 0 || r.dropped+passed != lines*1024 {
		t.Errorf("%d bytes were dropped and %d passed on of %d", r.dropped, passed, lines*1024)
	}
}

// TestReportsDoNotWaitForTheSink checks that jobs are known even if the log is not read.
func TestReportsDoNotWaitForTheSink(t *testing.T) {
	r := newRig(t)
	r.pump.Sink.mu.Lock()
	_, _ = io.WriteString(r.writer, jobLines(2))
	eventually(t, "the report of 2 jobs", func() bool { return r.processed() == 2 })
	r.pump.Sink.mu.Unlock()
	eventually(t, "their lines", func() bool { return r.passed.String() == jobLines(2) })
}

// BenchmarkPump measures lines per second through a pipe, parsed and passed on.
func BenchmarkPump(b *testing.B) {
	reader, writer, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		b.Fatal(err)
	}
	worker := NewWorker(&dialect.BracketParser{}, false)
	var processed int64
	pump := &Pump{
		Stream: NewStream(worker, true), Sink: NewSink(null), Dropped: func(int64) {},
		Report: func() {
			tally, _ := worker.Report()
			processed += tally.Processed
		},
	}
	block := []byte(jobLines(500)) // 1000 lines
	if err := pump.Start(reader); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(block)))
	rounds := int64(0)
	for b.Loop() {
		_, _ = writer.Write(block)
		rounds++
	}
	_ = writer.Close()
	<-pump.Drained()
	b.ReportMetric(float64(rounds*1000)/b.Elapsed().Seconds(), "lines/s")
	if processed != rounds*500 {
		b.Fatalf("%d jobs were counted of %d", processed, rounds*500)
	}
}

// TestNoWakeIsLost writes at every possible moment of the reader. Each write must be read
// even if no other write follows.
func TestNoWakeIsLost(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	p, err := openPipe(reader)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	const rounds = 200_000
	read := make(chan int)
	go func() {
		buffer := make([]byte, 64)
		for range rounds {
			n, err := p.read(buffer, true)
			if err != nil {
				break
			}
			read <- n
		}
		close(read)
	}()
	p.deadline(time.Now().Add(2 * time.Minute))
	for round := range rounds {
		if _, err := writer.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if n, ok := <-read; !ok || n != 1 {
			t.Fatalf("round %d: read %d bytes (%t)", round, n, ok)
		}
	}
}
