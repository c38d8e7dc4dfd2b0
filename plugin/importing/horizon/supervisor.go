// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package horizon

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/importing/flags"
	"queueworker.dev/queueworker/plugin/importing/manifest"
	"queueworker.dev/queueworker/plugin/importing/phpvalue"
)

// maxProcesses is the maximum number of processes of a QueueWorker.
const maxProcesses = 1000

// supervisor is one entry of an environment, with its defaults.
type supervisor struct {
	*configuration
	name  string
	value phpvalue.Value

	options map[string]phpvalue.Value
	notes   []manifest.Note
	spec    v1alpha1.QueueWorkerSpec
}

func (s *supervisor) note(line int, warning bool, subject, why string) {
	if s.left.Steps(1) == nil && s.left.Bytes(len(subject)+len(why)) == nil {
		s.notes = append(s.notes, manifest.Note{Line: s.at(line), Subject: subject, Why: why, Warning: warning})
	}
}

// mergedLists warns if Horizon merges a queue list item by item into a longer default
// list, because users do not expect that.
func (s *supervisor) mergedLists(defaults, plan *phpvalue.Array) {
	base, over := option(defaults, s.name, "queue"), option(plan, s.name, "queue")
	if base.Kind != phpvalue.List || over.Kind != phpvalue.List || len(base.Array.Items) <= len(over.Array.Items) {
		return
	}
	s.note(over.Line, true, "queue", fmt.Sprintf(
		"Horizon replaces the items of the longer list in line %d one by one, so the last queues of that list stay; the import does the same", base.Line))
}

func option(supervisors *phpvalue.Array, name, wanted string) phpvalue.Value {
	entry, _ := supervisors.Get(key(name))
	if entry.Kind != phpvalue.List {
		return phpvalue.Value{}
	}
	value, _ := entry.Array.Get(key(wanted))
	return value
}

// underscored matches what Laravel's Str::camel joins into one word.
var underscored = regexp.MustCompile(`[-_\s]+([A-Za-z0-9])`)

func camel(name string) string {
	return underscored.ReplaceAllStringFunc(name, func(found string) string {
		return strings.ToUpper(found[len(found)-1:])
	})
}

// read reads the options under Horizon's own names; of several with one name, the last
// counts.
func (s *supervisor) read() {
	s.options = map[string]phpvalue.Value{}
	for _, item := range s.value.Array.Items {
		if s.left.Steps(1) != nil || s.left.Bytes(len(item.Key.Text)) != nil {
			return
		}
		name := camel(item.Key.String())
		switch name {
		case "tries":
			name = "maxTries"
		case "processes":
			name = "maxProcesses"
		}
		s.options[name] = item.Value
		for _, assumed := range item.Value.Assumed {
			s.note(item.Value.Line, false, item.Key.String(), assumed)
		}
		s.withoutField(name, item.Value)
	}
	for _, assumed := range s.value.Assumed {
		s.note(s.value.Line, false, s.name, assumed)
	}
	for _, gap := range s.value.Array.Gaps {
		s.note(s.value.Line, true, s.name, gap)
	}
}

// workerFlags are the options that Horizon passes to its workers as flags.
var workerFlags = map[string]string{
	"timeout": "timeout", "memory": "memory", "sleep": "sleep", "rest": "rest", "maxTries": "tries",
	"backoff": "backoff", "delay": "delay", "maxTime": "max-time", "maxJobs": "max-jobs",
}

// withoutFields are the options that no field takes, and why.
var withoutFields = map[string]string{
	"nice":                "the weight of a pod is its CPU request; see the field cpu",
	"workersName":         "it only chooses callbacks of Worker::popUsing()",
	"name":                "the pool has the name of the supervisor",
	"directory":           "the working directory of the image is used",
	"parentId":            "it is Horizon's own",
	"balanceCooldown":     "the operator decides every few seconds and makes a pool smaller only when a smaller one was enough for a while; see autoscaling.scaleDown",
	"balanceMaxShift":     "the operator makes a pool larger at once, and smaller slowly; see autoscaling.scaleDown",
	"autoScalingStrategy": "the operator sizes a pool so that jobs wait no longer than targetWait, by both number and duration of jobs",
}

func (s *supervisor) withoutField(name string, value phpvalue.Value) {
	if reason, ok := withoutFields[name]; ok {
		if name == "nice" && !value.True() && value.Kind != phpvalue.Unknown {
			return
		}
		shown, _ := value.AsText()
		s.note(value.Line, false, name+" "+shown, reason)
		return
	}
	known := []string{"connection", "queue", "balance", "minProcesses", "maxProcesses", "force"}
	if _, ok := workerFlags[name]; !ok && !slices.Contains(known, name) {
		s.note(value.Line, false, name, "Horizon has no such option")
	}
}

