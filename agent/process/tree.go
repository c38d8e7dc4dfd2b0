// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"syscall"
	"time"
)

// entry is one process as described by /proc/PID/stat.
type entry struct {
	pid, parent, session int
	state                byte
	cpu                  time.Duration // of the process and the children it waited for
}

// clockTick is the unit of times in /proc: USER_HZ is 100 on every architecture on which
// Linux containers run.
const clockTick = 10 * time.Millisecond

// list returns all visible processes.
func list() []entry {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	entries := make([]entry, 0, len(names))
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			if e, ok := read(pid); ok {
				entries = append(entries, e)
			}
		}
	}
	return entries
}

func read(pid int) (entry, bool) {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return entry{}, false
	}
	return parseStat(pid, stat)
}

// parseStat parses a proc(5) stat. The name in parentheses may contain anything, so
// fields are counted from its last closing parenthesis: state is the first after it.
func parseStat(pid int, stat []byte) (entry, bool) {
	at := bytes.LastIndexByte(stat, ')')
	if at < 0 {
		return entry{}, false
	}
	fields := bytes.Fields(stat[at+1:])
	if len(fields) < 15 {
		return entry{}, false
	}
	number := func(i int) int {
		n, _ := strconv.Atoi(string(fields[i]))
		return n
	}
	return entry{
		pid: pid, state: fields[0][0], parent: number(1), session: number(3),
		cpu: time.Duration(number(11)+number(12)+number(13)+number(14)) * clockTick,
	}, true
}

// tree returns root and its live descendants, root first. It includes orphans that are
// still in the root's session.
func tree(entries []entry, root, self int) []entry {
	var found []entry
	for _, e := range entries {
		if e.pid == root || e.parent == self && e.session == root {
			found = append(found, e)
		}
	}
	found = append(found, below(entries, found)...)
	slices.SortStableFunc(found, func(a, b entry) int {
		if (a.pid == root) != (b.pid == root) {
			if a.pid == root {
				return -1
			}
			return 1
		}
		return 0
	})
	return slices.DeleteFunc(found, func(e entry) bool { return e.state == 'Z' || e.state == 'X' })
}

// below returns the descendants of the given processes.
func below(entries, roots []entry) []entry {
	var found []entry
	seen := map[int]bool{}
	for _, r := range roots {
		seen[r.pid] = true
	}
	for grown := true; grown; {
		grown = false
		for _, e := range entries {
			if seen[e.parent] && !seen[e.pid] {
				seen[e.pid] = true
				found = append(found, e)
				grown = true
			}
		}
	}
	return found
}

// KillTree kills a child and all its descendants.
func (r *Reaper) KillTree(pid int) {
	self := os.Getpid()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, alive := r.children[pid]; !alive {
		return
	}
	killAll(func() []entry { return tree(list(), pid, self) })
	_ = syscall.Kill(pid, syscall.SIGKILL) // in case /proc cannot be read
}

// KillAll kills every descendant of the agent.
func (r *Reaper) KillAll() {
	self := os.Getpid()
	r.mu.Lock()
	defer r.mu.Unlock()
	killAll(func() []entry {
		return slices.DeleteFunc(below(list(), []entry{{pid: self}}), func(e entry) bool {
			return e.state == 'Z' || e.state == 'X'
		})
	})
}

// maxPasses bounds how often a tree that grows while it is being stopped is listed again.
const maxPasses = 50

// killAll stops processes until no new ones appear, so that none can fork unseen. Then it
// kills them all.
func killAll(find func() []entry) {
	stopped := map[int]bool{}
	for range maxPasses {
		grown := false
		for _, e := range find() {
			if !stopped[e.pid] {
				stopped[e.pid], grown = true, true
				_ = syscall.Kill(e.pid, syscall.SIGSTOP)
			}
		}
		if !grown {
			break
		}
	}
	for pid := range stopped {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}
