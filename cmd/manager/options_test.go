// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"flag"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/log/zap"
)

// TestTheLogLevelIsAFlag: V(1) lines are written with --zap-log-level=debug alone.
func TestTheLogLevelIsAFlag(t *testing.T) {
	for level, want := range map[string]string{"": "info", "info": "info", "error": "", "debug": "info V(1)", "1": "info V(1)", "2": "info V(1) V(2)"} {
		t.Run(level, func(t *testing.T) {
			arguments := []string{"--agent-image=agent:1", "--backlog-image=backlog:1"}
			if level != "" {
				arguments = append(arguments, "--zap-log-level="+level)
			}
			o, err := parse(flag.NewFlagSet("manager", flag.ContinueOnError), arguments)
			if err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			log := zap.New(zap.UseFlagOptions(&o.log), zap.WriteTo(&out))
			log.Info("info")
			log.V(1).Info("V(1)")
			log.V(2).Info("V(2)")
			var got []string
			for _, message := range []string{"info", "V(1)", "V(2)"} {
				if strings.Contains(out.String(), `"msg":"`+message+`"`) {
					got = append(got, message)
				}
			}
			if strings.Join(got, " ") != want {
				t.Errorf("written are %q, want %q:\n%s", got, want, out.String())
			}
		})
	}
}
