// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// canary is the password of every server and must not appear anywhere. It contains every
// character that a program may forget to quote.
const canary = `Kanar1en\'"vogel @:/?#%&+=`

// workshop holds what all tests share.
var workshop struct {
	dir     string
	cleanup []func()
	mutex   sync.Mutex
}

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	for _, need := range []struct{ program, debianPackage string }{
		{"redis-server", "redis-server"}, {"mariadbd", "mariadb-server-core"}, {"php", "php-cli php-laravel-framework"},
	} {
		if _, err := exec.LookPath(need.program); err != nil {
			fmt.Fprintf(os.Stderr, "%s is not installed; run hack/install-servers.sh, or: apt-get install %s\n", need.program, need.debianPackage)
			return 1
		}
	}
	// Servers run as other users, who need access to this directory.
	dir, err := os.MkdirTemp("", "backends-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	workshop.dir = dir
	defer func() {
		for _, cleanup := range slices.Backward(workshop.cleanup) {
			cleanup()
		}
		_ = os.RemoveAll(dir)
	}()
	return m.Run()
}

// atEnd registers a function to run when all tests have ended.
func atEnd(f func()) {
	workshop.mutex.Lock()
	defer workshop.mutex.Unlock()
	workshop.cleanup = append(workshop.cleanup, f)
}

// folder creates a directory for a user that exists until all tests have ended.
func folder(t *testing.T, name string, uid int) string {
	t.Helper()
	dir, err := os.MkdirTemp(workshop.dir, name+"-") //nolint:usetesting // servers outlive the test that starts them first
	if err == nil {
		err = os.Chmod(dir, 0o700)
	}
	if err == nil && os.Geteuid() == 0 {
		err = os.Chown(dir, uid, -1)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// mustNotTell fails the test if a text contains the password in any form.
func mustNotTell(t *testing.T, what, text string) {
	t.Helper()
	for _, part := range []string{canary, "Kanar1en", "vogel @", "vogel%20", "vogel+"} {
		if strings.Contains(text, part) {
			t.Errorf("%s tells the password: %q", what, text)
		}
	}
}

// top returns the root directory of the checkout.
func top(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}
