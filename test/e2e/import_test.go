// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"queueworker.dev/queueworker/test/lab"
)

// guide is the Supervisor program of Laravel's documentation, with the connection
// and the settings of the demo application.
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

// TestImportedSupervisorProgramRuns goes from a server's Supervisor file to workers
// that do jobs, with what the plugin prints and kubectl applies, and nothing else.
func TestImportedSupervisorProgramRuns(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	l.Demo() // for its Redis and the pod that dispatches
	directory := t.TempDir()
	if err := os.WriteFile(filepath.Join(directory, "worker.conf"), []byte(guide), 0o600); err != nil {
		t.Fatal(err)
	}
	p := l.Plugin()
	said := p.RunIn(directory, "import", "supervisor", "worker.conf", "--image="+lab.DemoImage, "--app-name=imported", "--driver=Redis")
	if said.Code != 0 {
		t.Fatalf("import ended with %d: %s", said.Code, said.Err)
	}
	manifests := filepath.Join(directory, "imported.yaml")
	if err := os.WriteFile(manifests, []byte(said.Out), 0o600); err != nil {
		t.Fatal(err)
	}
	if applied := p.Kubectl("apply", "--validate=strict", "-f", manifests); applied.Code != 0 {
		t.Fatalf("kubectl apply refused it: %s\n%s", applied.Err, said.Out)
	}
	l.Eventually("8 workers are ready", 3*time.Minute, func() (bool, string) {
		status := l.Worker("laravel-worker").Status
		return status.Ready == 8, fmt.Sprintf("%+v", status.Conditions)
	})

	pod := &l.Pods("laravel-worker")[0]
	command, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", l.WorkerPID(pod)))
	if err != nil {
		t.Fatal(err)
	}
	flags := " redis --queue=default --timeout=60 --memory=128 --sleep=3 --tries=3 --max-time="
	if words := strings.ReplaceAll(string(command), "\x00", " "); !strings.Contains(words, flags) {
		t.Errorf("the worker runs %q, want%s in it", words, flags)
	}
	l.Dispatch(lab.Jobs{Kind: "quick", Count: 200, Run: "imported"})
	truth := l.Settled("imported", time.Minute)
	l.Eventually("the status tells of all jobs", 90*time.Second, func() (bool, string) {
		totals := l.Worker("laravel-worker").Status.Totals
		return totals.Processed == truth.Ends && truth.Ends == 200, fmt.Sprintf("%+v, truth %+v", totals, truth)
	})
	if grace := *pod.Spec.TerminationGracePeriodSeconds; grace != 3600 {
		t.Errorf("the pods have a grace period of %d s, want 3600", grace)
	}
}
