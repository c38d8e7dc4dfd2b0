// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/received"
	"queueworker.dev/queueworker/test/builders"
)

func TestFinals(t *testing.T) {
	tests := map[string]struct {
		message string
		want    *protocol.Final
		wantErr string
	}{
		"a last word": {
			message: `{"version":1,"counters":{"processed":3,"failed":2,"released":1,"jobMilliseconds":900,"exits":{"Drained":1}},"complete":true,"message":"Process 7 ended."}`,
			want: &protocol.Final{Version: 1, Complete: true, Message: "Process 7 ended.", Counters: protocol.Counters{
				Processed: 3, Failed: 2, Released: 1, JobMilliseconds: 900, Exits: map[protocol.ExitReason]int64{protocol.ExitDrained: 1},
			}},
		},
		"with space around":             {message: " {\"version\":1}\n", want: &protocol.Final{Version: 1}},
		"a reason of a newer agent":     {message: `{"version":1,"counters":{"exits":{"Bored":1,"MaxJobs":2}}}`, want: &protocol.Final{Version: 1, Counters: protocol.Counters{Exits: map[protocol.ExitReason]int64{protocol.ExitMaxJobs: 2}}}},
		"a message that paints":         {message: `{"version":1,"message":"\u001b[31mred\u001b[0m\nnext"}`, want: &protocol.Final{Version: 1, Message: "[31mred[0m next"}},
		"nothing":                       {message: " \n", wantErr: "the termination message is empty"},
		"the end of a log":              {message: "PHP Fatal error: out of memory", wantErr: "the termination message cannot be read: invalid character 'P' looking for beginning of value"},
		"cut off":                       {message: `{"version":1,"counters":{"proce`, wantErr: "the termination message cannot be read: unexpected EOF"},
		"two documents":                 {message: `{"version":1}{"version":1}`, wantErr: "the termination message cannot be read: something follows the JSON document"},
		"garbage behind":                {message: `{"version":1} x`, wantErr: "the termination message cannot be read: something follows the JSON document"},
		"null":                          {message: `null`, wantErr: "the termination message names no version: this is not a QueueWorker agent"},
		"a list":                        {message: `[]`, wantErr: "the termination message cannot be read: json: cannot unmarshal array into Go value of type protocol.Final"},
		"an unknown field":              {message: `{"version":1,"surprise":1}`, wantErr: `the termination message cannot be read: json: unknown field "surprise"`},
		"an unknown field that paints":  {message: `{"version":1,"\u001b[31m":1}`, wantErr: `the termination message cannot be read: json: unknown field "\x1b[31m"`},
		"no version":                    {message: `{"counters":{}}`, wantErr: "the termination message names no version: this is not a QueueWorker agent"},
		"a negative version":            {message: `{"version":-1}`, wantErr: "the termination message names no version: this is not a QueueWorker agent"},
		"a newer version":               {message: `{"version":99}`, wantErr: "the termination message has version 99, this operator understands up to 1: upgrade the operator"},
		"a newer version, other fields": {message: `{"version":99,"counters":[7]}`, wantErr: "the termination message has version 99, this operator understands up to 1: upgrade the operator"},
		"a negative count":              {message: `{"version":1,"counters":{"processed":-1}}`, wantErr: "the termination message has the impossible count processed -1"},
		"a huge count":                  {message: `{"version":1,"counters":{"failed":9000000000000000000}}`, wantErr: "the termination message has the impossible count failed 9000000000000000000"},
		"a negative exit count":         {message: `{"version":1,"counters":{"exits":{"MaxJobs":-2}}}`, wantErr: "the termination message has the impossible count of MaxJobs exits -2"},
		"a fraction":                    {message: `{"version":1,"counters":{"failed":0.5}}`, wantErr: "the termination message cannot be read: json: cannot unmarshal number 0.5 into Go struct field Counters.counters.failed of type int64"},
		"a number beyond all":           {message: `{"version":1,"counters":{"failed":1e400}}`, wantErr: "the termination message cannot be read: json: cannot unmarshal number 1e400 into Go struct field Counters.counters.failed of type int64"},
		"too long":                      {message: `{"version":1,"message":"` + strings.Repeat("x", 4096) + `"}`, wantErr: "the termination message is longer than 4096 bytes"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := ParseFinal(tc.message)
			if text := errorText(err); text != tc.wantErr {
				t.Fatalf("error %q, want %q", text, tc.wantErr)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("final (-want +got):\n%s", diff)
			}
		})
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestVersionErrors(t *testing.T) {
	// The oldest version is 1 so far, so no document can be too old yet.
	for version, want := range map[int]string{
		0:                      "names no version: this is not a QueueWorker agent",
		protocol.Version + 1:   fmt.Sprintf("has version %d, this operator understands up to %d: upgrade the operator", protocol.Version+1, protocol.Version),
		protocol.OldestVersion: fmt.Sprintf("has version %[1]d, this operator understands from %[1]d on: replace the pod so that it gets a current agent", protocol.OldestVersion),
		-123:                   "names no version: this is not a QueueWorker agent",
	} {
		if got := versionError(version).Error(); got != want {
			t.Errorf("version %d: %q, want %q", version, got, want)
		}
	}
}

func TestDocumentsOfTooManyElementsAreRefusedBeforeTheyAreBuilt(t *testing.T) {
	many := `{"version":1,"workers":[` + strings.Repeat("{},", 80000) + `{}]}`
	if len(many) > protocol.MaxStatusBytes {
		t.Fatalf("the document is longer than %d bytes", protocol.MaxStatusBytes)
	}
	var status protocol.Status
	allocated := testing.AllocsPerRun(1, func() {
		if err := Decode([]byte(many), &status, &status.Version); errorText(err) != "has more than 4096 elements" {
			t.Errorf("error %q", errorText(err))
		}
	})
	if allocated > 10 {
		t.Errorf("%v allocations to refuse a document", allocated)
	}
	commas := `{"version":1,"controlError":"` + strings.Repeat(`,\",\\`, 5000) + `"}`
	if err := Decode([]byte(commas), &status, &status.Version); err != nil {
		t.Errorf("commas within a string count as elements: %v", err)
	}
}

func TestTheLargestHonestStatusIsAccepted(t *testing.T) {
	document := encode(t, builders.LargestStatus("uid"))
	if len(document) > protocol.MaxStatusBytes {
		t.Fatalf("%d bytes, more than a status may have", len(document))
	}
	var status protocol.Status
	if err := Decode(document, &status, &status.Version); err != nil {
		t.Fatal(err)
	}
	if err := received.Status(&status); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(builders.LargestStatus("uid"), &status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
