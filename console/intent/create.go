// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Kind is the kind of value that a flag takes.
type Kind int

// The kinds of flags.
const (
	Text Kind = iota
	Number
	Switch
	// Duration is a time such as 60s or 1h30m.
	Duration
	// Quantity is an amount such as 256Mi or 250m.
	Quantity
	// Durations is a list separated by commas.
	Durations
	// Pairs are NAME=VALUE, one per flag.
	Pairs
)

// Option is a flag of `create` and the field of the spec that it sets.
type Option struct {
	Flag, Usage string
	Kind        Kind
	// Path is the field below spec.
	Path []string
	// Words are the only values that a Text may have; empty means any value.
	Words []string
}

// Options returns the flags of `create`.
func Options() []Option {
	option := func(kind Kind, flag, path, usage string) Option {
		return Option{Flag: flag, Usage: usage, Kind: kind, Path: strings.Split(path, ".")}
	}
	words := func(option Option, words ...string) Option {
		option.Words = words
		return option
	}
	return []Option{
		option(Text, "queue", "queue", "Queue to take jobs from, or several in priority order such as high,default. Required."),
		option(Text, "app", "appName", "QueueApp to run in; not needed where the namespace has one."),
		option(Number, "processes", "processes", "How many worker processes, 0 to 1000 (default 1)."),
		option(Number, "processes-per-pod", "processesPerPod", "How many processes share a pod, 1 to 64 (default 1)."),
		option(Number, "min", "autoscaling.minProcesses", "Autoscaling: the least number of processes; 0 is allowed (default 1)."),
		option(Number, "max", "autoscaling.maxProcesses", "Autoscaling: the greatest number of processes. Turns autoscaling on."),
		option(Duration, "target-wait", "autoscaling.targetWait", "Autoscaling: how long a job may wait (default 60s)."),
		option(Duration, "timeout", "timeout", "How long one job may run (default 60s)."),
		option(Quantity, "memory", "memory", "How much memory one process may use, such as 256Mi (default 128Mi)."),
		option(Duration, "sleep", "sleep", "How long an idle worker waits before it asks again (default 3s)."),
		option(Duration, "rest", "rest", "How long a worker pauses after every job (default 0s)."),
		option(Number, "tries", "tries", "How often a job is attempted; 0 means without limit (default 1)."),
		option(Durations, "backoff", "backoff", "How long a job that threw waits before its next attempts, such as 10s,60s."),
		option(Number, "max-jobs", "maxJobs", "After how many jobs a process is replaced; 0 means never (default 0)."),
		option(Duration, "max-time", "maxTime", "After how long a process is replaced; 0s means never (default 0s)."),
		option(Number, "max-exceptions", "maxExceptions", "After how many final failures in a row a process is restarted; 0 means never (default 0)."),
		words(option(Text, "recycle", "recycle", "Process or Pod: what is replaced after max-jobs or max-time (default Process)."),
			string(v1alpha1.RecycleProcess), string(v1alpha1.RecyclePod)),
		option(Duration, "grace-period", "gracePeriod", "How long a pod that is removed may take to finish its jobs (default timeout + rest + 15s)."),
		words(option(Text, "mode", "mode", "Continuous, workers that run on, or Batch, workers that end when the queues are empty (default Continuous)."),
			string(v1alpha1.ModeContinuous), string(v1alpha1.ModeBatch)),
		option(Text, "schedule", "batch.schedule", "Batch: when runs begin, as for a CronJob, such as \"30 4 * * *\" (default one run when it is created)."),
		option(Text, "time-zone", "batch.timeZone", "Batch: the time zone of --schedule, such as Europe/Berlin (default UTC)."),
		option(Switch, "wait-for-delayed", "batch.waitForDelayed", "Batch: a run goes on until delayed jobs are done too (default true)."),
		option(Number, "priority", "priority", "Which pools come first under the QueueApp's maxProcesses (default 0)."),
		option(Text, "priority-class", "priorityClassName", "PriorityClass of the pods; one other than the template's needs the QueueApp's consent (poolsMay)."),
		option(Quantity, "cpu", "cpu", "CPU one process asks for, such as 250m."),
		option(Pairs, "env", "env", "Environment variable NAME=VALUE of this pool's workers; may be repeated. What comes from a Secret belongs into the QueueApp."),
		option(Switch, "force", "force", "Run while the application is in maintenance mode."),
		option(Switch, "verbose", "verbose", "Let the workers print more, such as job ids."),
		option(Switch, "paused", "paused", "Create it paused."),
		option(Switch, "stopped", "stopped", "Create it stopped."),
	}
}

