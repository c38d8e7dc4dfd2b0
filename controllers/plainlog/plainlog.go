// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package plainlog keeps text that users write out of the operator's log. A user who
// may write an object or run a pod can put text of any length into an error: the API
// server quotes values that it refuses, and client-go logs objects. The operator's log
// has other readers than the object, so every record passes through this package.
package plainlog

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/go-logr/logr"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"

	"queueworker.dev/queueworker/api/printable"
)

// Bounds of the content of one record, in bytes.
const (
	// MaxText bounds a message and an error.
	MaxText = 1024
	// MaxValue bounds any other value. The name of an object has at most 253 bytes.
	MaxValue = 512
	// maxCauses is the number of fields that an error about a refused object names.
	maxCauses = 8
	// maxField bounds the path of such a field, which may contain a key of a map.
	maxField = 128
)

// New returns a logger that writes to the given one. It writes text as one line of
// bounded length without control characters, and an object as its name. A value that is
// not text, number, time or name is written as its type, and a refusal of the API
// server without the values it quotes.
func New(logger logr.Logger) logr.Logger {
	// One more frame stands between the caller and the sink below.
	return logger.WithSink(&sink{below: deeper(logger.GetSink(), 1)})
}

type sink struct{ below logr.LogSink }

// deeper tells a sink that there are more frames between it and the caller.
func deeper(below logr.LogSink, frames int) logr.LogSink {
	if counting, ok := below.(logr.CallDepthLogSink); ok {
		return counting.WithCallDepth(frames)
	}
	return below
}

// Init implements logr.LogSink. The sink below was initialized before.
func (s *sink) Init(logr.RuntimeInfo) {}

// Enabled implements logr.LogSink.
func (s *sink) Enabled(level int) bool { return s.below.Enabled(level) }

// Info implements logr.LogSink.
func (s *sink) Info(level int, message string, pairs ...any) {
	s.below.Info(level, printable.Line(message, MaxText), values(pairs)...)
}

// Error implements logr.LogSink.
func (s *sink) Error(err error, message string, pairs ...any) {
	if err != nil {
		err = errors.New(errorText(err)) // only the text: some errors print a stack or an object with it
	}
	s.below.Error(err, printable.Line(message, MaxText), values(pairs)...)
}

// WithValues implements logr.LogSink.
func (s *sink) WithValues(pairs ...any) logr.LogSink {
	return &sink{below: s.below.WithValues(values(pairs)...)}
}

// WithName implements logr.LogSink.
func (s *sink) WithName(name string) logr.LogSink { return &sink{below: s.below.WithName(name)} }

// WithCallDepth implements logr.CallDepthLogSink.
func (s *sink) WithCallDepth(depth int) logr.LogSink { return &sink{below: deeper(s.below, depth)} }

// values returns keys and values, the values as they are logged.
func values(pairs []any) []any {
	out := make([]any, len(pairs))
	for i, value := range pairs {
		if i%2 == 0 {
			out[i] = printable.Line(fmt.Sprint(value), MaxValue) // a key
			continue
		}
		out[i] = plain(value)
	}
	return out
}

// reference is the part of an object that is logged.
type reference struct {
	APIVersion string `json:"apiVersion,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name,omitempty"`
}

// plain returns a value as it is logged.
func plain(value any) any {
	switch typed := value.(type) {
	case nil, bool, time.Time, time.Duration, metav1.Time:
		return typed
	case klog.ObjectRef:
		return reference{Namespace: typed.Namespace, Name: typed.Name}
	case types.NamespacedName:
		return reference{Namespace: typed.Namespace, Name: typed.Name}
	case error:
		return errorText(typed)
	case runtime.Object:
		return nameOf(typed)
	case []string:
		return printable.Line(strings.Join(typed, ","), MaxValue)
	case fmt.Stringer:
		return printable.Line(words(typed), MaxValue)
	}
	switch of := reflect.ValueOf(value); of.Kind() {
	case reflect.String:
		return printable.Line(of.String(), MaxValue)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return value
	default:
		return fmt.Sprintf("(%T)", value)
	}
}

// words returns the text of a Stringer, or its type if it is a nil pointer.
func words(of fmt.Stringer) string {
	if pointer := reflect.ValueOf(of); pointer.Kind() == reflect.Pointer && pointer.IsNil() {
		return fmt.Sprintf("(%T)", of)
	}
	return of.String()
}

func nameOf(object runtime.Object) any {
	if pointer := reflect.ValueOf(object); pointer.Kind() == reflect.Pointer && pointer.IsNil() {
		return fmt.Sprintf("(%T)", object)
	}
	kind := object.GetObjectKind().GroupVersionKind()
	out := reference{APIVersion: kind.GroupVersion().String(), Kind: cmp.Or(kind.Kind, fmt.Sprintf("%T", object))}
	if fields, err := meta.Accessor(object); err == nil {
		out.Namespace, out.Name = fields.GetNamespace(), fields.GetName()
	}
	return out
}

// errorText returns the text that is logged for an error.
func errorText(err error) string {
	text := err.Error()
	for _, refusal := range refusals(err, nil) {
		text = strings.ReplaceAll(text, refusal.Error(), unquoted(refusal.Status()))
	}
	return printable.Line(text, MaxText)
}

// refusals returns the answers of the API server in the tree of an error.
func refusals(err error, found []*apierrors.StatusError) []*apierrors.StatusError {
	if refusal, is := err.(*apierrors.StatusError); is { //nolint:errorlint // each one in the tree is looked for, not the first
		return append(found, refusal)
	}
	switch wrapped := err.(type) { //nolint:errorlint // the tree is walked here
	case interface{ Unwrap() error }:
		if next := wrapped.Unwrap(); next != nil {
			found = refusals(next, found)
		}
	case interface{ Unwrap() []error }:
		for _, next := range wrapped.Unwrap() {
			found = refusals(next, found)
		}
	}
	return found
}

// unquoted says why the API server refused a request, without the values of the object:
// the message about an invalid object quotes them. Other messages name users, objects
// and quotas, or come from an admission webhook or policy of the cluster.
func unquoted(status metav1.Status) string {
	if status.Reason != metav1.StatusReasonInvalid && status.Reason != metav1.StatusReasonBadRequest {
		return status.Message
	}
	what := "the object"
	var fields []string
	if details := status.Details; details != nil {
		if details.Kind != "" {
			what = strings.TrimSpace(details.Kind + " " + details.Name)
		}
		for _, cause := range details.Causes[:min(len(details.Causes), maxCauses)] {
			fields = append(fields, fmt.Sprintf("%s (%s)", printable.Line(cause.Field, maxField), cause.Type))
		}
		if more := len(details.Causes) - len(fields); more > 0 {
			fields = append(fields, fmt.Sprintf("and %d more", more))
		}
	}
	text := fmt.Sprintf("the API server refused %s as %s", what, status.Reason)
	if len(fields) > 0 {
		text += ": " + strings.Join(fields, ", ")
	}
	return text
}
