// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"

	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
)

// countersFile is the name of the file with the counts of a pod.
const countersFile = "counters.json"

// keepEvery is the minimum time between two writes of counts that grow job by job.
const keepEvery = 100 * time.Millisecond

// Keeper saves the counts as they change: in a file in the state directory, which it
// replaces as a whole, and in the termination message. It writes only the newest state,
// in its own goroutine, so that no process ever waits for a disk.
type Keeper struct {
	path  string
	final *finalWord

	newest chan keep
	done   chan struct{}
	log    func(format string, arguments ...any)
}

type keep struct {
	state    *supervisor.State
	atOnce   bool
	complete bool
}

// Load reads the counts that an earlier container of the pod has saved. Without a file,
// counts begin at zero. If the file cannot be read, Load returns an error and zero
// counts.
func Load(dir string) (supervisor.Past, error) {
	var past supervisor.Past
	content, err := os.ReadFile(filepath.Join(dir, countersFile))
	if errors.Is(err, os.ErrNotExist) {
		return past, nil
	}
	if err == nil {
		err = json.Unmarshal(content, &past)
	}
	if err != nil {
		return supervisor.Past{}, fmt.Errorf("read the counts kept in %s: %w", dir, err)
	}
	return past, nil
}

// NewKeeper starts saving counts in dir and in the termination message, a file that the
// kubelet has created. With an empty path it writes no message.
func NewKeeper(dir, terminationMessage string, log func(format string, arguments ...any)) *Keeper {
	k := &Keeper{
		path: filepath.Join(dir, countersFile), final: &finalWord{path: terminationMessage},
		newest: make(chan keep, 1), done: make(chan struct{}), log: log,
	}
	go k.run()
	return k
}

// Changed takes a new state. If atOnce is set, the state is written without waiting for
// more changes. Only one goroutine may call Changed.
func (k *Keeper) Changed(state *supervisor.State, atOnce bool) {
	k.put(keep{state: state, atOnce: atOnce})
}

// Close writes the last state and returns once it is written.
func (k *Keeper) Close(state *supervisor.State) {
	k.put(keep{state: state, atOnce: true, complete: true})
	close(k.newest)
	<-k.done
}

// put replaces a state that run has not taken yet.
func (k *Keeper) put(next keep) {
	select {
	case older := <-k.newest:
		next.atOnce = next.atOnce || older.atOnce
	default:
	}
	k.newest <- next
}

func (k *Keeper) run() {
	defer close(k.done)
	var told string
	for next := range k.newest {
		if !next.atOnce {
			next = k.gather(next)
		}
		err := errors.Join(k.write(next.state), k.final.write(Final(next.state, next.complete)))
		if err != nil && err.Error() != told {
			told = err.Error() // once, not ten times a second
			k.log("%v", err)
		}
	}
}

// gather waits briefly for newer states, unless one must be written at once.
func (k *Keeper) gather(next keep) keep {
	limit := time.NewTimer(keepEvery)
	defer limit.Stop()
	for {
		select {
		case newer, open := <-k.newest:
			if !open {
				return next
			}
			if next = newer; next.atOnce {
				return next
			}
		case <-limit.C:
			return next
		}
	}
}

func (k *Keeper) write(state *supervisor.State) error {
	content, err := json.Marshal(state.Past())
	if err != nil {
		return fmt.Errorf("keep the counts: %w", err)
	}
	temporary := k.path + ".new"
	if err := os.WriteFile(temporary, content, 0o644); err != nil {
		return fmt.Errorf("keep the counts: %w", err)
	}
	if err := os.Rename(temporary, k.path); err != nil {
		return fmt.Errorf("keep the counts: %w", err)
	}
	return nil
}

// Final returns the final report of a state.
func Final(state *supervisor.State, complete bool) protocol.Final {
	return protocol.Final{
		Version: protocol.Version, Counters: state.Counters, Complete: complete, Message: state.Trouble,
		Killed: killedJobs(state),
	}
}

// WriteFinal writes a final report to the termination message.
func WriteFinal(path string, final protocol.Final) error {
	word := finalWord{path: path}
	return word.write(final)
}

// finalWord writes the termination message. The kubelet mounts it as a file, so it cannot
// be replaced by renaming. It is overwritten in one piece and padded with blanks to its
// previous length, so that it is readable at any moment.
type finalWord struct {
	path    string
	written int
}

func (f *finalWord) write(final protocol.Final) error {
	if f.path == "" {
		return nil
	}
	content, err := encodeFinal(final)
	if err != nil {
		return fmt.Errorf("write the termination message: %w", err)
	}
	length := len(content)
	for len(content) < f.written {
		content = append(content, ' ')
	}
	flags := os.O_WRONLY | os.O_CREATE
	if f.written == 0 {
		flags |= os.O_TRUNC
	}
	file, err := os.OpenFile(f.path, flags, 0o644)
	if err != nil {
		return fmt.Errorf("write the termination message: %w", err)
	}
	_, err = file.WriteAt(content, 0)
	f.written = max(f.written, length)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write the termination message: %w", err)
	}
	return nil
}

// encodeFinal shortens everything except the counts until the report fits: first the
// message, then the list of killed jobs.
func encodeFinal(final protocol.Final) ([]byte, error) {
	for {
		content, err := json.Marshal(final)
		if err != nil || len(content) <= protocol.MaxFinalBytes {
			return content, err
		}
		switch {
		case final.Message != "":
			final.Message = halve(final.Message)
		case len(final.Killed) > 0:
			final.Killed = final.Killed[:len(final.Killed)/2]
		default:
			return content, nil
		}
	}
}

func halve(text string) string {
	end := len(text) / 2
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}
