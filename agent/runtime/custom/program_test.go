// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package custom_test

import (
	"slices"
	"testing"
	"time"

	"queueworker.dev/queueworker/agent/dialect"
	"queueworker.dev/queueworker/agent/runtime/custom"
	"queueworker.dev/queueworker/agent/supervisor"
	"queueworker.dev/queueworker/api/protocol"
)

func TestTheUsersCommandIsTheProgram(t *testing.T) {
	config := protocol.Config{Command: []string{"worker", "--queue=mail"}}
	program := custom.New(config)
	if got := program.Command(time.Hour); !slices.Equal(got, config.Command) {
		t.Errorf("the command is %q", got)
	}
	if err := custom.Check(config); err != nil {
		t.Errorf("a command is refused: %v", err)
	}
	if err := custom.Check(protocol.Config{}); err == nil {
		t.Error("no command is accepted")
	}
}

func TestPatternsDecideWhatIsRead(t *testing.T) {
	if reading := custom.New(protocol.Config{}).Reading(); reading.Parser != nil {
		t.Errorf("without patterns it reads %+v", reading)
	}
	for started, concurrent := range map[string]bool{`^start (?P<id>\d+)`: true, `^start`: false} {
		reading := custom.New(protocol.Config{Patterns: &protocol.Patterns{Started: started}}).Reading()
		var event dialect.Event
		if !reading.BothStreams || reading.Concurrent != concurrent || !reading.Parser.Parse([]byte("start 7"), &event) || event.Kind != dialect.Started {
			t.Errorf("%s: it reads %+v and found %+v", started, reading, event)
		}
	}
}

func TestExitCodesOfAProgramAreItsOwnBusiness(t *testing.T) {
	ending := supervisor.Ending{Settings: supervisor.Settings{Worker: custom.Worker, MemoryBytes: 1 << 20}, Code: 12, Uptime: time.Hour}
	if got := supervisor.Classify(ending); got.Reason != protocol.ExitCrashed {
		t.Errorf("exit code 12 is %+v", got)
	}
	if custom.Worker.Insist {
		t.Error("SIGTERM is repeated for a program that may not expect it")
	}
}
