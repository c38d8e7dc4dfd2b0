// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
)

// inNamespace finds the namespaces that a JSON log line mentions.
var inNamespace = regexp.MustCompile(`"namespace":\s*"([^"]*)"`)

// Log returns the lines of the operator's log about one namespace or about none, without
// text that users wrote. Earlier operators logged the last output of pods and values that
// the API server quotes. So each line is redacted field by field.
func (r *Redactor) Log(log, namespace string) string {
	var out strings.Builder
	for line := range strings.Lines(log) {
		found := inNamespace.FindAllStringSubmatch(line, -1)
		if len(found) > 0 && !slices.ContainsFunc(found, func(match []string) bool { return match[1] == namespace }) {
			continue // other tenants' lines do not belong in this bundle
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
	// frame matches a line of a Go stack trace; its arguments are numbers.
	frame = regexp.MustCompile(`^(goroutine [0-9]+ .{0,40}\[[a-z ,0-9]+\]:|created by [\w./*()\[\]-]+( in goroutine [0-9]+)?|\s*[\w./@+-]+\.go:[0-9]+( \+0x[0-9a-f]+)?|[\w./*()\[\]{}·,-]+\([0-9a-fx, .{}?]*\))$`)
	// klogHead matches the head of a klog line, and the message if it is a constant.
	klogHead = regexp.MustCompile(`^[IWEF][0-9]{4} [0-9:.]+ +[0-9]+ [\w.]+\.go:[0-9]+\] ("[A-Z][A-Za-z ,'.:-]{0,80}" )?`)
)

// words are the fields of a record whose text is the operator's own, or names an object.
var words = reasons(
	"level", "ts", "logger", "controller", "controllerGroup", "controllerKind", "kind", "apiVersion", "object", "namespace", "name", "queueWorker",
	"pod", "address", "reconcileID", "version", "addr", "bindAddress", "type", "reflector", "stacktrace", "source",
)

// code matches reasons, types of conditions and states, in the operator's line about the
// end of a pass. A sentence does not match.
var code = regexp.MustCompile(`^[A-Z][A-Za-z]*(:[A-Z][A-Za-z]*)?( [A-Z][A-Za-z]*:[A-Z][A-Za-z]*)*$`)

// passes are the other fields of that line, and what they may say.
var passes = map[string]*regexp.Regexp{
	"reason": code, "conditions": code, "drain": code, "scaling": code, "limitedBy": code, "state": code,
	"status": regexp.MustCompile(`^(written|unchanged|due in [0-9hmsµn.]+)$`),
	"next":   regexp.MustCompile(`^on a change(, at the latest in [0-9hmsµn.]+)?$`),
}

// record returns the redacted form of a JSON record.
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
	said := passes[name]
	switch {
	case words[name]:
		return r.Text(text)
	case said != nil && said.MatchString(text):
		return text
	case name == "msg", name == "error", name == "err", name == "logger":
		return r.errorText(text)
	}
	r.printed(text)
	return gone(text)
}

// reference returns the fields of an object in a record that name it. Such an object also
// contained the last output of a pod.
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
	// quotation matches a text in quotes, including the quotes of an inner encoding.
	quotation = regexp.MustCompile(`\\?"(\\.|[^"\\])*"?`)
	// refused matches the beginning of what the API server, an agent or a client says
	// about a value it was given.
	refused = regexp.MustCompile(`(is invalid|Invalid value|Unsupported value|Duplicate value|denied the request|could not be asked|cannot be read|unknown field|the object provided is unrecognized|panic):?.*$`)
	// forbidden matches the API server's refusal of a right, which a diagnosis needs in
	// full.
	forbidden = regexp.MustCompile(`[a-z.]+( "[a-z0-9.-]*")? is forbidden: User "[A-Za-z0-9:.@_-]+" cannot [a-z]+ resource "[a-z./]+" in API group "[a-z0-9.]*"( in the namespace "[a-z0-9-]+"| at the cluster scope)?`)
)

// errorText returns the words of an error in a log, without the text that it quotes.
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
