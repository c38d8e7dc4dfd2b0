// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package importing

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/agent/laravel"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/desired"
	"queueworker.dev/queueworker/plugin/importing/horizon"
	"queueworker.dev/queueworker/plugin/importing/manifest"
	"queueworker.dev/queueworker/plugin/importing/supervisor"
)

// facts are those of a Laravel that has every option.
var facts = laravel.Facts{Known: true, Pcntl: true, Options: slices.Sorted(slices.Values([]string{
	"queue", "timeout", "memory", "sleep", "tries", "backoff", "max-jobs", "max-time", "rest", "force", "json",
}))}

// imported are the QueueApps and QueueWorkers in the YAML that is printed.
func imported(t *testing.T, draft manifest.Draft) ([]*v1alpha1.QueueApp, []*v1alpha1.QueueWorker) {
	t.Helper()
	printed, err := manifest.Write(manifest.Assemble(draft, manifest.Settings{Images: map[string]string{"": "registry.example.com/app:1"}}))
	if err != nil {
		t.Fatal(err)
	}
	apps, workers, err := Objects(printed)
	if err != nil {
		t.Fatal(err)
	}
	return apps, workers
}

// command is the command that the agent in a pod of the pool runs, without PHP.
func command(t *testing.T, apps []*v1alpha1.QueueApp, worker *v1alpha1.QueueWorker) string {
	t.Helper()
	at := slices.IndexFunc(apps, func(a *v1alpha1.QueueApp) bool { return a.Name == worker.Spec.AppName })
	if at < 0 {
		t.Fatalf("%s is of the QueueApp %s, which there is not", worker.Name, worker.Spec.AppName)
	}
	built, problem := desired.Build(desired.Input{Worker: worker, App: apps[at], Most: 1, Replicas: 1, AgentImage: "agent"})
	if problem != nil {
		t.Fatalf("%s: %v", worker.Name, problem)
	}
	config := protocol.Config{}
	for _, variable := range built.Deployment.Spec.Template.Spec.Containers[0].Env {
		if *variable.Name == protocol.ConfigEnv {
			if err := json.Unmarshal([]byte(strings.ReplaceAll(*variable.Value, "$$", "$")), &config); err != nil {
				t.Fatal(err)
			}
		}
	}
	words := laravel.Command(config, facts, time.Duration(config.MaxTimeSeconds)*time.Second)
	at = slices.Index(words, "queue:work")
	return strings.Join(words[at+1:], " ")
}

const (
	supervisorFiles = "../../plugin/importing/supervisor/testdata/"
	horizonFiles    = "../../plugin/importing/horizon/testdata/"
)

