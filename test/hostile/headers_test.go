// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestHeldHeadersDoNotFillTheOperator sends headers of 1 MB that never end to the ports of
// the operator's health and metrics, from 48 connections of each of five addresses.
func TestHeldHeadersDoNotFillTheOperator(t *testing.T) {
	header := "GET /healthz HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("a", 1_000_000)
	endless := func(_ context.Context, c net.Conn) {
		_, _ = fmt.Fprint(c, header)
		_, _ = io.Copy(io.Discard, c)
	}
	encrypted := func(ctx context.Context, c net.Conn) {
		endless(ctx, tls.Client(c, &tls.Config{InsecureSkipVerify: true})) //nolint:gosec // an attacker does not care whom it attacks
	}
	o := startOperator(t)
	o.answers(t)
	for name, attack := range map[string]struct {
		address string
		how     manner
	}{"health": {o.health, endless}, "metrics": {o.metrics, encrypted}} {
		t.Run(name, func(t *testing.T) {
			ip, text, err := net.SplitHostPort(attack.address)
			if err != nil {
				t.Fatal(err)
			}
			port, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), lasting(10*time.Second, 2*time.Minute))
			defer cancel()
			asked, failed := 0, 0
			watched := make(chan struct{})
			go func() {
				defer close(watched)
				_ = every(time.Second, func(ctx context.Context) error {
					asked++
					if err := o.ready(ctx); err != nil && ctx.Err() == nil {
						failed++
					}
					return nil
				})(ctx)
			}()
			opened := besiege(ctx, ip, []int{port}, attack.how)
			<-watched
			t.Logf("%d connections opened; %d of %d questions of the kubelet failed", opened, failed, asked)
			if asked == 0 || failed > 0 {
				t.Errorf("%d of %d questions of the kubelet failed", failed, asked)
			}
			o.survives(t, mostForeign)
		})
	}
}
