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

// Kind is the kind of value that a field takes.
type Kind int

// The kinds of fields.
const (
	Text Kind = iota
	Number
	Switch
	// Duration is a time such as 60s or 1h30m.
	Duration
	// Quantity is an amount such as 256Mi or 250m.
	Quantity
	// Durations is a list of times.
	Durations
	// Pairs is a list of NAME=VALUE.
	Pairs
)

// Field is a field of the spec that a user sets when a QueueWorker is created.
type Field struct {
	// Path is the field below spec, such as autoscaling.maxProcesses.
	Path string
	Kind Kind
	// Words are the only values that a Text may have; empty means any value.
	Words []string
}

// The fields that refusals compare with each other.
const (
	fieldQueue           = "queue"
	fieldProcesses       = "processes"
	fieldMinProcesses    = "autoscaling.minProcesses"
	fieldMaxProcesses    = "autoscaling.maxProcesses"
	fieldTargetWait      = "autoscaling.targetWait"
	fieldMode            = "mode"
	fieldSchedule        = "batch.schedule"
	fieldTimeZone        = "batch.timeZone"
	fieldWaitsForDelayed = "batch.waitForDelayed"
)

// Fields returns the fields in the order in which an interface offers them.
func Fields() []Field {
	return []Field{
		{Path: fieldQueue, Kind: Text},
		{Path: "appName", Kind: Text},
		{Path: fieldProcesses, Kind: Number},
		{Path: "processesPerPod", Kind: Number},
		{Path: fieldMinProcesses, Kind: Number},
		{Path: fieldMaxProcesses, Kind: Number},
		{Path: fieldTargetWait, Kind: Duration},
		{Path: "timeout", Kind: Duration},
		{Path: "memory", Kind: Quantity},
		{Path: "sleep", Kind: Duration},
		{Path: "rest", Kind: Duration},
		{Path: "tries", Kind: Number},
		{Path: "backoff", Kind: Durations},
		{Path: "maxJobs", Kind: Number},
		{Path: "maxTime", Kind: Duration},
		{Path: "maxExceptions", Kind: Number},
		{Path: "recycle", Kind: Text, Words: []string{string(v1alpha1.RecycleProcess), string(v1alpha1.RecyclePod)}},
		{Path: "gracePeriod", Kind: Duration},
		{Path: fieldMode, Kind: Text, Words: []string{string(v1alpha1.ModeContinuous), string(v1alpha1.ModeBatch)}},
		{Path: fieldSchedule, Kind: Text},
		{Path: fieldTimeZone, Kind: Text},
		{Path: fieldWaitsForDelayed, Kind: Switch},
		{Path: "priority", Kind: Number},
		{Path: "priorityClassName", Kind: Text},
		{Path: "cpu", Kind: Quantity},
		{Path: "env", Kind: Pairs},
		{Path: "force", Kind: Switch},
		{Path: "verbose", Kind: Switch},
		{Path: "paused", Kind: Switch},
		{Path: "stopped", Kind: Switch},
	}
}

// Manifest returns the QueueWorker that the fields describe. set holds, by path, a pointer
// to the value of each field that was given. Values stay as written; the cluster's own validation
// checks what they mean together.
func Manifest(name string, set map[string]any) (map[string]any, error) {
	if problems := validation.IsDNS1123Subdomain(name); len(problems) > 0 || len(name) > longestName {
		return nil, refuse(Message{Code: NameInvalid, Given: name, Limit: longestName})
	}
	if err := suit(set); err != nil {
		return nil, err
	}
	spec := map[string]any{}
	for _, field := range Fields() {
		given, ok := set[field.Path]
		if !ok {
			continue
		}
		value, err := plain(field, given)
		if err != nil {
			return nil, err
		}
		put(spec, strings.Split(field.Path, "."), value)
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

// suit refuses fields that need other fields, or contradict them.
func suit(set map[string]any) error {
	has := func(paths ...string) bool {
		return slices.ContainsFunc(paths, func(path string) bool { return set[path] != nil })
	}
	queue, _ := set[fieldQueue].(*string)
	mode, _ := set[fieldMode].(*string)
	switch {
	case queue == nil || *queue == "":
		return refuse(Message{Code: QueueMissing})
	case !has(fieldMaxProcesses) && has(fieldMinProcesses, fieldTargetWait):
		return refuse(Message{Code: MaximumMissing})
	case has(fieldMaxProcesses) && has(fieldProcesses):
		return refuse(Message{Code: ProcessesAndBounds})
	case has(fieldSchedule, fieldTimeZone, fieldWaitsForDelayed) && (mode == nil || *mode != string(v1alpha1.ModeBatch)):
		return refuse(Message{Code: BatchMissing})
	}
	return nil
}

// plain returns the value of a field as a manifest has it.
func plain(field Field, given any) (any, error) {
	switch value := given.(type) {
	case *string:
		return *value, field.check(*value)
	case *int32:
		return int64(*value), nil
	case *bool:
		return *value, nil
	case *[]string:
		if field.Kind == Pairs {
			return pairs(field.Path, *value)
		}
		list := make([]any, 0, len(*value))
		for _, text := range *value {
			if err := field.check(text); err != nil {
				return nil, err
			}
			list = append(list, text)
		}
		return list, nil
	}
	return nil, refuse(Message{Code: ValueMissing, Field: field.Path})
}

// check refuses a value that the field cannot hold. Whether the value is allowed is for
// the cluster to decide.
func (f Field) check(value string) error {
	switch f.Kind {
	case Duration, Durations:
		if _, err := time.ParseDuration(value); err != nil {
			return refuse(Message{Code: NotDuration, Field: f.Path, Given: value})
		}
	case Quantity:
		if _, err := resource.ParseQuantity(value); err != nil {
			return refuse(Message{Code: NotQuantity, Field: f.Path, Given: value})
		}
	case Text, Number, Switch, Pairs:
		if len(f.Words) > 0 && !slices.Contains(f.Words, value) {
			return refuse(Message{Code: NotAmongWords, Field: f.Path, Given: value, Words: f.Words})
		}
	}
	return nil
}

func pairs(path string, given []string) (any, error) {
	list := make([]any, 0, len(given))
	for _, pair := range given {
		name, value, found := strings.Cut(pair, "=")
		if !found || name == "" {
			return nil, refuse(Message{Code: NotPair, Field: path, Given: pair})
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
