// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/test/lab"
)

// guide is the Supervisor program of Laravel's documentation, with the connection and the
// settings of the demo application.
const guide = `[program:laravel-worker]
process_name=%(program_name)s_%(process_num)02d
command=php /app/artisan queue:work redis --sleep=3 --tries=3 --max-time=3600
environment=REDIS_HOST="redis",QUEUE_CONNECTION="redis",CACHE_DRIVER="redis",LOG_CHANNEL="null",QUEUE_FAILED_DRIVER="null"
autostart=true
autorestart=true
stopasgroup=true
killasgroup=true
user=forge
numprocs=8
redirect_stderr=true
stdout_logfile=/app/worker.log
stopwaitsecs=3600
`

// TestImportedSupervisorProgramRuns goes from a server's Supervisor file to workers that
// do jobs. It uses only what the plugin prints and kubectl applies.
func TestImportedSupervisorProgramRuns(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo() // for its Redis and the pod that dispatches
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "worker.conf"), []byte(guide), 0o600); err != nil {
		t.Fatal(err)
	}
	importAndApply(l, directory, "supervisor", "worker.conf", "--driver=Redis")
	l.Eventually("8 workers are ready", 3*time.Minute, func() (bool, string) {
		status := l.Worker("laravel-worker").Status
		return status.Ready == 8, fmt.Sprintf("%+v", status.Conditions)
	})

	runsWith(l, "laravel-worker", " redis --queue=default --timeout=60 --memory=128 --sleep=3 --tries=3 --max-time=")
	l.Dispatch(lab.Jobs{Kind: "quick", Count: 200, Run: "imported"})
	truth := l.Settled("imported", time.Minute)
	l.Eventually("the status tells of all jobs", 90*time.Second, func() (bool, string) {
		totals := l.Worker("laravel-worker").Status.Totals
		return totals.Processed == truth.Ends && truth.Ends == 200, fmt.Sprintf("%+v, truth %+v", totals, truth)
	})
	if grace := *l.Pods("laravel-worker")[0].Spec.TerminationGracePeriodSeconds; grace != 3600 {
		t.Errorf("the pods have a grace period of %d s, want 3600", grace)
	}
}

// importAndApply imports a file of a directory, and applies the output unchanged.
func importAndApply(l *lab.Lab, directory string, arguments ...string) {
	l.Helper()
	p := l.Plugin()
	said := p.RunIn(directory, append([]string{"import", "--image=" + lab.DemoImage, "--app-name=imported"}, arguments...)...)
	if said.Code != 0 {
		l.Fatalf("import ended with %d: %s", said.Code, said.Err)
	}
	manifests := filepath.Join(directory, "imported.yaml")
	if err := os.WriteFile(manifests, []byte(said.Out), 0o600); err != nil {
		l.Fatal(err)
	}
	if applied := p.Kubectl("apply", "--validate=strict", "-f", manifests); applied.Code != 0 {
		l.Fatalf("kubectl apply refused it: %s\n%s", applied.Err, said.Out)
	}
}

// runsWith fails the test unless a worker of the pool runs with the flags.
func runsWith(l *lab.Lab, pool, flags string) {
	l.Helper()
	pod := &l.Pods(pool)[0]
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", l.WorkerPID(pod)))
	if err != nil {
		l.Fatal(err)
	}
	if words := strings.ReplaceAll(string(command), "\x00", " "); !strings.Contains(words+" ", flags) {
		l.Errorf("the worker of %s runs %q, want%s in it", pool, words, flags)
	}
}

// horizon is a Horizon configuration that uses each way to balance.
const horizon = `<?php

return [
    'defaults' => ['web' => ['connection' => 'redis', 'queue' => ['high', 'low'], 'balance' => 'auto', 'tries' => 3]],
    'environments' => [
        'production' => [
            'web' => ['maxProcesses' => (int) env('HORIZON_MAX', 10), 'timeout' => 45],
            'mails' => ['connection' => 'redis', 'queue' => ['mails', 'sms'], 'balance' => 'simple', 'processes' => 2, 'tries' => 2, 'sleep' => 1, 'backoff' => [1, 5]],
            'ordered' => ['connection' => 'redis', 'queue' => ['first', 'second'], 'balance' => false, 'maxProcesses' => 1, 'memory' => 192],
        ],
        'local' => ['web' => ['maxProcesses' => 1]],
    ],
];
`

