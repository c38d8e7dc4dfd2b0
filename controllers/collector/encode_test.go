// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"encoding/json"
	"testing"
)

func encode(t testing.TB, document any) []byte {
	t.Helper()
	data, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
