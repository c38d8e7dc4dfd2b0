// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backlog

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"queueworker.dev/queueworker/api/protocol"
)

// Error says why a backend, or one queue of it, could not be read. It wraps no other
// error, because the text of a library or a server may hold a secret. Only text that was
// written or cleaned here is passed on.
type Error struct {
	Reason protocol.BacklogError
	// Message is a sentence with the cause and what to do about it.
	Message string
}

func (e *Error) Error() string { return e.Message }

// Errorf returns an Error. No argument may hold a secret; see Secrets.
func Errorf(reason protocol.BacklogError, format string, arguments ...any) *Error {
	return &Error{Reason: reason, Message: fmt.Sprintf(format, arguments...)}
}

// AsError returns err as an Error. An error of another kind becomes BacklogUnreadable,
// and its text is cleaned first.
func AsError(err error, secrets Secrets) *Error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	return Errorf(protocol.BacklogUnreadable, "The backend gave an answer that is not understood: %s.", secrets.Clean(err.Error()))
}

// Unreachable says why there is no connection to the server at address, if that is the cause
// of err. allowAny names the setting that accepts any certificate; empty if there is none.
func Unreachable(err error, address, allowAny string) (*Error, bool) {
	if problem, ok := certificateProblem(err, address, allowAny); ok {
		return problem, true
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok {
		if name.IsNotFound {
			return unreachable("There is no host of the name in %s: correct the host, or the Service it names.", address), true
		}
		return unreachable("The name in %s could not be looked up: the name server gave no answer.", address), true
	}
	if timedOut(err) {
		return noAnswer(address), true
	}
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		return unreachable("%s cannot be reached: %s. Check host and port, and that the server runs.", address, cause(operation)), true
	}
	if broken(err) {
		return unreachable("The connection to %s broke: check that the server runs, and whether it wants TLS.", address), true
	}
	return nil, false
}

// unreachable capitalizes the sentence, which may begin with the name of the server.
func unreachable(format string, arguments ...any) *Error {
	return &Error{Reason: protocol.BacklogUnreachable, Message: capital(fmt.Sprintf(format, arguments...))}
}

func noAnswer(address string) *Error {
	return unreachable("%s gave no answer in time: check that the server runs and that a network policy lets the pods of the application reach it.", address)
}

func capital(sentence string) string { return strings.ToUpper(sentence[:1]) + sentence[1:] }

// cause returns the last part of a network error, such as "connection refused". That part
// names neither an address that was looked up nor anything that was sent.
func cause(operation *net.OpError) string {
	if system, ok := errors.AsType[*os.SyscallError](operation.Err); ok {
		return system.Err.Error()
	}
	if _, ok := errors.AsType[*net.AddrError](operation.Err); ok {
		return "the address makes no sense"
	}
	return "the " + operation.Op + " failed"
}

func timedOut(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.Is(err, os.ErrDeadlineExceeded) {
		return true
	}
	network, ok := errors.AsType[net.Error](err)
	return ok && network.Timeout()
}

func certificateProblem(err error, address, allowAny string) (*Error, bool) {
	hint := ""
	if allowAny != "" {
		hint = ", or accept any certificate with " + allowAny
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return unreachable("The certificate of %s is signed by an authority that is not known: mount its certificate and name the file in SSL_CERT_FILE of the container%s.", address, hint), true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return unreachable("The certificate of %s is for another name: use a name that is in it%s.", address, hint), true
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return unreachable("The certificate of %s has expired or is not valid yet: renew it.", address), true
		}
		return unreachable("The certificate of %s cannot be used: replace it%s.", address, hint), true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return unreachable("%s does not speak TLS, which the settings ask for: leave TLS out, or use the server's TLS port.", address), true
	}
	if _, ok := errors.AsType[tls.AlertError](err); ok {
		return unreachable("%s refused to speak TLS with the probe: check whether it wants a certificate of its clients.", address), true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return unreachable("The certificate of %s could not be verified: replace it%s.", address, hint), true
	}
	return nil, false
}

func broken(err error) bool {
	for _, sign := range []string{"EOF", "broken pipe", "connection reset", "use of closed network connection", "bad connection", "invalid connection"} {
		if strings.Contains(err.Error(), sign) {
			return true
		}
	}
	return false
}
