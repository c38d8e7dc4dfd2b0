// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

func TestNobodyAtATerminalIsAsked(t *testing.T) {
	streams, _, _, said := genericiooptions.NewTestIOStreams()
	err := (&Confirmation{}).Ask(t.Context(), &Deps{Streams: streams}, []string{"Jobs are lost."})
	if code, sentence := Explain(err); code != CodeUsage || !strings.Contains(sentence, "--yes") || !strings.Contains(said.String(), "Jobs are lost.") {
		t.Errorf("code %d: %s; %s", code, sentence, said)
	}
	if err := (&Confirmation{Yes: true}).Ask(t.Context(), &Deps{Streams: streams}, []string{"Jobs are lost."}); err != nil {
		t.Errorf("with --yes: %v", err)
	}
}

// TestAQuestionEndsWithCtrlC: no answer is typed, and the program does not wait for one.
func TestAQuestionEndsWithCtrlC(t *testing.T) {
	in, never := io.Pipe()
	defer never.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if _, err := Typed(ctx, bufio.NewReader(in)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	lines := bufio.NewReader(strings.NewReader("shop:1 \nlast"))
	for _, want := range []string{"shop:1", "last"} {
		if got, _ := Typed(t.Context(), lines); got != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
}
