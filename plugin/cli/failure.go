// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/clientcmd"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/console/view"
)

// The exit codes, for scripts. Users rely on them.
const (
	// CodeOK: done.
	CodeOK = 0
	// CodeFailed: the command was tried and failed; the message says why.
	CodeFailed = 1
	// CodeUsage: the command line is wrong; nothing was tried.
	CodeUsage = 2
	// CodeNotFound: an object that the command line names does not exist.
	CodeNotFound = 3
	// CodeForbidden: the caller lacks a right.
	CodeForbidden = 4
	// CodeTimedOut: a wait ended without success.
	CodeTimedOut = 5
	// CodeInterrupted: a signal ended the program; shells expect 128 plus the number of
	// SIGINT.
	CodeInterrupted = 130
)

// Failure is an error with the exit code it ends the program with. For any other error,
// the cause suggests the code, or else it is CodeFailed.
type Failure struct {
	Code int
	err  error
}

func (f *Failure) Error() string { return f.err.Error() }

// Unwrap returns the error that Usage and similar functions were given with %w.
func (f *Failure) Unwrap() error { return f.err }

// Usage returns an error for a mistake in the command line.
func Usage(format string, arguments ...any) error { return failure(CodeUsage, format, arguments) }

// NotFound returns an error for an object that was named but does not exist.
func NotFound(format string, arguments ...any) error { return failure(CodeNotFound, format, arguments) }

// Forbidden returns an error for a missing right that the plugin itself found out about.
// A refusal by the API server needs no wrapping.
func Forbidden(format string, arguments ...any) error {
	return failure(CodeForbidden, format, arguments)
}

// TimedOut returns an error for a wait that ended without success.
func TimedOut(format string, arguments ...any) error { return failure(CodeTimedOut, format, arguments) }

func failure(code int, format string, arguments []any) error {
	return &Failure{Code: code, err: fmt.Errorf(format, arguments...)}
}

// Tell prints an error as a sentence and returns the exit code.
func Tell(w io.Writer, err error) int {
	if err == nil {
		return CodeOK
	}
	code, sentence := Explain(err)
	fmt.Fprintln(w, "error: "+view.CleanText(sentence))
	return code
}

// Explain returns the exit code for an error, and a sentence that says what a user can do
// about it.
func Explain(err error) (code int, sentence string) {
	var failure *Failure
	var unreachable *url.Error
	var timeout net.Error
	switch {
	case errors.As(err, &failure):
		return failure.Code, err.Error()
	case apierrors.IsForbidden(err):
		return CodeForbidden, refusal(err)
	case apierrors.IsUnauthorized(err):
		return CodeForbidden, "The cluster does not know you: " + err.Error() + ". Log in again, or name another user with --user or --context."
	case meta.IsNoMatchError(err):
		return CodeFailed, "This cluster lacks a kind that the command needs: " + err.Error() + ". Install QueueWorker's chart, or name another cluster with --context."
	case apierrors.IsNotFound(err):
		return CodeNotFound, err.Error()
	case clientcmd.IsEmptyConfig(err):
		return CodeFailed, "No cluster is configured. Name a kubeconfig with --kubeconfig or the variable KUBECONFIG."
	case errors.Is(err, context.DeadlineExceeded), apierrors.IsTimeout(err), apierrors.IsServerTimeout(err),
		errors.As(err, &timeout) && timeout.Timeout():
		return CodeTimedOut, "The cluster did not answer in time: " + err.Error()
	case errors.As(err, &unreachable):
		return CodeFailed, "The cluster does not answer: " + err.Error() + ". Is --context the right one?"
	}
	return CodeFailed, err.Error()
}

// denied finds in the API server's message which right was denied.
var denied = regexp.MustCompile(`User "([^"]*)" cannot (\S+) resource "([^"]*)" in API group "([^"]*)"(?: in the namespace "([^"]*)")?`)

// refusal says which right is missing and how to get it.
func refusal(err error) string {
	match := denied.FindStringSubmatch(err.Error())
	if match == nil {
		return "You may not do this: " + err.Error()
	}
	user, verb, resource, group, namespace := match[1], match[2], match[3], match[4], match[5]
	where, flag := "in the whole cluster", "--all-namespaces"
	if namespace != "" {
		where, flag = "in the namespace "+namespace, "--namespace "+namespace
	}
	plain, sub, _ := strings.Cut(resource, "/")
	asked := plain
	if group != "" {
		asked += "." + group
	}
	if sub != "" {
		asked += " --subresource=" + sub
	}
	ask := "Ask for the right `" + verb + "` on `" + resource + "`"
	if group == v1alpha1.GroupName {
		ask += " of " + group
	}
	return fmt.Sprintf("You, %s, may not %s %s %s. %s; to check whether you have it: kubectl auth can-i %s %s %s",
		user, verb, resource, where, ask, verb, asked, flag)
}

// Told returns an error as a sentence; empty for nil.
func Told(err error) string {
	if err == nil {
		return ""
	}
	_, sentence := Explain(err)
	return sentence
}
