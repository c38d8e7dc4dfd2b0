// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package tables

import "testing"

func TestTimeoutOf(t *testing.T) {
	for payload, want := range map[string]int64{
		`{"timeout":120,"data":{"timeout":9}}`: 120,
		`{"timeout":2.9}`:                      2,
		`{"timeout":null}`:                     0,
		`{"timeout":"60"}`:                     0,
		`{"timeout":-1}`:                       0,
		`{"timeout":0}`:                        0,
		`{"timeout":1e300}`:                    0,
		`{"data":{"timeout":9}}`:               0,
		`[1]`:                                  0,
		"":                                     0,
		"{":                                    0,
	} {
		if got, ok := timeoutOf([]byte(payload)); got != want || ok != (want > 0) {
			t.Errorf("timeoutOf(%s) = %d, %v; want %d", payload, got, ok, want)
		}
	}
}

func FuzzTimeoutOf(f *testing.F) {
	f.Add([]byte(`{"timeout":120,"data":{"command":"O:16:"}}`))
	f.Add([]byte(`{"timeout":1e400}`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if seconds, ok := timeoutOf(payload); ok && (seconds < 1 || seconds > 1<<31) || !ok && seconds != 0 {
			t.Errorf("%d, %v", seconds, ok)
		}
	})
}
