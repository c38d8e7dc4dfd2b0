// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"errors"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	gather   = 5 * time.Millisecond   // between two reads that do not fill the buffer
	holdBack = 100 * time.Millisecond // for the rest of a line
	tellDrop = 5 * time.Second        // between two notices of dropped output

	// pipeSize lets a worker run ahead while the agent gathers: 50 MB/s.
	pipeSize   = 256 << 10
	setPipeLen = 1031 // F_SETPIPE_SZ of fcntl(2)
)

// Sink is a stream of the agent itself, shared by its processes.
type Sink struct {
	mu sync.Mutex
	w  io.Writer
}

// NewSink returns a sink that writes to w.
func NewSink(w io.Writer) *Sink { return &Sink{w: w} }

// pass writes ranges of the buffer. An error is of no use here: the worker goes on
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
	// Dropped is told how many bytes were dropped since it was last called.
	Dropped func(bytes int64)

	pipe    *os.File
	raw     syscall.RawConn
	exited  chan struct{}
	drained chan struct{}
	told    time.Time
	last    time.Time
	timer   *time.Timer
}

// Start begins to read from the pipe, which it closes at its end.
func (p *Pump) Start(pipe *os.File) error {
	raw, err := pipe.SyscallConn()
	if err != nil {
		return err
	}
	_ = raw.Control(func(fd uintptr) {
		// Refused above the user's limit; a smaller pipe works too.
		_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, fd, setPipeLen, pipeSize)
	})
	p.pipe, p.raw = pipe, raw
	p.exited, p.drained = make(chan struct{}), make(chan struct{})
	p.timer = time.NewTimer(gather)
	go p.run()
	return nil
}

// Exited tells the pump that the process has ended: what is in the pipe is the
// last it printed. The pump keeps passing on what descendants that hold the pipe
// print later, but reads no events from it.
func (p *Pump) Exited() {
	close(p.exited)
	_ = p.pipe.SetReadDeadline(time.Unix(1, 0))
}

// Drained is closed when everything the process printed has been looked at.
func (p *Pump) Drained() <-chan struct{} { return p.drained }

func (p *Pump) run() {
	ended := p.live()
	if !ended {
		_ = p.pipe.SetReadDeadline(time.Time{})
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
	_ = p.pipe.Close()
}

// live reads until the pipe ends, which it tells, or the process does.
func (p *Pump) live() (ended bool) {
	for holding := false; ; {
		if held := p.Stream.held > 0; held || holding {
			holding = held
			p.limit(held)
		}
		// After the deadline was set: Exited closes the channel before it sets its own.
		if p.over() {
			return false
		}
		room := len(p.Stream.buffer) - p.Stream.held
		n, err := p.read(true)
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			p.deal(true)
			continue
		case n == 0 || err != nil:
			return true
		}
		p.deal(false)
		if n < room && !p.pause() {
			return false
		}
	}
}

// limit lets a read wait for the rest of a line for a while, or for ever.
func (p *Pump) limit(on bool) {
	deadline := time.Time{}
	if on {
		deadline = time.Now().Add(holdBack)
	}
	_ = p.pipe.SetReadDeadline(deadline)
}

func (p *Pump) over() bool {
	select {
	case <-p.exited:
		return true
	default:
		return false
	}
}

// pause lets output gather; it returns false at once when the process ends.
func (p *Pump) pause() bool {
	p.timer.Reset(gather)
	select {
	case <-p.timer.C:
		return true
	case <-p.exited:
		return false
	}
}

// read reads once, and without wait returns 0 and no error if nothing is there.
// At the end of the pipe it returns io.EOF.
func (p *Pump) read(wait bool) (n int, err error) {
	s := p.Stream
	waitErr := p.raw.Read(func(fd uintptr) bool {
		for {
			n, err = syscall.Read(int(fd), s.buffer[s.held:])
			if err != syscall.EINTR {
				break
			}
		}
		if err == syscall.EAGAIN {
			n, err = 0, nil
			return !wait
		}
		if n == 0 && err == nil {
			err = io.EOF
		}
		return true
	})
	if waitErr != nil {
		return 0, waitErr
	}
	n = max(n, 0)
	s.held += n
	return n, err
}

// deal looks at what was read, reports, and passes it on, in this order: a sink
// that is not read must not hold up what is known of the jobs.
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

// WriteString writes a line of the agent's own between the lines of its workers.
func (s *Sink) WriteString(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, _ = io.WriteString(s.w, line)
}
