// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/json"
	"regexp"
	"strings"
)

// Learn remembers the secrets of an object, for Object and Text.
func (r *Redactor) Learn(object map[string]any) { r.Object(object) }

// Object returns a copy of an object without its secrets.
func (r *Redactor) Object(object map[string]any) map[string]any {
	out := r.fields(object)
	from := writerOf(object)
	if from.event {
		r.note(object, out, from)
	}
	if status, ok := object["status"].(map[string]any); ok {
		out["status"] = r.status(status, from)
	}
	return out
}

// fields redacts the fields of an object.
func (r *Redactor) fields(object map[string]any) map[string]any {
	out := make(map[string]any, len(object))
	for name, value := range object {
		out[name] = r.field(name, value)
	}
	return out
}

// field redacts one field.
func (r *Redactor) field(name string, value any) any {
	switch typed := value.(type) {
	case string:
		return r.scalar(name, typed)
	case []any:
		return r.list(name, typed)
	case map[string]any:
		return r.table(name, typed)
	}
	return value // numbers, booleans, null
}

func (r *Redactor) table(name string, fields map[string]any) any {
	switch name {
	case "annotations":
		return r.annotations(fields)
	case "data", "stringData", "binaryData", "volumeAttributes", "options", "parameters", "headers":
		return r.values(fields)
	}
	return r.fields(fields)
}

func (r *Redactor) list(name string, items []any) any {
	out := make([]any, 0, len(items))
	for _, item := range items {
		switch name {
		case "env", "httpHeaders":
			out = append(out, r.named(item))
			continue
		case "args", "command":
			if text, ok := item.(string); ok {
				out = append(out, r.argument(text))
				continue
			}
		case "managedFields":
			out = append(out, manager(item))
			continue
		}
		out = append(out, r.field("", item))
	}
	return out
}

// named redacts the value of an item that has a name and a value.
func (r *Redactor) named(item any) any {
	fields, ok := item.(map[string]any)
	if !ok {
		return r.field("", item)
	}
	out := r.fields(fields)
	if value, ok := fields["value"].(string); ok {
		name, _ := fields["name"].(string)
		if !strings.HasPrefix(name, "QUEUEWORKER_") { // it is made from the spec, where it can be read
			r.learn(name, value)
		}
		out["value"] = gone(value)
	}
	return out
}

// values redacts the values of fields, and keeps their names.
func (r *Redactor) values(fields map[string]any) map[string]any {
	out := make(map[string]any, len(fields))
	for name, value := range fields {
		text, ok := value.(string)
		if !ok {
			out[name] = r.field(name, value)
			continue
		}
		r.learn(name, text)
		out[name] = gone(text)
	}
	return out
}

// ours matches the annotations that control a pool or a pod. plain matches a value worth
// reading: a time, a switch or a hash.
var (
	ours  = regexp.MustCompile(`^(queueworker\.dev/|deployment\.kubernetes\.io/revision$|controller\.kubernetes\.io/pod-deletion-cost$|kubectl\.kubernetes\.io/(restartedAt|default-container)$|batch\.kubernetes\.io/)`)
	plain = regexp.MustCompile(`^(true|false|-?[0-9]{1,12}|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+(Z|[+-][0-9:]{5})|[0-9a-f]{6,16})$`)
)

// annotations redacts annotations, which may hold anything, such as the last applied
// manifest with all its env.
func (r *Redactor) annotations(fields map[string]any) map[string]any {
	out := make(map[string]any, len(fields))
	for name, value := range fields {
		text, _ := value.(string)
		if ours.MatchString(name) && plain.MatchString(text) {
			out[name] = text
			continue
		}
		r.nested(text)
		if secretName.MatchString(name) {
			r.learn(name, text)
		}
		out[name] = gone(text)
	}
	return out
}

// nested learns the secrets of an object that a text contains as JSON.
func (r *Redactor) nested(text string) {
	var object map[string]any
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &object) == nil {
		r.Learn(object)
	}
}

