// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package laravel_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/agent/runtime/laravel"
	"queueworker.dev/queueworker/api/protocol"
)

// recorded returns the output of a real `php` or `artisan`.
func recorded(t *testing.T, name string) laravel.Answer {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return laravel.Answer{Output: string(content)}
}

func TestReadFacts(t *testing.T) {
	modules, help, version := recorded(t, "modules.txt"), recorded(t, "help-8.83.txt"), recorded(t, "version.txt")
	since9 := laravel.Answer{Output: "Laravel Framework \x1b[32m9.52.16\x1b[39m\n"}
	tests := map[string]struct {
		answers laravel.Answers
		want    laravel.Facts // without Options
		dialect dialect.Name
	}{
		"Laravel 8.83": {
			answers: laravel.Answers{Modules: modules, Help: help, Version: version},
			want:    laravel.Facts{Known: true, Pcntl: true, Version: "8.83.26"}, dialect: dialect.Brackets,
		},
		"with JSON": {
			answers: laravel.Answers{Modules: modules, Help: recorded(t, "help-json.txt"), Version: version},
			want:    laravel.Facts{Known: true, Pcntl: true, Version: "8.83.26"}, dialect: dialect.JSON,
		},
		"Laravel 9.52": {
			answers: laravel.Answers{Modules: modules, Help: help, Version: laravel.Answer{Output: "Laravel Framework 9.52.16\n"}},
			want:    laravel.Facts{Known: true, Pcntl: true, Version: "9.52.16"}, dialect: dialect.Text,
		},
		"Laravel 9.20 still prints brackets": {
			answers: laravel.Answers{Modules: modules, Help: help, Version: laravel.Answer{Output: "Laravel Framework v9.20.0"}},
			want:    laravel.Facts{Known: true, Pcntl: true, Version: "9.20.0"}, dialect: dialect.Brackets,
		},
		"without pcntl": {
			answers: laravel.Answers{Modules: laravel.Answer{Output: "[PHP Modules]\nCore\npcntl_like\n"}, Help: help, Version: version},
			want:    laravel.Facts{Known: true, Version: "8.83.26"}, dialect: dialect.Brackets,
		},
		"an unknown version does not matter": {
			answers: laravel.Answers{Modules: modules, Help: help, Version: laravel.Answer{Err: errors.New("no answer")}},
			want:    laravel.Facts{Known: true, Pcntl: true}, dialect: dialect.Brackets,
		},
		"colours are not expected but do no harm": {
			answers: laravel.Answers{Modules: modules, Help: help, Version: since9},
			want:    laravel.Facts{Known: true, Pcntl: true}, dialect: dialect.Brackets,
		},
		"an application that does not boot": {
			answers: laravel.Answers{Modules: modules, Help: laravel.Answer{Output: "PHP Fatal error: x", Code: 255}, Version: laravel.Answer{Code: 255}},
			want:    laravel.Facts{Pcntl: true}, dialect: dialect.Brackets,
		},
		"something else that is called artisan": {
			answers: laravel.Answers{Modules: modules, Help: laravel.Answer{Output: "hello\n"}},
			want:    laravel.Facts{Pcntl: true}, dialect: dialect.Brackets,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got := laravel.Read(tc.answers, nil)
			options := got.Options
			got.Options = nil
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("facts differ (-want +got):\n%s", diff)
			}
			got.Options = options
			if got.Dialect() != tc.dialect {
				t.Errorf("the dialect is %s; want %s", got.Dialect(), tc.dialect)
			}
			if got.Known && (!got.Has("max-jobs") || !got.Has("backoff") || !got.Has("rest") || got.Has("nothing") || got.Has("no-ansi-x")) {
				t.Errorf("the options are %v", options)
			}
		})
	}
}

func TestShellWrappers(t *testing.T) {
	tests := map[string]struct {
		wrapper []string
		want    bool
	}{
		"none":                        {},
		"an entrypoint that execs":    {wrapper: []string{"/usr/local/bin/docker-php-entrypoint"}},
		"sh -c":                       {wrapper: []string{"/bin/sh", "-c", `cd /app && "$@"`, "sh"}, want: true},
		"sh -c that replaces itself":  {wrapper: []string{"sh", "-c", `cd /app && exec "$@"`, "sh"}},
		"bash -lc":                    {wrapper: []string{"bash", "-lc", `"$@"`, "bash"}, want: true},
		"env and busybox":             {wrapper: []string{"env", "A=b", "busybox", "sh", "-c", `"$@"; true`}, want: true},
		"a shell that runs a script":  {wrapper: []string{"sh", "/entrypoint.sh"}},
		"a program of a similar name": {wrapper: []string{"/bin/fish", "-c", "x"}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := laravel.Read(laravel.Answers{}, tc.wrapper).ShellWrapped; got != tc.want {
				t.Errorf("ShellWrapped is %t", got)
			}
		})
	}
}

