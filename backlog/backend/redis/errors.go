// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/backlog"
)

// refusal is a text in a server's error and its meaning.
type refusal struct {
	sign   string
	reason protocol.BacklogError
	// message has %[1]s for the server's address and %[2]s for the runtime.
	message string
}

// refusals are matched by the words of Redis and its relatives; the first match counts.
var refusals = []refusal{
	{"protected mode", protocol.BacklogDenied, "Redis at %[1]s is in protected mode and answers only clients on its own machine: give it a password (requirepass) and set REDIS_PASSWORD, or turn protected-mode off."},
	{"WRONGPASS", protocol.BacklogDenied, "Redis at %[1]s refused the user or the password: correct REDIS_USERNAME and REDIS_PASSWORD."},
	{"invalid password", protocol.BacklogDenied, "Redis at %[1]s refused the password: correct REDIS_PASSWORD."},
	{"without any password configured", protocol.BacklogDenied, "Redis at %[1]s has no password, and the settings give one: clear REDIS_PASSWORD, or set the server's requirepass."},
	{"NOAUTH", protocol.BacklogDenied, "Redis at %[1]s wants a password, and none is set: set REDIS_PASSWORD in the env of the worker container."},
	{"NOPERM", protocol.BacklogDenied, "Redis at %[1]s does not let this user count jobs: allow it EVAL, EVALSHA and the reading of lists and sorted sets, which workers need too."},
	{"can't run this command", protocol.BacklogDenied, "Redis at %[1]s does not let this user count jobs: allow it the reading of lists and sorted sets, which workers need too."},
	{"max number of clients", protocol.BacklogUnreachable, "Redis at %[1]s has as many clients as it allows (maxclients): raise that, or run fewer workers."},
	{"LOADING", protocol.BacklogUnreachable, "Redis at %[1]s is still loading its data."},
	{"MASTERDOWN", protocol.BacklogUnreachable, "Redis at %[1]s is a replica that has lost its primary."},
	{"CLUSTERDOWN", protocol.BacklogUnreachable, "The Redis cluster at %[1]s is down: some of its servers are missing."},
	{"BUSY", protocol.BacklogUnreachable, "Redis at %[1]s is busy with a script that does not end."},
	{"DB index is out of range", protocol.BacklogNotFound, "Redis at %[1]s has no database of that number: correct REDIS_DB or connection.redis.database of the QueueApp."},
	{"SELECT is not allowed", protocol.BacklogNotFound, "Redis at %[1]s has only the database 0: correct REDIS_DB or connection.redis.database of the QueueApp."},
	{"unknown command", protocol.BacklogUnreadable, "The server at %[1]s does not know a command that %[2]s's queues need: check that it is Redis or compatible with it."},
}

func (s *Server) refusal(text string) (*backlog.Error, bool) {
	for _, r := range refusals {
		if strings.Contains(text, r.sign) {
			return backlog.Errorf(r.reason, r.message, s.settings.Address, s.runtime), true
		}
	}
	return nil, false
}

// explain returns an Error that says why nothing could be measured.
func (s *Server) explain(ctx context.Context, err error) error {
	if problem := s.guard.Refusal(); problem != nil {
		return problem
	}
	if problem, ok := s.refusal(err.Error()); ok {
		return problem
	}
	if problem, ok := backlog.Unreachable(err, "Redis at "+s.settings.Address, "connection.redis.insecureSkipVerify of the QueueApp"); ok {
		// A server that rejects a client says so before the client asks anything, and
		// closes the connection. The library has asked by then and finds the connection
		// closed.
		if refused, found := s.refusal(s.greeting(ctx)); found && !s.settings.TLS {
			return refused
		}
		if s.settings.TLS && errors.Is(err, context.DeadlineExceeded) {
			return backlog.Errorf(protocol.BacklogUnreachable, "Redis at %s gave no answer in time: check that the server runs, that it speaks TLS on this port, and that a network policy lets the pods of the application reach it.", s.settings.Address)
		}
		return problem
	}
	return backlog.Errorf(protocol.BacklogUnreadable, "Redis at %s gave an answer that is not understood: %s.",
		s.settings.Address, s.settings.Secrets.Clean(err.Error()))
}

// greeting returns what the server sends to a new client: nothing, or why it rejects it.
func (s *Server) greeting(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
	defer cancel()
	connection, err := new(net.Dialer).DialContext(ctx, s.settings.Network, s.settings.Address)
	if err != nil {
		return ""
	}
	defer func() { _ = connection.Close() }()
	_ = connection.SetReadDeadline(time.Now().Add(300 * time.Millisecond))
	text := make([]byte, 512)
	n, _ := connection.Read(text) // usually ended by the deadline
	return string(text[:n])
}

// ofOneCall reports whether an error is about the keys of one call and not about the
// other calls: a key of another type, or a key that this user may not read.
func ofOneCall(err error) bool {
	text := err.Error()
	return serverSaid(err) && (WrongType(err) || strings.Contains(text, "NOSCRIPT") ||
		strings.Contains(text, "NOPERM") && strings.Contains(text, "keys"))
}

// WrongType reports whether a call found a key of another type than its script reads.
func WrongType(err error) bool { return strings.Contains(err.Error(), "WRONGTYPE") }

// Denied says that this user may not read keys that begin with the given text.
func (s *Server) Denied(keys string) *backlog.Error {
	return backlog.Errorf(protocol.BacklogDenied, "Redis at %s does not let this user read the keys %s*, which workers need too: allow it (ACL).", s.settings.Address, keys)
}

// NotUnderstood says that a reply is not what the script returns.
func (s *Server) NotUnderstood() *backlog.Error {
	return backlog.Errorf(protocol.BacklogUnreadable,
		"The server at %s answered a script with something that is not understood: check that it is Redis or compatible with it.", s.settings.Address)
}

// forbidden reports whether the server knows the client but does not permit the command.
func forbidden(err error) bool {
	return err != nil && serverSaid(err) && (strings.Contains(err.Error(), "NOPERM") || strings.Contains(err.Error(), "unknown command"))
}

// serverSaid reports whether err is a server's answer and not a failed connection.
func serverSaid(err error) bool {
	var said redis.Error
	return errors.As(err, &said)
}