// Manifest returns the QueueWorker that the flags describe. set holds a pointer to the
// value of each flag that was given. Values stay as written; the cluster's own validation
// checks what they mean together.
func Manifest(name string, set map[string]any) (map[string]any, error) {
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 || len(name) > longestName {
		return nil, refuse("%q cannot be a QueueWorker's name: write lower-case letters, digits, hyphens and dots, at most %d", name, longestName)
	}
	if err := suit(set); err != nil {
		return nil, err
	}
	spec := map[string]any{}
	for _, option := range Options() {
		given, ok := set[option.Flag]
		if !ok {
			continue
		}
		value, err := plain(option, given)
		if err != nil {
			return nil, err
		}
		put(spec, option.Path, value)
	}
	return map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(),
		"kind":       "QueueWorker",
		"metadata":   map[string]any{"name": name},
		"spec":       spec,
	}, nil
}

// longestName is the maximum length of a QueueWorker's name, so that the names of its
// children fit.
const longestName = 50

// suit refuses flags that need other flags, or contradict them.
func suit(set map[string]any) error {
	has := func(flags ...string) bool {
		return slices.ContainsFunc(flags, func(flag string) bool { return set[flag] != nil })
	}
	queue, _ := set["queue"].(*string)
	mode, _ := set["mode"].(*string)
	switch {
	case queue == nil || *queue == "":
		return refuse("say which queue: --queue emails, or several in priority order: --queue high,default")
	case !has("max") && has("min", "target-wait"):
		return refuse("autoscaling needs --max, the greatest number of processes")
	case has("max") && has("processes"):
		return refuse("--processes is for a fixed size, --max is for autoscaling; use one or the other")
	case has("schedule", "time-zone", "wait-for-delayed") && (mode == nil || *mode != string(v1alpha1.ModeBatch)):
		return refuse("--schedule, --time-zone and --wait-for-delayed are for runs; say --mode Batch too")
	}
	return nil
}

// plain returns the value of a flag as a manifest has it.
func plain(option Option, given any) (any, error) {
	switch value := given.(type) {
	case *string:
		return *value, option.check(*value)
	case *int32:
		return int64(*value), nil
	case *bool:
		return *value, nil
	case *[]string:
		if option.Kind == Pairs {
			return pairs(option.Flag, *value)
		}
		list := make([]any, 0, len(*value))
		for _, text := range *value {
			if err := option.check(text); err != nil {
				return nil, err
			}
			list = append(list, text)
		}
		return list, nil
	}
	return nil, refuse("--%s has no value", option.Flag)
}

// check refuses a value that the field cannot hold. Whether the value is allowed is for
// the cluster to decide.
func (o Option) check(value string) error {
	switch o.Kind {
	case Duration, Durations:
		if _, err := time.ParseDuration(value); err != nil {
			return refuse("--%s must be a duration such as 60s or 1h30m, not %q", o.Flag, value)
		}
	case Quantity:
		if _, err := resource.ParseQuantity(value); err != nil {
			return refuse("--%s must be an amount such as 256Mi or 250m, not %q", o.Flag, value)
		}
	case Text, Number, Switch, Pairs:
		if len(o.Words) > 0 && !slices.Contains(o.Words, value) {
			return refuse("--%s must be %s, not %q", o.Flag, strings.Join(o.Words, " or "), value)
		}
	}
	return nil
}

func pairs(flag string, given []string) (any, error) {
	list := make([]any, 0, len(given))
	for _, pair := range given {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, refuse("--%s takes NAME=VALUE, not %q", flag, pair)
		}
		list = append(list, map[string]any{"name": name, "value": value})
	}
	return list, nil
}

// put sets a nested field.
func put(fields map[string]any, path []string, value any) {
	for _, step := range path[:len(path)-1] {
		next, ok := fields[step].(map[string]any)
		if !ok {
			next = map[string]any{}
			fields[step] = next
		}
		fields = next
	}
	fields[path[len(path)-1]] = value
}
