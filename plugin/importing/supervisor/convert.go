// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package supervisor

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/plugin/importing/artisan"
	"queueworker.dev/queueworker/plugin/importing/budget"
	"queueworker.dev/queueworker/plugin/importing/flags"
	"queueworker.dev/queueworker/plugin/importing/manifest"
)

// defaultQueue is the queue of a worker that names none, unless config/queue.php says
// otherwise.
const defaultQueue = "default"

// convertProgram makes a pool from each kind of process of a program, or notes why it
// cannot.
func (c *configuration) convertProgram(p *program) error {
	command, _ := p.section.get("command")
	processes, err := c.processes(p)
	if err != nil {
		return err
	}
	for _, of := range processes {
		if err := c.left.Steps(budget.PoolSteps + len(p.section.settings)); err != nil {
			return fmt.Errorf("%s: %w", p.section.line, err)
		}
		worker, err := c.worker(p, of)
		var other *artisan.NotAWorkerError
		var exceeded *budget.ExceededError
		switch {
		case errors.As(err, &exceeded):
			return fmt.Errorf("%s: command: %w", command.line, err)
		case errors.As(err, &other):
			// The loss of a worker must not go unnoticed.
			looksLikeOne := strings.Contains(of.command, "queue:")
			c.note(manifest.Note{Line: p.section.line, Subject: "[" + p.section.name + "] is left out", Why: flags.ShowUnknown(other.What), Warning: looksLikeOne})
			return nil
		case errors.Is(err, artisan.ErrSyntax):
			return fmt.Errorf("%s: command: %w", command.line, err)
		case err != nil:
			return err
		}
		b := &builder{left: c.left, program: p, worker: worker, command: command.line}
		b.pool.Name, b.pool.Origin = p.name, fmt.Sprintf("[%s] of %s.", p.section.name, p.section.line)
		if len(processes) > 1 {
			b.pool.Name += "-" + strconv.Itoa(of.numbers[0])
		}
		b.build(len(of.numbers), of.environment)
		if b.refused != "" {
			c.note(manifest.Note{Line: command.line, Subject: "[" + p.section.name + "] is left out", Why: b.refused, Warning: true})
			return nil
		}
		c.pools = append(c.pools, b.placement())
	}
	return nil
}

// builder builds one pool.
type builder struct {
	left    *budget.Budget
	program *program
	worker  artisan.Worker
	command manifest.Line
	pool    manifest.Pool
	env     []corev1.EnvVar
	user    *int64
	// refused says why there can be no pool.
	refused string
}

func (b *builder) note(line manifest.Line, warning bool, subject, why string) {
	if b.left.Steps(1) == nil && b.left.Bytes(len(subject)+len(why)) == nil {
		b.pool.Notes = append(b.pool.Notes, manifest.Note{Line: line, Subject: flags.ShowUnknown(subject), Why: why, Warning: warning})
	}
}

func (b *builder) placement() manifest.Placement {
	return manifest.Placement{
		Pool: b.pool, Directory: directoryOf(b.worker), Connection: b.worker.Connection,
		Env: b.env, RunAsUser: b.user,
	}
}

// directoryOf returns the application's directory in a canonical form.
func directoryOf(worker artisan.Worker) string {
	if worker.Directory == "" {
		return ""
	}
	return path.Clean(flags.ShowUnknown(worker.Directory))
}

func (b *builder) build(processes int, environment []variable) {
	spec := &b.pool.Spec
	if b.program.group != b.program.name {
		b.pool.Labels = map[string]string{"app.kubernetes.io/part-of": manifest.Slug(b.program.group)}
	}
	spec.Processes = new(int32(min(processes, b.program.numprocs)))
	spec.Stopped = !b.program.autostart
	b.options()
	b.remarks()
	b.environment(environment)
	for _, unknown := range b.program.unknown {
		variable, _ := flags.Unknown(unknown.value)
		b.note(unknown.line, true, unknown.key+"="+unknown.value, "the value of "+variable+" is not known here, so Supervisor's default counts; give it with --env")
	}
	if b.program.numprocs > maxProcesses {
		b.note(b.program.section.line, true, "numprocs="+strconv.Itoa(b.program.numprocs), "a QueueWorker takes at most "+strconv.Itoa(maxProcesses)+" processes")
	}
	for _, given := range b.program.section.settings {
		b.setting(given)
	}
	if b.program.stopWait < 0 {
		b.note(b.program.section.line, false, "stopwaitsecs", "it is not set, and Supervisor's default of 10 seconds would kill jobs; without gracePeriod the operator uses one that is long enough")
	}
}