func TestQuestionsGoThroughTheWrapper(t *testing.T) {
	for _, question := range laravel.Questions([]string{"env", "A=b"}) {
		if !slices.Equal(question[:3], []string{"env", "A=b", "php"}) {
			t.Errorf("asked %q", question)
		}
	}
}

func TestCommand(t *testing.T) {
	full := protocol.Config{
		Connection: "redis", Queue: "high,default", TimeoutSeconds: 60, SleepMilliseconds: 500, RestMilliseconds: 1500, Tries: 3,
		BackoffSeconds: []int64{7, 20}, MaxJobs: 500, Force: true, Verbose: true, MemoryBytes: 256 << 20, HeapLimitBytes: 352 << 20,
	}
	plain := protocol.Config{Queue: "emails", TimeoutSeconds: 0, SleepMilliseconds: 3000, MemoryBytes: 128 << 20, HeapLimitBytes: 192 << 20}
	known := laravel.Facts{Known: true, Pcntl: true, Options: []string{
		"backoff", "delay", "force", "json", "max-jobs", "max-time", "memory", "queue", "rest", "sleep", "timeout", "tries",
	}}
	old := laravel.Facts{Known: true, Pcntl: true, Options: []string{"delay", "force", "memory", "queue", "sleep", "timeout", "tries"}}
	recycled := plain
	recycled.Recycle, recycled.MaxJobs, recycled.MaxTimeSeconds = protocol.RecyclePod, 500, 3600
	noPcntl := known
	noPcntl.Pcntl = false
	tests := map[string]struct {
		config  protocol.Config
		facts   laravel.Facts
		maxTime time.Duration
		want    []string
	}{
		"everything": {
			config: full, facts: known, maxTime: time.Hour,
			want: []string{
				"php", "-d", "memory_limit=369098752", "artisan", "queue:work", "redis", "--queue=high,default", "--timeout=60", "--memory=256",
				"--sleep=0.5", "--tries=3", "--backoff=7,20", "--max-jobs=500", "--max-time=3600", "--rest=1.5", "--force", "--json", "-v",
			},
		},
		"a pod that is recycled knows of no limit": {
			config: recycled, facts: known,
			want: []string{"php", "-d", "memory_limit=201326592", "artisan", "queue:work", "--queue=emails", "--timeout=0", "--memory=128", "--sleep=3", "--tries=0", "--json"},
		},
		"nothing": {
			config: plain, facts: known,
			want: []string{"php", "-d", "memory_limit=201326592", "artisan", "queue:work", "--queue=emails", "--timeout=0", "--memory=128", "--sleep=3", "--tries=0", "--json"},
		},
		"before it is known what is installed": {
			config: full, maxTime: time.Hour,
			want: []string{
				"php", "-d", "memory_limit=369098752", "artisan", "queue:work", "redis", "--queue=high,default", "--timeout=60", "--memory=256",
				"--sleep=0.5", "--tries=3", "--backoff=7,20", "--max-jobs=500", "--max-time=3600", "--force", "-v",
			},
		},
		"before Laravel 8": {
			config: full, facts: old, maxTime: time.Hour,
			want: []string{
				"php", "-d", "memory_limit=369098752", "artisan", "queue:work", "redis", "--queue=high,default", "--timeout=60", "--memory=256",
				"--sleep=0.5", "--tries=3", "--delay=7", "--force", "-v",
			},
		},
		"without pcntl it ends by itself": {
			config: plain, facts: noPcntl, maxTime: time.Hour,
			want: []string{"php", "-d", "memory_limit=201326592", "artisan", "queue:work", "--queue=emails", "--timeout=0", "--memory=128", "--sleep=3", "--tries=0", "--max-time=30", "--json"},
		},
		"without pcntl, a shorter life stays": {
			config: plain, facts: noPcntl, maxTime: 20 * time.Second,
			want: []string{"php", "-d", "memory_limit=201326592", "artisan", "queue:work", "--queue=emails", "--timeout=0", "--memory=128", "--sleep=3", "--tries=0", "--max-time=20", "--json"},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, laravel.Command(tc.config, tc.facts, tc.maxTime)); diff != "" {
				t.Errorf("the command differs (-want +got):\n%s", diff)
			}
		})
	}
	wrapped := full
	wrapped.Command = []string{"env", "A=b"}
	if got := laravel.Command(wrapped, known, 0)[:3]; !slices.Equal(got, []string{"env", "A=b", "php"}) {
		t.Errorf("wrapped it begins %q", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add("pcntl\n", "  --queue[=QUEUE]  x\n", "Laravel Framework 13.26.1")
	f.Fuzz(func(t *testing.T, modules, help, version string) {
		facts := laravel.Read(laravel.Answers{
			Modules: laravel.Answer{Output: modules}, Help: laravel.Answer{Output: help}, Version: laravel.Answer{Output: version},
		}, nil)
		if !slices.IsSorted(facts.Options) || facts.Dialect() == "" {
			t.Fatalf("%+v", facts)
		}
	})
}
