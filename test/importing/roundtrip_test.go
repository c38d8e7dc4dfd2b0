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

	"queueworker.dev/queueworker/agent/runtime/laravel"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/horizon"
	"queueworker.dev/queueworker/plugin/importing/manifest"
	"queueworker.dev/queueworker/plugin/importing/supervisor"
)

// facts describe a Laravel that has every option.
var facts = laravel.Facts{Known: true, Pcntl: true, Options: slices.Sorted(slices.Values([]string{
	"queue", "timeout", "memory", "sleep", "tries", "backoff", "max-jobs", "max-time", "rest", "force", "json",
}))}

// imported returns the QueueApps and QueueWorkers in the printed YAML.
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

// command returns the command that the agent in a pod of the pool runs, without PHP.
func command(t *testing.T, apps []*v1alpha1.QueueApp, worker *v1alpha1.QueueWorker) string {
	t.Helper()
	at := slices.IndexFunc(apps, func(a *v1alpha1.QueueApp) bool { return a.Name == worker.Spec.AppName })
	if at < 0 {
		t.Fatalf("%s is of the QueueApp %s, which there is not", worker.Name, worker.Spec.AppName)
	}
	built, problem := objects.Build(objects.Input{Worker: worker, App: apps[at], Most: 1, Replicas: 1, AgentImage: "agent"})
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

// commands are the commands of the workers of each file in testdata, by their names.
var commands = map[string]map[string]string{
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
	"included/supervisord.conf": {
		"images": "--queue=images --timeout=60 --memory=512 --sleep=3 --tries=1 --json",
		"mails":  "--queue=mails --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
	},
	"apps.conf": {
		"blog":     "database --queue=default --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"shop":     "--queue=default --timeout=60 --memory=128 --sleep=3 --tries=3 --json",
		"shop-sqs": "sqs --queue=https://sqs.eu-west-1.amazonaws.com/1234567890/orders --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
	},
	"environment.conf": {
		"from-server": "redis --queue=fast,slow --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"images":      "--queue=images --timeout=60 --memory=512 --sleep=3 --tries=1 --json",
		"mails":       "--queue=mails --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
	},
	"fixed.conf": {
		"a": "--queue=aa --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"b": "--queue=b --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
	},
	"groups.conf": {
		"alone":     "--queue=alone --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"shop-high": "--queue=high --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"shop-low":  "--queue=low --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
	},
	"limits.conf": {
		"endless": "--queue=endless --timeout=0 --memory=128 --sleep=0.25 --tries=1 --json",
		"idle":    "--queue=idle --timeout=30 --memory=32 --sleep=29 --tries=1 --json",
		"large":   "--queue=default --timeout=86400 --memory=128 --sleep=3600 --tries=10000 --max-jobs=1000 --max-time=604800 --json",
		"words":   "redis --queue=words --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
	},
	"no-shell.conf": {
		"plain": "database --queue=plain --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
	},
	"process-numbers.conf": {
		"none":    "redis --queue=none --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"same-0":  "redis --queue=same --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"same-1":  "redis --queue=same --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"shard-1": "redis --queue=shard-1 --timeout=60 --memory=128 --sleep=3 --tries=3 --json",
		"shard-2": "redis --queue=shard-2 --timeout=60 --memory=128 --sleep=3 --tries=3 --json",
		"shard-3": "redis --queue=shard-3 --timeout=60 --memory=128 --sleep=3 --tries=3 --json",
	},
	"shells.conf": {
		"bash":        "--queue=bash --timeout=60 --memory=128 --sleep=3 --tries=3 --json",
		"login-shell": "redis --queue=fast,slow --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"loop":        "--queue=loop --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"piped":       "--queue=piped --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"prepared":    "--queue=prepared --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
	},
	"words.conf": {
		"from-shell":   "redis --queue=fast,slow,eu --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"no":           "--queue=yes --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"with-default": "redis --queue=high,low --timeout=60 --memory=128 --sleep=3 --tries=5 --json",
	},
	"wrappers.conf": {
		"artisan": "--queue=artisan --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"compose": "--queue=compose --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"docker":  "--queue=docker --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"env":     "--queue=env --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"env-php": "--queue=env-php --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"nice":    "--queue=nice --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"su":      "--queue=su --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"sudo":    "--queue=sudo --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"timeout": "--queue=timeout --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"wrapped": "--queue=wrapped --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
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
	"closures.php": {
		"known": "redis --queue=known --timeout=30 --memory=128 --sleep=3 --tries=0 --json",
	},
	"conditional.php": {
		"sized": "redis --queue=sized --timeout=60 --memory=128 --sleep=3 --tries=0 --json",
	},
	"defaults-only.php": {
		"bare":       "redis --queue=default --timeout=60 --memory=128 --sleep=3 --tries=0 --json",
		"huge":       "redis --queue=huge --timeout=86400 --memory=128 --sleep=3 --tries=0 --json",
		"minimums-a": "redis --queue=a --timeout=60 --memory=128 --sleep=3 --tries=0 --json",
		"minimums-b": "redis --queue=b --timeout=60 --memory=128 --sleep=3 --tries=0 --json",
		"minimums-c": "redis --queue=c --timeout=60 --memory=128 --sleep=3 --tries=0 --json",
		"minimums-d": "redis --queue=d --timeout=60 --memory=128 --sleep=3 --tries=0 --json",
		"typo":       "redis --queue=typo,blank --timeout=60 --memory=128 --sleep=3 --tries=0 --json",
	},
	"environment-variables.php": {
		"default-default": "redis --queue=default --timeout=60 --memory=256 --sleep=3 --tries=3 --json",
		"default-high":    "redis --queue=high --timeout=60 --memory=256 --sleep=3 --tries=3 --json",
	},
	"old-style.php": {
		"supervisor-1": "redis --queue=default --timeout=60 --memory=128 --sleep=59 --tries=3 --backoff=5 --json",
	},
	"returns.php": {
		"first": "redis --queue=high --timeout=60 --memory=128 --sleep=3 --tries=0 --json",
	},
	"wildcard.php": {
		"supervisor-1-notifications": "redis --queue=notifications --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"supervisor-1-scout":         "redis --queue=scout --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"supervisor-1-urgent":        "redis --queue=urgent --timeout=60 --memory=128 --sleep=3 --tries=1 --json",
		"supervisor-2":               "redis --queue=exports --timeout=1800 --memory=128 --sleep=3 --tries=0 --json",
	},
}

// TestImportedWorkersRunWithTheSameFlags goes from a file to the command that the agent
// runs. The expected command was written by hand from the file.
func TestImportedWorkersRunWithTheSameFlags(t *testing.T) {
	for _, file := range files(t) {
		want := commands[file]
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

// files returns all files in testdata that are imported.
func files(t *testing.T) []string {
	t.Helper()
	found := []string{"included/supervisord.conf"}
	for _, pattern := range []string{supervisorFiles + "*.conf", horizonFiles + "*.php"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) < 9 {
			t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
		}
		for _, path := range paths {
			found = append(found, filepath.Base(path))
		}
	}
	return found
}

func read(t *testing.T, file string) manifest.Draft {
	t.Helper()
	if filepath.Ext(file) == ".conf" {
		draft, err := supervisor.Import(supervisor.Input{
			Paths: []string{supervisorFiles + file}, Directory: "/etc/supervisor", Read: os.ReadFile, ReadIncluded: os.ReadFile,
			Glob:        func(pattern string, _ *budget.Budget) ([]string, error) { return filepath.Glob(pattern) },
			Environment: map[string]string{"QUEUE_CONNECTION": "redis", "QUEUE": "fast,slow", "QUEUE_PROCESSES": "6"},
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

// TestTheGuidesExampleKeepsItsFigures imports the program of Laravel's documentation.
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
