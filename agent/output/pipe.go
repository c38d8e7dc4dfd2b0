// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package output

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

const (
	// pipeSize lets a worker run ahead while the agent gathers: 50 MB/s.
	pipeSize   = 256 << 10
	setPipeLen = 1031 // F_SETPIPE_SZ of fcntl(2)
)

// pipe is the reading end of a pipe that wakes the agent only while the agent waits. Go's
// own poller is notified of every write to a pipe, wanted or not. At one write per line,
// that is most of the cost of reading a busy worker. So the pipe is watched through a
// gate, an extra epoll instance that Go's poller watches. The gate is open only between a
// read that found nothing and the next read that finds something.
type pipe struct {
	file *os.File
	fd   int

	gate   *os.File
	gateFd int
	raw    syscall.RawConn
	open   bool
}

// openPipe takes over a pipe, preferably one that Go's poller does not watch.
func openPipe(file *os.File) (*pipe, error) {
	p := &pipe{file: file}
	raw, err := file.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { p.fd = int(fd) })
	}
	if err == nil {
		err = syscall.SetNonblock(p.fd, true)
	}
	if err == nil {
		err = p.openGate()
	}
	if err != nil {
		return nil, fmt.Errorf("read the output of a worker: %w", err)
	}
	// Fails above the user's limit; a smaller pipe works too.
	_, _, _ = syscall.Syscall(syscall.SYS_FCNTL, uintptr(p.fd), setPipeLen, pipeSize)
	return p, nil
}

func (p *pipe) openGate() (err error) {
	if p.gateFd, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return err
	}
	err = syscall.EpollCtl(p.gateFd, syscall.EPOLL_CTL_ADD, p.fd, &syscall.EpollEvent{Fd: int32(p.fd)})
	if err == nil {
		err = syscall.SetNonblock(p.gateFd, true) // makes os.NewFile add it to Go's poller
	}
	if err != nil {
		_ = syscall.Close(p.gateFd)
		return err
	}
	p.gate = os.NewFile(uintptr(p.gateFd), "gate")
	p.raw, err = p.gate.SyscallConn()
	return err
}

// turn opens or closes the gate.
func (p *pipe) turn(open bool) {
	if p.open == open {
		return
	}
	p.open = open
	event := syscall.EpollEvent{Fd: int32(p.fd)}
	if open {
		event.Events = syscall.EPOLLIN
	}
	_ = syscall.EpollCtl(p.gateFd, syscall.EPOLL_CTL_MOD, p.fd, &event)
}

// read reads once. Without wait it returns 0 and no error if there is nothing to read. At
// the end of the pipe it returns io.EOF, after the deadline os.ErrDeadlineExceeded.
func (p *pipe) read(buffer []byte, wait bool) (n int, err error) {
	waited := p.raw.Read(func(uintptr) bool {
		n, err = p.try(buffer)
		if wait && errors.Is(err, syscall.EAGAIN) {
			// From here on, the gate reports new output. Output from before the gate was open may
			// not be reported, so try once more.
			p.turn(true)
			n, err = p.try(buffer)
		}
		if errors.Is(err, syscall.EAGAIN) {
			n, err = 0, nil
			return !wait
		}
		p.turn(false)
		return true
	})
	if waited != nil {
		return 0, waited
	}
	return n, err
}

func (p *pipe) try(buffer []byte) (int, error) {
	for {
		n, err := syscall.Read(p.fd, buffer)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}

// deadline lets reads wait until t, or forever if t is zero.
func (p *pipe) deadline(t time.Time) { _ = p.gate.SetReadDeadline(t) }

func (p *pipe) close() {
	_ = p.gate.Close()
	_ = p.file.Close()
}
