// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redis

import (
	"context"
	"crypto/sha1" // Redis names scripts by their SHA-1
	"encoding/hex"
	"strings"

	"github.com/redis/go-redis/v9"
)

// maxBatch is the number of scripts sent in one round trip. It bounds the memory that the
// server and the probe need.
const maxBatch = 1000

// Script is a Lua script that runs in the server. It only reads, and in a cluster all
// keys of one call must be on one server.
type Script struct{ text, name string }

// NewScript returns the script with this text.
func NewScript(text string) Script {
	sum := sha1.Sum([]byte(text)) // Redis names scripts by their SHA-1
	return Script{text: text, name: hex.EncodeToString(sum[:])}
}

// Call is one run of a script.
type Call struct {
	Keys      []string
	Arguments []any
	command   *redis.Cmd
}

// Reply returns the answer to a call that Run has made. An error is about the keys of this
// call: see WrongType and Server.Denied.
func (c *Call) Reply() (any, error) { return c.command.Result() }

// Run makes the calls of a script, and stores each reply in its call. All calls are sent
// together, with one more round trip for every further maxBatch. An error is a
// *backlog.Error and means that there is no reply.
func (s *Server) Run(ctx context.Context, script Script, calls []*Call) error {
	for start := 0; start < len(calls); start += maxBatch {
		if err := s.batch(ctx, script, calls[start:min(start+maxBatch, len(calls))]); err != nil {
			s.version = "" // another server may answer next
			return s.explain(ctx, err)
		}
	}
	return nil
}

// batch makes calls in one round trip. The first carries the script's text, so that the
// server knows its name for the rest. In a cluster every call carries it, because they go
// to different servers.
func (s *Server) batch(ctx context.Context, script Script, calls []*Call) error {
	if err := s.send(ctx, script, calls, s.cluster); err != nil {
		return err
	}
	for _, call := range calls {
		if err := call.command.Err(); err != nil && strings.Contains(err.Error(), "NOSCRIPT") {
			return s.send(ctx, script, calls, true) // the first was refused before the server kept its text
		}
	}
	return nil
}

func (s *Server) send(ctx context.Context, script Script, calls []*Call, inFull bool) error {
	_, err := s.client.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for i, call := range calls {
			if inFull || i == 0 {
				call.command = pipe.Eval(ctx, script.text, call.Keys, call.Arguments...)
			} else {
				call.command = pipe.EvalSha(ctx, script.name, call.Keys, call.Arguments...)
			}
		}
		return nil
	})
	if err != nil && !ofOneCall(err) {
		return err
	}
	for _, call := range calls {
		if err := call.command.Err(); err != nil && !ofOneCall(err) {
			return err
		}
	}
	return nil
}
