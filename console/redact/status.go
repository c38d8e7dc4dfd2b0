// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"regexp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// writer says who writes the messages of an object.
type writer struct {
	// operator is true for the status of a QueueWorker, QueueApp or QueueCommand, or for
	// an event that the operator wrote about one of these.
	operator bool
	// command is true if all messages are made from a command's output.
	command bool
	event   bool
}

func writerOf(object map[string]any) writer {
	of := unstructured.Unstructured{Object: object}
	group, _, _ := strings.Cut(of.GetAPIVersion(), "/")
	switch kind := of.GetKind(); {
	case kind == "Event":
		regarding, _, _ := unstructured.NestedString(object, "regarding", "apiVersion")
		controller, _, _ := unstructured.NestedString(object, "reportingController")
		return writer{event: true, operator: controller == v1alpha1.FieldManager && strings.HasPrefix(regarding, v1alpha1.GroupName+"/")}
	case group == v1alpha1.GroupName:
		return writer{operator: true, command: kind == "QueueCommand"}
	}
	return writer{}
}

// note redacts the text of an event.
func (r *Redactor) note(before, after map[string]any, from writer) {
	reason, _ := before["reason"].(string)
	for _, field := range []string{"note", "message"} {
		if text, ok := before[field].(string); ok {
			after[field] = r.Message(said{byOperator: from.operator, reason: reason, text: text})
		}
	}
}

// status redacts a status. Fields that a program or an agent fills in lose their text;
// messages keep the words of the operator and of Kubernetes.
func (r *Redactor) status(fields map[string]any, from writer) map[string]any {
	out := make(map[string]any, len(fields))
	for name, value := range fields {
		switch typed := value.(type) {
		case map[string]any:
			out[name] = r.status(typed, from)
		case []any:
			out[name] = r.statuses(name, typed, from)
		case string:
			out[name] = r.told(name, typed, fields, from)
		default:
			out[name] = value
		}
	}
	return out
}

func (r *Redactor) statuses(name string, items []any, from writer) any {
	out := make([]any, 0, len(items))
	for _, item := range items {
		if fields, ok := item.(map[string]any); ok {
			out = append(out, r.status(fields, from))
			continue
		}
		out = append(out, r.field(name, item))
	}
	return out
}

// filledIn are the fields of the operator's statuses that an agent fills in, with the
// shape that an honest agent gives them. These are a job's id as frameworks make it, a
// number or a UUID; the version of a framework; and a list of queues as a QueueWorker may
// name them.
var filledIn = map[string]*regexp.Regexp{
	"id":      regexp.MustCompile(`^[A-Za-z0-9-]{0,64}$`),
	"version": regexp.MustCompile(`^[0-9A-Za-z.+-]{0,64}$`),
	"queue":   regexp.MustCompile(`^([A-Za-z0-9_.:/{}-]+(,[A-Za-z0-9_.:/{}-]+)*)?$`),
}

// told redacts one text of a status.
func (r *Redactor) told(name, text string, beside map[string]any, from writer) string {
	switch name {
	case "message":
		return r.message(text, beside, from)
	case "cause":
		return r.cutOff(text, beforeMark(text))
	case "class":
		return r.class(text)
	case "output", "exception":
		r.printed(text)
		return gone(text)
	}
	if shape, has := filledIn[name]; has && from.operator && !shape.MatchString(text) {
		r.printed(text)
		return gone(text)
	}
	return r.scalar(name, text)
}

// message redacts a message in a status. The fields beside it tell which kind of message
// it is.
func (r *Redactor) message(text string, beside map[string]any, from writer) string {
	_, exited := beside["exitCode"] // of a container that has ended: the last output of its program
	_, ended := beside["code"]      // of a worker process: its message contains the program's output
	if from.command || exited || ended && from.operator {
		return r.cutOff(text, "")
	}
	reason, _ := beside["reason"].(string)
	condition, _ := beside["type"].(string)
	if _, sized := beside["desired"]; sized && from.operator && condition == "" {
		return r.Text(text) // of a decision of the autoscaler, in numbers
	}
	if _, sized := beside["to"]; sized && from.operator && condition == "" {
		return r.Text(text)
	}
	return r.Message(said{byOperator: from.operator, condition: condition, reason: reason, text: text})
}
