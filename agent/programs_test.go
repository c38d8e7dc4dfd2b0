// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent

import (
	"testing"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
)

func TestEveryRuntimeHasAProgram(t *testing.T) {
	for _, name := range runtimes.Names() {
		program, known := programs[name]
		if !known || program.open == nil || program.check == nil || program.worker.Unasked == "" {
			t.Errorf("the program of %s is not complete: %+v", name, program)
			continue
		}
		if program.open(protocol.Config{Runtime: string(name)}, t.Logf) == nil {
			t.Errorf("%s opens no program", name)
		}
		for _, action := range runtimes.Of(name).Actions {
			command := protocol.Command{Action: action, IDs: []string{"7"}, Worker: protocol.Config{Command: []string{"/bin/true"}}}
			if program.oneOff == nil || len(program.oneOff(command).Steps) == 0 {
				t.Errorf("%s has the action %s and no steps for it", name, action)
			}
		}
	}
}
