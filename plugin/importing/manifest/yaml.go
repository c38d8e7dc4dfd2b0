// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/plugin/importing/flags"
)

// commentWidth is the width at which comments are wrapped.
const commentWidth = 110

// Write writes QueueApps and QueueWorkers as YAML that the API server accepts as it is.
// The notes of each object precede it as comments.
func Write(result Result) ([]byte, error) {
	var out bytes.Buffer
	files := result.files()
	out.WriteString(comment(append([]string{result.Origin}, list(result.Notes, files)...)))
	for _, app := range result.Apps {
		object := &v1alpha1.QueueApp{
			TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "QueueApp"},
			ObjectMeta: metav1.ObjectMeta{Name: app.Name, Namespace: result.Namespace},
			Spec:       app.Spec,
		}
		if err := document(&out, object, app.Origin, list(app.Notes, files)); err != nil {
			return nil, fmt.Errorf("write QueueApp %s: %w", app.Name, err)
		}
		for _, pool := range app.Pools {
			object := &v1alpha1.QueueWorker{
				TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "QueueWorker"},
				ObjectMeta: metav1.ObjectMeta{Name: pool.Name, Namespace: result.Namespace, Labels: pool.Labels},
				Spec:       pool.Spec,
			}
			if err := document(&out, object, pool.Origin, list(pool.Notes, files)); err != nil {
				return nil, fmt.Errorf("write QueueWorker %s: %w", pool.Name, err)
			}
		}
	}
	return out.Bytes(), nil
}

// document appends one object with its comments. It keeps the order of the object's
// fields, which is the order of their documentation.
func document(out *bytes.Buffer, object runtime.Object, origin string, notes []string) error {
	encoded, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("encode it: %w", err)
	}
	var root yaml.Node
	if err := yaml.Unmarshal(escape(encoded), &root); err != nil {
		return fmt.Errorf("read it as YAML: %w", err)
	}
	tidy(root.Content[0], "")
	apiVersionFirst(root.Content[0])
	out.WriteString("---\n")
	out.WriteString(comment(append([]string{origin}, notes...)))
	encoder := yaml.NewEncoder(out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(root.Content[0]); err != nil {
		return fmt.Errorf("encode it as YAML: %w", err)
	}
	return encoder.Close()
}

// escape writes characters that JSON allows in a string but YAML does not in the form
// \u007f.
func escape(encoded []byte) []byte {
	var b bytes.Buffer
	for _, r := range string(encoded) {
		if r >= 0x7f && r <= 0x9f || r == 0xfeff || r == 0xfffe || r == 0xffff {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.Bytes()
}

// apiVersionFirst moves apiVersion before kind, as is customary.
func apiVersionFirst(object *yaml.Node) {
	for i := 2; i+1 < len(object.Content); i += 2 {
		if object.Content[i].Value == "apiVersion" {
			pair := []*yaml.Node{object.Content[i], object.Content[i+1]}
			object.Content = slices.Insert(slices.Delete(object.Content, i, i+2), 0, pair...)
			return
		}
	}
}

// durationFields are the fields whose value is a duration.
var durationFields = map[string]bool{
	"timeout": true, "sleep": true, "rest": true, "backoff": true, "maxTime": true, "gracePeriod": true,
	"retryAfter": true, "targetWait": true,
}

// oldBoolean matches the words that YAML 1.2, which is written here, reads as strings,
// but YAML 1.1, which kubectl reads, reads as booleans.
var oldBoolean = regexp.MustCompile(`^(?i)(y|n|yes|no|on|off)$`)

// tidy turns JSON into YAML as a person would write it: blocks, plain words, no empty
// fields, 1h for 1h0m0s.
func tidy(node *yaml.Node, field string) {
	node.Style = 0
	switch node.Kind {
	case yaml.MappingNode:
		kept := node.Content[:0]
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			tidy(key, "")
			tidy(value, key.Value)
			if !empty(value) {
				kept = append(kept, key, value)
			}
		}
		node.Content = kept
	case yaml.SequenceNode:
		for _, item := range node.Content {
			tidy(item, field)
		}
		if field == "backoff" {
			node.Style = yaml.FlowStyle
		}
	case yaml.ScalarNode:
		if durationFields[field] {
			node.Value = flags.ShortDuration(node.Value)
		}
		if node.Tag == "!!str" && oldBoolean.MatchString(node.Value) {
			node.Style = yaml.DoubleQuotedStyle
		}
	default: // JSON has no other kinds
	}
}

func empty(node *yaml.Node) bool {
	return node.Kind == yaml.MappingNode && len(node.Content) == 0 || node.Tag == "!!null"
}

// list returns notes as the items of a list. If there is only one file, its name is left
// out.
func list(notes []Note, files int) []string {
	out := make([]string, 0, len(notes))
	for _, note := range sorted(notes) {
		if files == 1 {
			note.Line = note.Line.inOneFile()
		}
		out = append(out, "- "+note.String())
	}
	return out
}

// comment returns each paragraph as a wrapped YAML comment.
func comment(paragraphs []string) string {
	var b strings.Builder
	for _, paragraph := range paragraphs {
		indent := ""
		if strings.HasPrefix(paragraph, "- ") {
			indent = "  "
		}
		line := "#"
		for word := range strings.FieldsSeq(Printable(paragraph)) {
			if len(line) > len("# "+indent) && len(line)+1+len(word) > commentWidth {
				b.WriteString(line + "\n")
				line = "#" + indent
			}
			line += " " + word
		}
		if line != "#" {
			b.WriteString(line + "\n")
		}
	}
	return b.String()
}

// Printable replaces characters that YAML does not allow in a comment, that would end the
// comment, or that would move the cursor of a terminal.
func Printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r), r == unicode.ReplacementChar:
			return '?'
		}
		return r
	}, text)
}
