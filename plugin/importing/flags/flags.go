// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package flags carries over the options of `artisan queue:work` to the fields of a
// QueueWorker. Both have the same meaning and the same defaults. If a field accepts less
// than the option, the nearest value is used, and a note says so.
package flags

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// Outcome says what became of an option that was not carried over unchanged; the zero
// value if there is nothing to say.
type Outcome struct {
	// Why is a clause that gives the reason, and what counts instead.
	Why string
	// Warning is true if workers may behave differently from before.
	Warning bool
}

// Option is one option as given; Value is empty if the option is a switch or has no
// value.
type Option struct {
	Name  string
	Value string
	// Bare is true if no value was given at all.
	Bare bool
}

func (o Option) String() string {
	dashes := "--"
	if len(o.Name) == 1 {
		dashes = "-"
	}
	if o.Bare {
		return dashes + o.Name
	}
	return dashes + o.Name + "=" + o.Value
}

// number is an option with a number, in the unit of its field.
type number struct {
	least, most float64
	// whole is true if the field accepts no fractions.
	whole bool
	set   func(*v1alpha1.QueueWorkerSpec, float64)
	// off is true if 0 is the field's default, so that 0 need not be set.
	off bool
	// zero says what 0 means if the field does not accept it.
	zero string
}

const (
	day  = 24 * 60 * 60
	week = 7 * day
	hour = 60 * 60
)

var numbers = map[string]number{
	"timeout":  {most: day, whole: true, set: func(s *v1alpha1.QueueWorkerSpec, n float64) { s.Timeout = seconds(n) }},
	"max-time": {most: week, whole: true, off: true, set: func(s *v1alpha1.QueueWorkerSpec, n float64) { s.MaxTime = seconds(n) }},
	"sleep":    {most: hour, set: func(s *v1alpha1.QueueWorkerSpec, n float64) { s.Sleep = seconds(n) }},
	"rest":     {most: hour, off: true, set: func(s *v1alpha1.QueueWorkerSpec, n float64) { s.Rest = seconds(n) }},
	"tries":    {most: 10000, whole: true, set: func(s *v1alpha1.QueueWorkerSpec, n float64) { s.Tries = new(int32(n)) }},
	"max-jobs": {most: 10000000, whole: true, off: true, set: func(s *v1alpha1.QueueWorkerSpec, n float64) { s.MaxJobs = int32(n) }},
	"memory": {
		least: 32, most: 1 << 20, whole: true,
		set: func(s *v1alpha1.QueueWorkerSpec, n float64) {
			s.Memory = resource.NewQuantity(int64(n)<<20, resource.BinarySI)
		},
		zero: "0 means no limit, but a pod always has a memory limit",
	},
}

// defaults returns the values that count if an option is not carried over.
func defaults() map[string]string {
	unset := &v1alpha1.QueueWorkerSpec{}
	seconds := func(d time.Duration) string { return strconv.Itoa(int(d/time.Second)) + "s" }
	return map[string]string{
		"timeout":  seconds(effective.Timeout(unset)),
		"max-time": seconds(effective.MaxTime(unset)),
		"sleep":    seconds(effective.Sleep(unset)),
		"rest":     seconds(effective.Rest(unset)),
		"tries":    strconv.Itoa(int(effective.Tries(unset))),
		"max-jobs": "0",
		"memory":   resource.NewQuantity(effective.Memory(unset), resource.BinarySI).String(),
	}
}

// Apply carries over one option.
func Apply(spec *v1alpha1.QueueWorkerSpec, option Option) Outcome {
	if field, ok := numbers[option.Name]; ok {
		return field.apply(spec, option)
	}
	switch option.Name {
	case "queue":
		return queue(spec, option)
	case "backoff":
		return backoff(spec, option)
	case "delay":
		return delay(spec, option)
	case "force":
		spec.Force = true
		return Outcome{}
	case "v", "vv", "vvv", "verbose":
		spec.Verbose = true
		return Outcome{}
	case "once":
		spec.MaxJobs = 1
		return Outcome{Why: "maxJobs: 1 replaces it: a process ends after one job and the next starts at once. Unlike --once it obeys signals and the timeout"}
	}
	if why, ok := without[option.Name]; ok {
		return why
	}
	return Outcome{Why: "queue:work has no such option; it is left out", Warning: true}
}

// without are options that have no field.
var without = map[string]Outcome{
	"daemon":              {Why: "it has no effect since Laravel 5.3"},
	"json":                {Why: "the agent asks for JSON wherever the installed Laravel knows it"},
	"name":                {Why: "it only chooses callbacks of Worker::popUsing(), and has no field"},
	"stop-when-empty":     {Why: "a pool stays when its queues are empty; for one that ends then, see mode: Batch", Warning: true},
	"stop-when-empty-for": {Why: "a pool stays when its queues are empty; for one that ends then, see mode: Batch", Warning: true},
	"q":                   {Why: "the agent needs the worker's output to count its jobs"},
	"quiet":               {Why: "the agent needs the worker's output to count its jobs"},
	"silent":              {Why: "the agent needs the worker's output to count its jobs"},
	"n":                   {Why: "a worker in a pod gets no questions"},
	"no-interaction":      {Why: "a worker in a pod gets no questions"},
	"ansi":                {Why: "there are no colours without a terminal"},
	"no-ansi":             {Why: "there are no colours without a terminal"},
	"workers-name":        {Why: "it only chooses callbacks of Worker::popUsing(), and has no field"},
	"supervisor":          {Why: "it belongs to Horizon"},
}

func (f number) apply(spec *v1alpha1.QueueWorkerSpec, option Option) Outcome {
	n, why := f.parse(option)
	if why != "" {
		return Outcome{Why: why + "the default of " + defaults()[option.Name] + " is used", Warning: true}
	}
	if n == 0 && f.off {
		return Outcome{}
	}
	taken := min(max(n, f.least), f.most)
	if f.whole {
		taken = math.Ceil(taken)
	} else {
		taken = math.Round(taken*1000) / 1000
	}
	f.set(spec, taken)
	if taken != n {
		return Outcome{
			Why:     fmt.Sprintf("the field takes %s to %s, so it is %s", plain(f.least), plain(f.most), plain(taken)),
			Warning: true,
		}
	}
	return Outcome{}
}

// parse reads the number; why is the beginning of a sentence that says why the default
// counts.
func (f number) parse(option Option) (n float64, why string) {
	if variable, unknown := Unknown(option.Value); unknown {
		return 0, "the value of " + variable + " is not known here (give it with --env), so "
	}
	n, err := strconv.ParseFloat(strings.TrimSpace(option.Value), 64)
	switch {
	case err != nil || math.IsNaN(n) || math.IsInf(n, 0) || n < 0:
		return 0, "it is no number of 0 or more, so "
	case n == 0 && f.zero != "":
		return 0, f.zero + "; "
	}
	return n, ""
}

func plain(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func seconds(n float64) *metav1.Duration {
	return &metav1.Duration{Duration: time.Duration(math.Round(n*1000)) * time.Millisecond}
}