// TestImportedHorizonConfigurationRuns goes from Horizon's configuration to pools that do
// the jobs of its queues with its flags.
func TestImportedHorizonConfigurationRuns(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo()
	l.Create(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}, Data: map[string]string{
		"REDIS_HOST": "redis", "QUEUE_CONNECTION": "redis", "CACHE_DRIVER": "redis", "LOG_CHANNEL": "null", "QUEUE_FAILED_DRIVER": "null",
	}})
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "horizon.php"), []byte(horizon), 0o600); err != nil {
		t.Fatal(err)
	}
	importAndApply(l, directory, "horizon", "horizon.php", "--env-from=configmap/settings", "--env=HORIZON_MAX=3")

	flags := map[string]string{
		"web-high":    " redis --queue=high --timeout=45 --memory=128 --sleep=3 --tries=3 ",
		"web-low":     " redis --queue=low --timeout=45 --memory=128 --sleep=3 --tries=3 ",
		"mails-mails": " redis --queue=mails --timeout=60 --memory=128 --sleep=1 --tries=2 --backoff=1,5 ",
		"mails-sms":   " redis --queue=sms --timeout=60 --memory=128 --sleep=1 --tries=2 --backoff=1,5 ",
		"ordered":     " redis --queue=first,second --timeout=60 --memory=192 --sleep=3 --tries=0 ",
	}
	for pool, want := range flags {
		l.Ready(pool, 3*time.Minute)
		runsWith(l, pool, want)
	}
	for _, queue := range []string{"high", "low", "mails", "sms", "first", "second"} {
		l.Dispatch(lab.Jobs{Kind: "quick", Queue: queue, Count: 20, Run: "imported"})
	}
	if truth := l.Settled("imported", time.Minute); truth.Ends != 120 || truth.Starts != 120 {
		t.Errorf("the jobs counted %+v, want 120 begun and done", truth)
	}
	l.Eventually("each pool tells of its jobs", 90*time.Second, func() (bool, string) {
		done := map[string]int64{}
		for pool := range flags {
			done[pool] = l.Worker(pool).Status.Totals.Processed
		}
		want := map[string]int64{"web-high": 20, "web-low": 20, "mails-mails": 20, "mails-sms": 20, "ordered": 40}
		return maps.Equal(done, want), fmt.Sprint(done)
	})
}

// TestImportAsksForTheImage: in a terminal the plugin asks for the image of each
// application once, and prints manifests with the answers.
func TestImportAsksForTheImage(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	file := filepath.Join(t.TempDir(), "workers.conf")
	if err := os.WriteFile(file, []byte("[program:shop]\ncommand=php /srv/shop/artisan queue:work --queue=a\n[program:blog]\ncommand=php /srv/blog/artisan queue:work --queue=b\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	terminal := l.Plugin().Terminal(120, 60, "import", "supervisor", file)
	for _, directory := range []string{"shop", "blog"} {
		terminal.Shows("the question for "+directory, time.Minute, func(screen string) bool {
			return strings.HasSuffix(strings.TrimSpace(screen), "Which image has the application of /srv/"+directory+"?")
		})
		terminal.Keys("registry.example.com/"+directory+":1", "Enter")
	}
	terminal.EndsWith("0", time.Minute)
	screen := terminal.Screen()
	for _, phrase := range []string{"image: registry.example.com/shop:1", "image: registry.example.com/blog:1", "2 QueueWorkers of 2 QueueApps imported."} {
		if !strings.Contains(screen, phrase) {
			t.Errorf("the screen lacks %q:\n%s", phrase, screen)
		}
	}
	// A user who gives no answer gets no manifest.
	terminal = l.Plugin().Terminal(120, 60, "import", "supervisor", file)
	terminal.Shows("the question", time.Minute, func(screen string) bool { return strings.Contains(screen, "Which image has") })
	terminal.Keys("Enter")
	terminal.EndsWith("2", time.Minute)
	if screen := terminal.Screen(); !strings.Contains(screen, "an image is needed") || strings.Contains(screen, "apiVersion") {
		t.Errorf("without an answer the screen is\n%s", screen)
	}
}
