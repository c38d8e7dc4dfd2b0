// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

func TestTheOperatorMeansOneServer(t *testing.T) {
	const header = "Meant"
	operator, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	pins := filepath.Join(t.TempDir(), "pins")
	if err := os.WriteFile(pins, []byte(operator.Pin()), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		identity *Identity
		meant    []string
		own      string
		want     bool
	}{
		"this server":                   {operator, []string{"a"}, "a", true},
		"another":                       {operator, []string{"b"}, "a", false},
		"none":                          {operator, nil, "a", false},
		"an empty name":                 {operator, []string{""}, "a", false},
		"both":                          {operator, []string{"a", "b"}, "a", false},
		"a list":                        {operator, []string{"a, b"}, "a", false},
		"a server without a name":       {operator, []string{""}, "", false},
		"no name of a nameless server":  {operator, nil, "", false},
		"a stranger, this server":       {stranger, []string{"a"}, "a", false},
		"nobody in the clear, this one": {nil, []string{"a"}, "a", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header[header] = tc.meant
		if tc.identity != nil {
			r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{tc.identity.certificate.Leaf}}
		}
		if got := ByOperatorFor(pins, header, tc.own)(r); got != tc.want {
			t.Errorf("%s: %t, want %t", name, got, tc.want)
		}
	}
}
