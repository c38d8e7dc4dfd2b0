// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package flags

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	maxQueues    = 20
	maxQueueName = 255
	maxQueueText = 512
	maxBackoffs  = 20
)

// queueName matches the names that the field queue accepts.
var queueName = regexp.MustCompile(`^[A-Za-z0-9_.:/@{}-]+$`)

// queue carries over a list of queues. Laravel does not trim the names in a list, so a
// blank makes a queue onto which nothing is ever pushed.
func queue(spec *v1alpha1.QueueWorkerSpec, option Option) Outcome {
	var names []string
	blanks := false
	for name := range strings.SplitSeq(option.Value, ",") {
		trimmed := strings.TrimSpace(name)
		blanks = blanks || trimmed != name
		if trimmed != "" && !slices.Contains(names, trimmed) {
			names = append(names, trimmed)
		}
		if len(names) > maxQueues {
			break // more names than allowed
		}
	}
	if why := CheckQueues(names); why != "" {
		return Outcome{Why: why, Warning: true}
	}
	spec.Queue = strings.Join(names, ",")
	if blanks {
		return Outcome{Why: "the blanks are left out; Laravel treats them as part of the name", Warning: true}
	}
	return Outcome{}
}

// CheckQueues says why a QueueWorker cannot have these queues; empty if it can.
func CheckQueues(names []string) string {
	switch {
	case len(names) == 0:
		return "it names no queue"
	case len(names) > maxQueues:
		return "a QueueWorker takes at most " + strconv.Itoa(maxQueues) + " queues; split the list over several"
	case len(strings.Join(names, ",")) > maxQueueText:
		return "a QueueWorker takes at most " + strconv.Itoa(maxQueueText) + " characters of queue names; split the list over several"
	}
	for _, name := range names {
		if variable, unknown := Unknown(name); unknown {
			return "the value of " + variable + " is not known here; give it with --env"
		}
		if !queueName.MatchString(name) || len(name) > maxQueueName {
			return "the name " + strconv.Quote(name) + " cannot be a queue here; a QueueWorker takes letters, digits and _ . : / @ { } -, at most 255 characters"
		}
	}
	return ""
}

// backoff carries over a list of waits.
func backoff(spec *v1alpha1.QueueWorkerSpec, option Option) Outcome {
	waits, why := waitsOf(option.Value)
	if why != "" {
		return Outcome{Why: why, Warning: true}
	}
	spec.Backoff = waits
	return Outcome{}
}

func waitsOf(value string) (waits []metav1.Duration, why string) {
	if variable, unknown := Unknown(value); unknown {
		return nil, "the value of " + variable + " is not known here, so backoff is left out; give it with --env"
	}
	for text := range strings.SplitSeq(value, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || n < 0 || n > day {
			return nil, "each wait must be a whole number of seconds from 0 to " + strconv.Itoa(day) + ", so backoff is left out"
		}
		waits = append(waits, metav1.Duration{Duration: time.Duration(n) * time.Second})
	}
	if len(waits) > maxBackoffs {
		return nil, "a QueueWorker takes at most " + strconv.Itoa(maxBackoffs) + " waits, so backoff is left out"
	}
	if len(waits) == 1 && waits[0].Duration == 0 {
		return nil, ""
	}
	return waits, ""
}

// delay carries over the old name of backoff. Laravel uses the longer of the two.
func delay(spec *v1alpha1.QueueWorkerSpec, option Option) Outcome {
	waits, why := waitsOf(option.Value)
	switch {
	case why != "":
		return Outcome{Why: why, Warning: true}
	case len(waits) == 0:
		return Outcome{}
	case len(spec.Backoff) > 1, len(spec.Backoff) == 1 && spec.Backoff[0].Duration >= waits[0].Duration:
		return Outcome{Why: "--backoff, its new name, counts"}
	}
	spec.Backoff = waits
	return Outcome{}
}

// unknownMark matches the mark of an unknown value: a variable of an environment that was
// not given. The mark is a word, so that it passes through any syntax around it.
var unknownMark = regexp.MustCompile(`__unknown_([A-Za-z0-9_]+?)__end`)

// MarkUnknown returns the mark of a variable whose value is unknown.
func MarkUnknown(variable string) string { return "__unknown_" + variable + "__end" }

// Unknown finds the first variable in the text whose value is unknown.
func Unknown(text string) (variable string, unknown bool) {
	found := unknownMark.FindStringSubmatch(text)
	if found == nil {
		return "", false
	}
	return found[1], true
}

// ShowUnknown replaces the marks of unknown variables with a form that readers know.
func ShowUnknown(text string) string { return unknownMark.ReplaceAllString(text, "%($1)s") }

// connectionName matches the names of connections that a QueueApp accepts.
var connectionName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,62}$`)

// CheckConnection says why a QueueApp cannot have this connection; empty if it can.
func CheckConnection(name string) string {
	if variable, unknown := Unknown(name); unknown {
		return "the value of " + variable + ", its connection, is not known here; give it with --env"
	}
	if name != "" && !connectionName.MatchString(name) {
		return "its connection " + strconv.Quote(name) + " cannot be the name of a connection here; a QueueApp takes letters, digits and _ . : -, at most 63 characters"
	}
	return ""
}
