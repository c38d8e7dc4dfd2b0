// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package intent

import (
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Kind is what a flag takes.
type Kind int

// The kinds of flags.
const (
	Text Kind = iota
	Number
	Switch
	// Texts is a comma list.
	Texts
	// Pairs are NAME=VALUE, one a flag.
	Pairs
)

// Option is a flag of `create` and the field of the spec it sets.
type Option struct {
	Flag, Usage string
	Kind        Kind
	// Path is the field below spec.
	Path []string
}

// Options are the flags of `create`.
func Options() []Option {
	option := func(kind Kind, flag, path, usage string) Option {
		return Option{Flag: flag, Usage: usage, Kind: kind, Path: strings.Split(path, ".")}
	}
	return []Option{
		option(Text, "queue", "queue", "Queue to take jobs from, or several in priority order such as high,default. Required."),
		option(Text, "app", "appName", "QueueApp to run in; not needed where the namespace has one."),
		option(Number, "processes", "processes", "How many worker processes, 0 to 1000 (default 1)."),
		option(Number, "processes-per-pod", "processesPerPod", "How many processes share a pod, 1 to 64 (default 1)."),
		option(Number, "min", "autoscaling.minProcesses", "Autoscaling: the least number of processes; 0 is allowed (default 1)."),
		option(Number, "max", "autoscaling.maxProcesses", "Autoscaling: the greatest number of processes. Turns autoscaling on."),
		option(Text, "target-wait", "autoscaling.targetWait", "Autoscaling: how long a job may wait (default 60s)."),
		option(Text, "timeout", "timeout", "How long one job may run (default 60s)."),
		option(Text, "memory", "memory", "How much memory one process may use, such as 256Mi (default 128Mi)."),
		option(Text, "sleep", "sleep", "How long an idle worker waits before it asks again (default 3s)."),
		option(Text, "rest", "rest", "How long a worker pauses after every job (default 0s)."),
		option(Number, "tries", "tries", "How often a job is attempted; 0 means without limit (default 1)."),
		option(Texts, "backoff", "backoff", "How long a job that threw waits before its next attempts, such as 10s,60s."),
		option(Number, "max-jobs", "maxJobs", "After how many jobs a process is replaced; 0 means never (default 0)."),
		option(Text, "max-time", "maxTime", "After how long a process is replaced; 0s means never (default 0s)."),
		option(Number, "max-exceptions", "maxExceptions", "After how many final failures in a row a process is restarted; 0 means never (default 0)."),
		option(Text, "recycle", "recycle", "Process or Pod: what is replaced after max-jobs or max-time (default Process)."),
		option(Text, "grace-period", "gracePeriod", "How long a pod that is removed may take to finish its jobs (default timeout + rest + 15s)."),
		option(Number, "priority", "priority", "Which pools come first under the QueueApp's maxProcesses (default 0)."),
		option(Text, "priority-class", "priorityClassName", "PriorityClass of the pods."),
		option(Text, "cpu", "cpu", "CPU one process asks for, such as 250m."),
		option(Pairs, "env", "env", "Environment variable NAME=VALUE of this pool's workers; may be repeated."),
		option(Switch, "force", "force", "Run while the application is in maintenance mode."),
		option(Switch, "verbose", "verbose", "Let the workers print more, such as job ids."),
		option(Switch, "paused", "paused", "Create it paused."),
		option(Switch, "stopped", "stopped", "Create it stopped."),
	}
}

// Manifest is the QueueWorker that flags ask for: set has a pointer to the value of
// each flag that was given. Values stand as they were written, so that the cluster's
// own validation speaks of what the user wrote.
func Manifest(name string, set map[string]any) (map[string]any, error) {
	if queue, ok := set["queue"].(*string); !ok || *queue == "" {
		return nil, refuse("say which queue: --queue emails, or several in priority order: --queue high,default")
	}
	_, highest := set["max"]
	_, lowest := set["min"]
	_, wait := set["target-wait"]
	_, fixed := set["processes"]
	switch {
	case !highest && (lowest || wait):
		return nil, refuse("autoscaling needs --max, the greatest number of processes")
	case highest && fixed:
		return nil, refuse("--processes is for a fixed size, --max is for autoscaling; use one or the other")
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

// plain is the value of a flag as it stands in a manifest.
func plain(option Option, given any) (any, error) {
	switch value := given.(type) {
	case *string:
		return *value, nil
	case *int64:
		return *value, nil
	case *bool:
		return *value, nil
	case *[]string:
		if option.Kind == Pairs {
			return pairs(option.Flag, *value)
		}
		list := make([]any, 0, len(*value))
		for _, text := range *value {
			list = append(list, text)
		}
		return list, nil
	}
	return nil, refuse("--%s has no value", option.Flag)
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

// put sets a field below others.
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