// options carries over the options of queue:work.
func (b *builder) options() {
	spec := &b.pool.Spec
	for _, option := range b.worker.Options {
		outcome := flags.Apply(spec, option)
		if option.Name == "queue" && outcome.Why != "" && spec.Queue == "" {
			b.refused = "its queue cannot be carried over: " + outcome.Why
			return
		}
		if outcome.Why != "" {
			b.note(b.command, outcome.Warning, option.String(), outcome.Why)
		}
	}
	if outcome := flags.Fit(spec); outcome.Why != "" {
		b.note(b.command, outcome.Warning, "sleep", outcome.Why)
	}
	if spec.Queue == "" {
		spec.Queue = defaultQueue
		b.note(b.command, true, "no --queue", "the worker takes from its connection's own queue, which is default unless config/queue.php says otherwise")
	}
	if b.worker.Listen {
		b.note(b.command, false, "queue:listen", "it starts the application again for every job, and queue:work does not; maxJobs: 1 does")
	}
	if why := flags.CheckConnection(b.worker.Connection); why != "" {
		b.refused = why
		if strings.ContainsAny(b.worker.Connection, "<>|&;") {
			b.refused += "; Supervisor starts no shell, so these characters are an argument of the command"
		}
	}
}

// remarks adds notes about the words around the command.
func (b *builder) remarks() {
	for _, remark := range b.worker.Remarks {
		b.note(b.command, remark.Warning, remark.Subject, remark.Why)
	}
	if limit := b.worker.MemoryLimit; limit != "" {
		b.memoryLimit(limit)
	}
	if b.worker.User != "" {
		b.runAs(setting{key: "user", value: b.worker.User, line: b.command})
	}
}

// memoryLimit compares PHP's memory_limit with the limit that is derived from memory.
func (b *builder) memoryLimit(limit string) {
	memory := int64(128)
	if q := b.pool.Spec.Memory; q != nil {
		memory = q.Value() >> 20
	}
	derived := (memory*5/4 + 32)
	given, known := mebibytes(limit)
	why := fmt.Sprintf("PHP's memory_limit is derived from memory here, and is %d MiB", derived)
	larger := !known || given > derived
	if larger && known {
		why += fmt.Sprintf("; if a job needs the old limit, set memory: %dMi", max((given-32)*4/5, memory))
	} else if larger {
		why += "; raise memory if a job needs more"
	}
	b.note(b.command, larger, "-d memory_limit="+limit, why)
}

// mebibytes parses a size as PHP writes it: 512M, 1G, 134217728. It returns false for -1,
// which means no limit.
func mebibytes(text string) (int64, bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0, false
	}
	shift := map[byte]int{'k': 10, 'm': 0, 'g': 10}[text[len(text)-1]|0x20]
	digits := strings.TrimRight(text, "kKmMgG")
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil || n <= 0 || len(text)-len(digits) > 1 {
		return 0, false
	}
	switch text[len(text)-1] {
	case 'g', 'G':
		return n << shift, true
	case 'm', 'M':
		return n, true
	case 'k', 'K':
		return n >> shift, true
	}
	return n >> 20, true
}

// runAs carries over a user. A user's name means nothing inside an image.
func (b *builder) runAs(given setting) {
	n, err := strconv.ParseInt(given.value, 10, 32)
	switch {
	case err == nil && n > 0:
		b.user = &n
	case given.value == "root" || err == nil && n == 0:
		b.note(given.line, true, given.key+"="+given.value, "workers must not run as root; the user of the image is used, and must not be root")
	default:
		b.note(given.line, false, given.key+"="+given.value, "an image has its own users, and its default user is used; if that is root, set runAsUser in the QueueApp's template")
	}
}

// environment takes over the variables. If several have the same name, the last one
// counts.
func (b *builder) environment(variables []variable) {
	line := b.command
	if given, ok := b.program.section.get("environment"); ok {
		line = given.line
	}
	for _, v := range variables {
		b.setVariable(line, v)
	}
	for _, v := range b.worker.Environment {
		b.setVariable(b.command, variable{name: v.Name, value: v.Value})
	}
	places := map[string]int{}
	for i, v := range b.env {
		places[v.Name] = i
	}
	kept := b.env[:0]
	for i, v := range b.env {
		if places[v.Name] == i {
			kept = append(kept, v)
		}
	}
	b.env = kept
}

// secretWords occur in the names of variables that belong in a Secret.
var secretWords = []string{"PASSWORD", "PASSWD", "SECRET", "TOKEN", "APP_KEY", "API_KEY", "PRIVATE_KEY", "CREDENTIAL"}

func (b *builder) setVariable(line manifest.Line, v variable) {
	unknownName, unknown := flags.Unknown(v.value)
	switch {
	case !plainName.MatchString(v.name):
		b.note(line, true, v.name, "it is no name of a variable")
		return
	case strings.HasPrefix(v.name, "QUEUEWORKER_"):
		b.note(line, true, v.name, "such names are reserved for the agent in the pod")
		return
	case unknown:
		b.note(line, true, v.name, "the value of "+unknownName+" is not known here; give it with --env")
		return
	}
	if b.left.Steps(1) != nil || b.left.Bytes(len(v.name)+len(v.value)) != nil {
		return
	}
	name := strings.ToUpper(v.name)
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			b.note(line, true, v.name, "anyone who reads this YAML can read its value; put it into a Secret, and refer to the Secret in the QueueApp, with valueFrom or --env-from")
			break
		}
	}
	// The kubelet would read $(NAME) as a variable.
	b.env = append(b.env, corev1.EnvVar{Name: v.name, Value: strings.ReplaceAll(v.value, "$(", "$$(")})
}