// TestImportedWorkersRunWithTheSameFlags goes from a file to the command that the
// agent runs. What it is to be was written down from the file by hand.
func TestImportedWorkersRunWithTheSameFlags(t *testing.T) {
	tests := map[string]map[string]string{
		"guide.conf": {
			"laravel-worker": "sqs --queue=default --timeout=60 --memory=128 --sleep=3 --tries=3 --max-time=3600 --json",
		},
		"several.conf": {
			"high":    "redis --queue=high --timeout=30 --memory=256 --sleep=1 --tries=3 --json -v",
			"default": "redis --queue=default,low --timeout=120 --memory=128 --sleep=3 --tries=1 --backoff=10,60,300 --max-jobs=500 --json",
			"reports": "redis --queue=reports --timeout=3600 --memory=1024 --sleep=3 --tries=1 --rest=0.5 --force --json",
		},
		"quoting.conf": {
			"quoted":    "redis --queue=high,default --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
			"continued": "--queue=mails --timeout=45 --memory=128 --sleep=3 --tries=5 --json",
			"colon":     "--queue=colon --timeout=60 --memory=128 --sleep=3 --tries=2 --json",
		},
		"old.conf": {
			"laravel-listen": "--queue=default --timeout=120 --memory=128 --sleep=3 --tries=3 --backoff=5 --json",
			"laravel-daemon": "--queue=mails --timeout=60 --memory=128 --sleep=10 --tries=0 --backoff=30 --json",
			"laravel-once":   "--queue=once --timeout=60 --memory=128 --sleep=3 --tries=1 --max-jobs=1 --json",
		},
		"ploi.conf": {
			"worker-10482": "redis --queue=default --timeout=60 --memory=128 --sleep=10 --tries=3 --backoff=5 --json",
		},
		"container.conf": {
			"queue": "--queue=default --timeout=60 --memory=128 --sleep=3 --tries=3 --max-time=3600 --rest=1 --json",
		},
		"published.php": {
			"supervisor-1": "redis --queue=default --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		},
		"several.php": {
			"web-high":     "redis --queue=high --timeout=55 --memory=128 --sleep=3 --tries=3 --backoff=5,30,120 --json",
			"web-default":  "redis --queue=default --timeout=55 --memory=128 --sleep=3 --tries=3 --backoff=5,30,120 --json",
			"web-low":      "redis --queue=low --timeout=55 --memory=128 --sleep=3 --tries=3 --backoff=5,30,120 --json",
			"simple-mails": "redis --queue=mails --timeout=60 --memory=128 --sleep=1 --tries=2 --rest=0.25 --json",
			"simple-sms":   "redis --queue=sms --timeout=60 --memory=128 --sleep=1 --tries=2 --rest=0.25 --json",
			"simple-push":  "redis --queue=push --timeout=60 --memory=128 --sleep=1 --tries=2 --rest=0.25 --json",
			"ordered":      "redis --queue=first,second --timeout=60 --memory=256 --sleep=3 --tries=0 --max-jobs=1000 --max-time=3600 --force --json",
			"long-running": "redis-long-running --queue=reports,exports --timeout=900 --memory=128 --sleep=3 --tries=0 --json",
		},
		"merged.php": {
			"merged-alpha":      "redis --queue=alpha --timeout=120 --memory=192 --sleep=3 --tries=5 --json",
			"merged-beta":       "redis --queue=beta --timeout=120 --memory=192 --sleep=3 --tries=5 --json",
			"merged-gamma":      "redis --queue=gamma --timeout=120 --memory=192 --sleep=3 --tries=5 --json",
			"spread-alpha":      "redis --queue=alpha --timeout=59 --memory=192 --sleep=3 --tries=5 --json",
			"spread-beta":       "redis --queue=beta --timeout=59 --memory=192 --sleep=3 --tries=5 --json",
			"spread-tenant-one": "redis --queue=tenant-one --timeout=59 --memory=192 --sleep=3 --tries=5 --json",
			"chosen":            "redis --queue=chosen --timeout=120 --memory=192 --sleep=3 --tries=7 --json",
		},
	}
	for file, want := range tests {
		t.Run(file, func(t *testing.T) {
			apps, workers := imported(t, read(t, file))
			got := map[string]string{}
			for _, worker := range workers {
				got[worker.Name] = command(t, apps, worker)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("unexpected commands (-want +got):\n%s", diff)
			}
		})
	}
}

func read(t *testing.T, file string) manifest.Draft {
	t.Helper()
	if filepath.Ext(file) == ".conf" {
		draft, err := supervisor.Import(supervisor.Input{
			Paths: []string{supervisorFiles + file}, Directory: "/etc/supervisor", Read: os.ReadFile, Glob: filepath.Glob,
			Environment: map[string]string{"QUEUE_PROCESSES": "6"},
		})
		if err != nil {
			t.Fatal(err)
		}
		return draft
	}
	source, err := os.ReadFile(horizonFiles + file)
	if err != nil {
		t.Fatal(err)
	}
	draft, err := horizon.Import(horizon.Input{File: file, Source: source, Environment: "production"})
	if err != nil {
		t.Fatal(err)
	}
	return draft
}

// TestTheGuidesExampleKeepsItsFigures is the program of Laravel's documentation.
func TestTheGuidesExampleKeepsItsFigures(t *testing.T) {
	_, workers := imported(t, read(t, "guide.conf"))
	if len(workers) != 1 {
		t.Fatalf("there are %d QueueWorkers, want 1", len(workers))
	}
	spec := workers[0].Spec
	if *spec.Processes != 8 || spec.Sleep.Duration != 3*time.Second || *spec.Tries != 3 ||
		spec.MaxTime.Duration != time.Hour || spec.GracePeriod.Duration != time.Hour {
		t.Errorf("it became %+v, want 8 processes, sleep 3s, tries 3, maxTime 1h, gracePeriod 1h", spec)
	}
}
