// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"queueworker.dev/queueworker/backlog/conformance"
)

// laravel is the application of test/laravel with an environment; it implements
// conformance.Application.
type laravel struct {
	dir         string
	environment []string
}

// newLaravel copies the application, because it writes to its own directories.
func newLaravel(t *testing.T, environment []string) *laravel {
	t.Helper()
	dir := filepath.Join(folder(t, "laravel", 0), "app")
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(top(t), "test", "laravel"))); err != nil {
		t.Fatal(err)
	}
	for _, sub := range []string{"bootstrap/cache", "storage/framework/cache/data", "storage/framework/views", "storage/logs"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &laravel{dir: dir, environment: append([]string{"LOG_CHANNEL=null"}, environment...)}
}

// artisan runs a command of the application to its end.
func (l *laravel) artisan(t *testing.T, environment []string, arguments ...string) {
	t.Helper()
	command := l.command(environment, arguments...)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("artisan %q: %v\n%s", arguments, err, output)
	}
}

func (l *laravel) command(environment []string, arguments ...string) *exec.Cmd {
	command := exec.Command("php", append([]string{"artisan"}, arguments...)...)
	command.Dir = l.dir
	command.Env = append(append(os.Environ(), l.environment...), environment...)
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return command
}

// Dispatch implements conformance.Application.
func (l *laravel) Dispatch(t *testing.T, jobs conformance.Jobs) {
	t.Helper()
	arguments := []string{"demo:dispatch", jobs.Kind, "--uncounted", "--queue=" + jobs.Queue, "--count=" + strconv.Itoa(jobs.Count)}
	if jobs.Delay > 0 {
		arguments = append(arguments, fmt.Sprintf("--delay=%d", int(jobs.Delay.Seconds())))
	}
	if jobs.Timeout > 0 {
		arguments = append(arguments, fmt.Sprintf("--timeout=%d", int(jobs.Timeout.Seconds())))
	}
	l.artisan(t, nil, arguments...)
}

func workArguments(retryAfter time.Duration, queue string) (environment, arguments []string) {
	seconds := strconv.Itoa(int(retryAfter.Seconds()))
	return []string{"REDIS_QUEUE_RETRY_AFTER=" + seconds, "DB_QUEUE_RETRY_AFTER=" + seconds},
		[]string{"queue:work", "--queue=" + queue, "--sleep=0.1", "--timeout=0"}
}

// Work implements conformance.Application.
func (l *laravel) Work(t *testing.T, retryAfter time.Duration, queue string, arguments ...string) {
	t.Helper()
	environment, always := workArguments(retryAfter, queue)
	l.artisan(t, environment, append(always, arguments...)...)
}

// Start implements conformance.Application.
func (l *laravel) Start(t *testing.T, retryAfter time.Duration, queue string) func() {
	t.Helper()
	environment, arguments := workArguments(retryAfter, queue)
	p := start(t, l.dir, 0, append(append([]string{}, l.environment...), environment...), "php", append([]string{"artisan"}, arguments...)...)
	t.Cleanup(func() { p.stop(syscall.SIGKILL) })
	return func() { p.stop(syscall.SIGKILL) }
}

// environment returns the environment of an application with its queues in this Redis.
func (s *redisServer) environment() []string {
	return []string{"REDIS_HOST=127.0.0.1", "REDIS_PORT=" + strconv.Itoa(s.port), "REDIS_PASSWORD=" + canary}
}
