// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

const (
	gather   = 5 * time.Millisecond   // between two reads that do not fill the buffer ...
	gatherUp = 20 * time.Millisecond  // ... and while lines come fast: busyLines in each gather
	holdBack = 100 * time.Millisecond // for the rest of a line
	tellDrop = 5 * time.Second        // between two notices of dropped output

	// lookAgain bounds the delay if the kernel loses a wake-up.
	lookAgain = 5 * time.Second

	// busyLines in 5 ms mean jobs of about 2 ms; more than busyBytes would fill the pipe.
	busyLines = 4
	busyBytes = 16 << 10
)

// Sink is one of the agent's own streams, shared by its processes.
type Sink struct {
	mu sync.Mutex
	w  io.Writer
}

// NewSink returns a sink that writes to w.
func NewSink(w io.Writer) *Sink { return &Sink{w: w} }

// pass writes ranges of the buffer. It ignores errors, because the worker continues
// whether its log is read or not.
func (s *Sink) pass(buffer []byte, ranges [][2]int) {
	if len(ranges) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range ranges {
		_, _ = s.w.Write(buffer[r[0]:r[1]])
	}
}

// Pump moves one stream of a process from its pipe to a sink.
type Pump struct {
	Stream *Stream
	Sink   *Sink
	// Report is called after each read, before the output is passed on.
	Report func()
	// Dropped is called with the number of bytes dropped since its last call.
	Dropped func(bytes int64)

	pipe    *pipe
	exited  chan struct{}
	drained chan struct{}
	told    time.Time
	last    time.Time
	timer   *time.Timer
	wait    time.Duration // of the last pause
}

// Start starts reading from the pipe, and closes it at its end.
func (p *Pump) Start(file *os.File) (err error) {
	if p.pipe, err = openPipe(file); err != nil {
		return err
	}
	p.exited, p.drained = make(chan struct{}), make(chan struct{})
	p.timer, p.wait = time.NewTimer(gather), gather
	go p.run()
	return nil
}

// Exited notifies the pump that the process has ended: the pipe holds its last output.
// The pump still passes on later output of descendants that hold the pipe, but finds no
// more events in it.
func (p *Pump) Exited() {
	close(p.exited)
	p.pipe.deadline(time.Unix(1, 0))
}

// Drained returns a channel that is closed once all output of the process was examined.
func (p *Pump) Drained() <-chan struct{} { return p.drained }

func (p *Pump) run() {
	ended := p.live()
	if !ended {
		p.pipe.deadline(time.Time{})
		for !ended {
			n, err := p.read(false)
			if n == 0 {
				ended = err != nil
				break
			}
			p.deal(false)
		}
	}
	p.deal(true)
	p.tell(true)
	close(p.drained)
	p.Report = func() {}
	for p.Stream.events = false; !ended; {
		n, err := p.read(true)
		p.deal(true)
		ended = n == 0 || err != nil
	}
	p.pipe.close()
}

// live reads until the pipe or the process ends. It returns true if the pipe has ended.
func (p *Pump) live() (ended bool) {
	for {
		limit := lookAgain
		if p.Stream.held > 0 {
			limit = holdBack
		}
		p.pipe.deadline(time.Now().Add(limit))
		// After setting the deadline, because Exited closes the channel before it sets its own.
		if p.over() {
			return false
		}
		room := len(p.Stream.buffer) - p.Stream.held
		n, err := p.read(true)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded) && p.Stream.held == 0:
			continue
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.deal(true)
			continue
		case n == 0 || err != nil:
			return true
		}
		p.deal(false)
		if n < room && !p.pause(n) {
			return false
		}
	}
}

func (p *Pump) over() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// pause lets output gather after a read of n bytes. It returns false as soon as the
// process ends.
func (p *Pump) pause(n int) bool {
	thick := p.Stream.lines*int(gather/time.Millisecond) >= busyLines*int(p.wait/time.Millisecond)
	p.wait = gather
	if thick && n < busyBytes {
		p.wait = gatherUp
	}
	p.timer.Reset(p.wait)
	select {
	case <-p.timer.C:
		return true
	case <-p.exited:
		return false
	}
}

// read reads once into the free part of the buffer.
func (p *Pump) read(wait bool) (n int, err error) {
	n, err = p.pipe.read(p.Stream.buffer[p.Stream.held:], wait)
	p.Stream.held += n
	return n, err
}

// deal examines the output, reports, and passes it on, in this order, so that an unread
// sink does not delay the counts of jobs.
func (p *Pump) deal(flush bool) {
	s := p.Stream
	p.last = time.Now()
	s.scan(p.last, flush)
	p.Report()
	p.Sink.pass(s.buffer, s.keep)
	s.free()
	p.tell(false)
}

func (p *Pump) tell(final bool) {
	if p.Stream.dropped == 0 || !final && p.last.Sub(p.told) < tellDrop {
		return
	}
	p.told = p.last
	p.Dropped(p.Stream.dropped)
	p.Stream.dropped = 0
}

// WriteString writes one of the agent's own lines between the lines of its workers.
func (s *Sink) WriteString(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.w, line)
}
