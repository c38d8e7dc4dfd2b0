// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"testing"

	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/plugin/cli"
)

func TestDoctorEndsWithWhatFailed(t *testing.T) {
	findings := []doctor.Finding{{Level: doctor.Wrong}, {Level: doctor.Warning}, {Level: doctor.Fine}}
	if code, sentence := cli.Explain(verdict(findings)); code != cli.CodeFailed || sentence != "1 of 3 checks failed" {
		t.Errorf("code %d: %s", code, sentence)
	}
	if err := verdict(findings[1:]); err != nil {
		t.Errorf("a warning alone: %v", err)
	}
}