// convert makes the pools of the supervisor.
func (s *supervisor) convert() error {
	s.read()
	if least, ok := s.options["minProcesses"]; ok && least.Kind == phpvalue.Int && least.Int == 0 {
		return fmt.Errorf("%s: Horizon refuses minProcesses 0 of %s; it must be greater than 0", s.at(least.Line), s.name)
	}
	queues, refused := s.queues()
	if refused != "" {
		s.configuration.note(s.value.Line, true, s.name, "the supervisor is left out: "+refused)
		return nil
	}
	s.flags()
	connection, refused := s.connection()
	if refused != "" {
		s.configuration.note(s.value.Line, true, s.name, "the supervisor is left out: "+refused)
		return nil
	}
	for _, placement := range s.pools(queues) {
		if !s.payNotes() {
			return nil // the caller sees that the budget is spent
		}
		placement.Connection = connection
		placement.Pool.Origin = fmt.Sprintf("The supervisor %s of %s.", s.name, s.at(s.value.Line))
		placement.Pool.Notes = append(slices.Clone(s.notes), placement.Pool.Notes...)
		s.placed = append(s.placed, placement)
	}
	return nil
}

// payNotes pays for the notes of one pool, because each pool of a supervisor gets a copy
// of all notes.
func (s *supervisor) payNotes() (ok bool) {
	for _, note := range s.notes {
		if s.left.Steps(1) != nil || s.left.Bytes(len(note.Subject)+len(note.Why)) != nil {
			return false
		}
	}
	return true
}

// queues returns the supervisor's queues; refused says why there are none.
func (s *supervisor) queues() (queues []string, refused string) {
	value, ok := s.options["queue"]
	if !ok || value.Kind == phpvalue.Null {
		s.note(s.value.Line, true, "no queue", "its workers take from the connection's own queue, which is default unless config/queue.php says otherwise")
		return []string{"default"}, ""
	}
	found, unknown := s.texts(value)
	for _, why := range unknown {
		s.note(value.Line, true, "queue", "one of the queues is not known: "+why)
	}
	for i := range found {
		if trimmed := strings.TrimSpace(found[i]); trimmed != found[i] {
			s.note(value.Line, true, strconv.Quote(found[i]), "the blanks are left out; Laravel treats them as part of the name")
			found[i] = trimmed
		}
	}
	if why := s.checkQueues(found); why != "" {
		if len(unknown) > 0 {
			why += ": " + unknown[0]
		}
		return nil, why
	}
	return found, ""
}

// checkQueues says why there can be no pools for these queues. With balancing, each queue
// has its own pool.
func (s *supervisor) checkQueues(queues []string) string {
	if s.options["balance"].Kind != phpvalue.String || len(queues) == 0 {
		return flags.CheckQueues(queues)
	}
	for _, queue := range queues {
		if why := flags.CheckQueues([]string{queue}); why != "" {
			return why
		}
	}
	return ""
}

func (s *supervisor) connection() (name, refused string) {
	value, ok := s.options["connection"]
	if !ok {
		s.note(s.value.Line, true, "no connection", "Horizon needs one; redis is used here")
		return "redis", ""
	}
	name, known := value.AsText()
	if !known {
		return "", "its connection is not known: " + why(value)
	}
	return name, flags.CheckConnection(name)
}

// flags carries over the options that Horizon passes to its workers.
func (s *supervisor) flags() {
	s.spec.Tries = new(int32(0))
	if _, ok := s.options["maxTries"]; !ok {
		s.note(s.value.Line, false, "no tries", "Horizon's own default is 0, which is without limit")
	}
	for _, name := range []string{"timeout", "memory", "sleep", "rest", "maxTries", "backoff", "delay", "maxTime", "maxJobs"} {
		value, ok := s.options[name]
		if !ok || value.Kind == phpvalue.Null {
			continue
		}
		given, unknown := s.texts(value)
		if len(unknown) > 0 {
			s.note(value.Line, true, name, "its value is not known, so "+otherwise(name)+": "+unknown[0])
			continue
		}
		option := flags.Option{Name: workerFlags[name], Value: strings.Join(given, ",")}
		if outcome := flags.Apply(&s.spec, option); outcome.Why != "" {
			s.note(value.Line, outcome.Warning, name+" "+option.Value, outcome.Why)
		}
	}
	if force, ok := s.options["force"]; ok {
		s.spec.Force = force.True()
	}
	if outcome := flags.Fit(&s.spec); outcome.Why != "" {
		s.note(s.value.Line, outcome.Warning, "sleep", outcome.Why)
	}
}

func otherwise(name string) string {
	if name == "maxTries" {
		return "it is 0, without limit"
	}
	return "the default counts"
}
