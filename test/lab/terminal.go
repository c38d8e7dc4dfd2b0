// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Terminal is a real terminal, of tmux, in which a program runs.
type Terminal struct {
	lab    *Lab
	socket string
	// code is the file to which the shell writes the program's exit code, because tmux
	// itself loses it now and then.
	code string
}

// Terminal starts the plugin in a terminal of the given size; Ended shows its end.
func (p *Plugin) Terminal(width, height int, arguments ...string) *Terminal {
	p.lab.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		p.lab.Fatalf("%v; run hack/install-servers.sh, or: apt-get install tmux", err)
	}
	// A socket's path may have at most 107 characters, and a test's own directory
	// contains the test's name.
	directory, err := os.MkdirTemp("", "tmux-")
	if err != nil {
		p.lab.Fatal(err)
	}
	t := &Terminal{p.lab, filepath.Join(directory, "socket"), filepath.Join(directory, "code")}
	var line strings.Builder
	// Ctrl-C is for the program, and the shell must survive it.
	line.WriteString("trap : INT; " + p.lab.program())
	for _, argument := range arguments {
		line.WriteString(" '" + strings.ReplaceAll(argument, "'", `'\''`) + "'")
	}
	line.WriteString("; echo $? >" + t.code)
	t.start(p.environment(), width, height, line.String())
	p.lab.Cleanup(func() {
		// The server may have ended already.
		_ = exec.Command("tmux", "-S", t.socket, "kill-server").Run()
		_ = os.RemoveAll(directory) // only a few bytes, which the system removes later anyway
	})
	return t
}

// start starts a separate tmux server without a user's settings. It keeps the screen
// after the program has ended.
func (t *Terminal) start(environment []string, width, height int, line string) {
	t.lab.Helper()
	settings := filepath.Join(t.lab.TempDir(), "tmux.conf")
	// The program gets the window's size only if it belongs to a window from the start.
	text := "set -g remain-on-exit on\nset -g remain-on-exit-format ''\nset -g default-terminal screen-256color\nset -g status off\nset -s escape-time 10\n"
	if err := os.WriteFile(settings, []byte(text), 0o600); err != nil {
		t.lab.Fatal(err)
	}
	command := exec.Command("tmux", "-S", t.socket, "-f", settings, "-u", "new-session", "-d", "-s", "lab",
		"-x", strconv.Itoa(width), "-y", strconv.Itoa(height), line)
	command.Env = append(slices.Clone(environment), "LC_ALL=C.UTF-8")
	if output, err := command.CombinedOutput(); err != nil {
		t.lab.Fatalf("start tmux: %v: %s", err, output)
	}
}

// Screen returns what the terminal shows now.
func (t *Terminal) Screen() string {
	t.lab.Helper()
	return t.tmux("capture-pane", "-p", "-t", "lab")
}

// Keys types keys, named as tmux names them: q, Enter, C-c, Down.
func (t *Terminal) Keys(keys ...string) {
	t.lab.Helper()
	t.tmux(append([]string{"send-keys", "-t", "lab"}, keys...)...)
}

// Resize makes the terminal larger or smaller.
func (t *Terminal) Resize(width, height int) {
	t.lab.Helper()
	t.tmux("resize-window", "-t", "lab", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height))
}

// PID returns the process id of the program in the terminal.
func (t *Terminal) PID() string {
	t.lab.Helper()
	shell := strings.TrimSpace(t.tmux("list-panes", "-t", "lab", "-F", "#{pane_pid}"))
	children, err := os.ReadFile(filepath.Join("/proc", shell, "task", shell, "children"))
	if err != nil || len(strings.Fields(string(children))) != 1 {
		t.lab.Fatalf("the children of the terminal's shell %s are %q: %v", shell, children, err)
	}
	return strings.TrimSpace(string(children))
}

// Ended reports whether the program has ended, and returns its exit code.
func (t *Terminal) Ended() (ended bool, code string) {
	t.lab.Helper()
	written, err := os.ReadFile(t.code)
	if err != nil && !os.IsNotExist(err) {
		t.lab.Fatal(err)
	}
	code = strings.TrimSpace(string(written))
	return code != "", code
}

// Shows waits until the screen is as wanted and returns it.
func (t *Terminal) Shows(what string, within time.Duration, wanted func(screen string) bool) string {
	t.lab.Helper()
	var screen string
	t.lab.Eventually("the terminal shows "+what, within, func() (bool, string) {
		screen = t.Screen()
		return wanted(screen), "\n" + screen
	})
	return screen
}

// EndsWith waits until the program has ended with the given exit code.
func (t *Terminal) EndsWith(code string, within time.Duration) {
	t.lab.Helper()
	t.lab.Eventually("the program ends with "+code, within, func() (bool, string) {
		ended, got := t.Ended()
		return ended && got == code, fmt.Sprintf("ended: %t, code %s\n%s", ended, got, t.Screen())
	})
}

func (t *Terminal) tmux(arguments ...string) string {
	t.lab.Helper()
	output, err := exec.Command("tmux", append([]string{"-S", t.socket}, arguments...)...).CombinedOutput()
	if err != nil {
		t.lab.Fatalf("tmux %v: %v: %s", arguments, err, output)
	}
	return string(output)
}
