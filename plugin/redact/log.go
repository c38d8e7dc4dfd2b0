// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// inNamespace finds the namespaces that a line of a log in JSON speaks of.
var inNamespace = regexp.MustCompile(`"namespace":\s*"([^"]*)"`)

// Log is what is left of the operator's log: lines about one namespace or about none,
// without what users wrote. Operators before this one logged the last words of pods and
// the values that the API server quotes, so each line is taken apart.
func (r *Redactor) Log(log, namespace string) string {
	var out strings.Builder
	for line := range strings.Lines(log) {
		found := inNamespace.FindAllStringSubmatch(line, -1)
		if len(found) > 0 && !slices.ContainsFunc(found, func(match []string) bool { return match[1] == namespace }) {
			continue // what other tenants do is not for this bundle
		}
		out.WriteString(r.line(strings.TrimRight(line, "\n")))
		out.WriteByte('\n')
	}
	return out.String()
}

func (r *Redactor) line(line string) string {
	fields := map[string]any{}
	if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &fields) == nil {
		encoded, err := json.Marshal(r.record(fields))
		if err != nil {
			return gone(line)
		}
		return string(encoded)
	}
	if frame.MatchString(line) || line == "" {
		return line
	}
	head := klogHead.FindString(line)
	if head == "" {
		return gone(line)
	}
	return head + r.errorText(line[len(head):])
}

var (
	// frame matches a line of a Go stack trace; arguments are numbers in it.
	frame = regexp.MustCompile(`^(goroutine [0-9]+ .{0,40}\[[a-z ,0-9]+\]:|created by [\w./*()\[\]-]+( in goroutine [0-9]+)?|\s*[\w./@+-]+\.go:[0-9]+( \+0x[0-9a-f]+)?|[\w./*()\[\]{}·,-]+\([0-9a-fx, .{}?]*\))$`)
	// klogHead matches what a line of klog begins with, and the message if it is a constant.
	klogHead = regexp.MustCompile(`^[IWEF][0-9]{4} [0-9:.]+ +[0-9]+ [\w.]+\.go:[0-9]+\] ("[A-Z][A-Za-z ,'.:-]{0,80}" )?`)
)

// words are the fields of a record with text that is the operator's own, or that names
// an object.
var words = reasons(
	"level", "ts", "logger", "controller", "controllerGroup", "controllerKind", "kind", "apiVersion", "object", "namespace", "name", "queueWorker",
	"pod", "address", "reconcileID", "version", "addr", "bindAddress", "type", "reflector", "stacktrace", "source",
)

// record is what is left of a record in JSON.
func (r *Redactor) record(fields map[string]any) map[string]any {
	out := make(map[string]any, len(fields))
	for name, value := range fields {
		switch typed := value.(type) {
		case bool, float64:
			out[name] = typed
		case map[string]any:
			out[name] = r.reference(typed)
		case string:
			out[name] = r.word(name, typed)
		case nil:
			out[name] = nil
		default:
			out[name] = "(removed)"
		}
	}
	return out
}

func (r *Redactor) word(name, text string) string {
	switch {
	case words[name]:
		return r.Text(text)
	case name == "msg", name == "error", name == "err", name == "logger":
		return r.errorText(text)
	}
	r.printed(text)
	return gone(text)
}

// reference is what is left of an object in a record: what names it. The last word of a
// pod stood in such a field.
func (r *Redactor) reference(fields map[string]any) map[string]any {
	out := map[string]any{}
	for name, value := range fields {
		if text, ok := value.(string); ok && words[name] {
			out[name] = r.Text(text)
		}
	}
	return out
}

var (
	// quotation matches a text in quotes, with those of an inner encoding.
	quotation = regexp.MustCompile(`\\?"(\\.|[^"\\])*"?`)
	// refused begins what the API server, an agent or a client says of a value it was given.
	refused = regexp.MustCompile(`(is invalid|Invalid value|Unsupported value|Duplicate value|denied the request|could not be asked|cannot be read|unknown field|the object provided is unrecognized|panic):?.*$`)
	// forbidden is how the API server refuses a right, which a diagnosis needs in full.
	forbidden = regexp.MustCompile(`[a-z.]+( "[a-z0-9.-]*")? is forbidden: User "[A-Za-z0-9:.@_-]+" cannot [a-z]+ resource "[a-z./]+" in API group "[a-z0-9.]*"( in the namespace "[a-z0-9-]+"| at the cluster scope)?`)
)

// errorText is what is left of an error in a log: its words, without what it quotes.
func (r *Redactor) errorText(text string) string {
	var out strings.Builder
	for {
		at := forbidden.FindStringIndex(text)
		if at == nil {
			break
		}
		out.WriteString(r.unquote(text[:at[0]]) + text[at[0]:at[1]])
		text = text[at[1]:]
	}
	out.WriteString(r.unquote(text))
	return r.Prose(out.String())
}

func (r *Redactor) unquote(text string) string {
	text = refused.ReplaceAllStringFunc(text, func(found string) string {
		r.printed(found)
		head := refused.FindStringSubmatch(found)[1]
		return head + ": (removed)"
	})
	return quotation.ReplaceAllString(text, `"(removed)"`)
}