// word matches the harmless words of a command line: words of the operator's, the agent's
// and Laravel's commands, and shells, which matter to a diagnosis.
var (
	word = regexp.MustCompile(`^(--?|-c|-lc|-e|php|artisan|queue:(work|listen|retry|forget|flush|clear)|run|install|await|all|(/[a-z/]*/)?(sh|bash|ash|php[0-9.]*|env|tini|dumb-init|gosu|su-exec|agent|backlog|queueworker-[a-z]+|manager))$`)
	// number matches a flag with a number, a duration or a switch.
	number = regexp.MustCompile(`^--[a-z][a-z-]*(=(true|false|[0-9.,]+(ms|s|m|h|Ki|Mi|Gi)?))?$`)
	flag   = regexp.MustCompile(`^--?[A-Za-z][A-Za-z0-9-]*$`)
	// operators matches the operator's own flags.
	operators = regexp.MustCompile(`^--(agent-image|backlog-image|metrics-bind-address|health-probe-bind-address|watch-namespaces|zap-log-level)=[A-Za-z0-9._:/@,-]*$`)
)

// argument redacts one word of a command line.
func (r *Redactor) argument(text string) string {
	if word.MatchString(text) || operators.MatchString(text) {
		return text
	}
	name, value, found := strings.Cut(text, "=")
	switch {
	case !found || !flag.MatchString(name):
		if number.MatchString(text) {
			return text
		}
		r.learn("", text)
		return gone(text)
	case number.MatchString(text) && !secretName.MatchString(name):
		return text
	}
	r.learn(name, value)
	return name + "=" + gone(value)
}

// references matches the names of fields that look like secrets' names but whose values
// name objects.
var references = regexp.MustCompile(`(?i)(name|ref|key|path|policy|kind|type|reason)$`)

// scalar redacts a text field.
func (r *Redactor) scalar(name, value string) string {
	switch {
	case name == "output" || name == "exception" || name == "search": // from an application's jobs, with its users' data
		r.printed(value) // messages contain lines of it
		return gone(value)
	case name == "url" || name == "uri":
		r.learnAddress(value)
		return r.Text(address(value))
	case name == "path":
		before, _, found := strings.Cut(value, "?")
		if found {
			return before + "?(removed)"
		}
	case secretName.MatchString(name) && !references.MatchString(name):
		r.learn(name, value)
		return gone(value)
	}
	return r.Text(value)
}

// learnAddress remembers the path, the query and the user of an address. It remembers
// them whole and in parts, because an error may quote any of them.
func (r *Redactor) learnAddress(text string) {
	_, rest, found := strings.Cut(text, "://")
	if !found {
		return
	}
	host, tail := rest, ""
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host, tail = rest[:end], rest[end:]
	}
	if at := strings.LastIndex(host, "@"); at >= 0 {
		user, password, _ := strings.Cut(host[:at], ":")
		r.learn("", user)
		r.learn("password", password)
	}
	path, query, _ := strings.Cut(tail, "?")
	r.learn("", path)
	r.learn("", query)
	for _, part := range strings.FieldsFunc(tail, func(c rune) bool { return strings.ContainsRune("/?#&=", c) }) {
		r.learn("", part)
	}
}

// addresses matches the addresses that Text shortens to scheme and host.
var addresses = regexp.MustCompile(`(?i)\bhttps?://[^\s"'<>\\]+`)

// pathless returns an address without path, query and user. It keeps the punctuation at
// the end of a sentence.
func pathless(text string) string {
	if strings.HasSuffix(text, "(removed)") {
		return text
	}
	whole := strings.TrimRight(text, ".,:;)]}")
	return address(whole) + text[len(whole):]
}

// address returns the scheme and the host of a URL. Credentials stand before the host,
// and tokens in paths and queries.
func address(text string) string {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		return gone(text)
	}
	host := rest
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		host = rest[:end]
	}
	tail := rest[len(host):]
	if at := strings.LastIndex(host, "@"); at >= 0 {
		host = "(removed)" + host[at:]
	}
	if len(tail) > 1 {
		tail = "/(removed)"
	}
	return scheme + "://" + host + tail
}

// manager says who wrote an object, how and when. It leaves out the set of fields, which
// contains values if a list is a set.
func manager(item any) any {
	fields, ok := item.(map[string]any)
	if !ok {
		return nil
	}
	out := map[string]any{}
	for _, name := range []string{"manager", "operation", "subresource", "time", "apiVersion"} {
		if value, ok := fields[name]; ok {
			out[name] = value
		}
	}
	return out
}
