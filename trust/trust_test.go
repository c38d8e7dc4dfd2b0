// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// write writes a key to a file as openssl does.
func write(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAKeyInAFileStaysTheSame(t *testing.T) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	path := write(t, key)
	first, kept, err := IdentityFrom(path)
	if err != nil || !kept {
		t.Fatalf("kept: %t, %v", kept, err)
	}
	second, _, err := IdentityFrom(path)
	if err != nil || first.Pin() != second.Pin() || len(first.Pin()) != 64 {
		t.Errorf("the pins are %s and %s, %v", first.Pin(), second.Pin(), err)
	}
	drawn, kept, err := IdentityFrom(filepath.Join(t.TempDir(), "none"))
	if err != nil || kept || drawn.Pin() == first.Pin() {
		t.Errorf("without a file: %s, kept: %t, %v", drawn.Pin(), kept, err)
	}
}

func TestAFileThatHoldsNoKeyIsRefused(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{"text": text, "another kind of key": write(t, other), "a folder": t.TempDir()} {
		if _, _, err := IdentityFrom(path); err == nil || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPinsInAFile(t *testing.T) {
	pin := strings.Repeat("ab", 32)
	for name, tc := range map[string]struct {
		content string
		want    bool
	}{
		"one":                 {pin, true},
		"one of several":      {"00\n" + pin + "\n11", true},
		"another":             {strings.Repeat("ac", 32), false},
		"part of one":         {pin[:63], false},
		"more than one":       {pin + "00", false},
		"none":                {"", false},
		"beyond what is read": {strings.Repeat(" ", maxPins) + pin, false},
	} {
		path := filepath.Join(t.TempDir(), "pins")
		if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := inFile(path, pin); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
	if inFile("/no/such/file", pin) {
		t.Error("a file that is not there holds a pin")
	}
}

// TestEveryConnectionIsProvenAnew includes a client that would resume a session, and
// checks that the pin is read each time.
func TestEveryConnectionIsProvenAnew(t *testing.T) {
	identity, err := NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	pins := filepath.Join(t.TempDir(), "pins")
	know := func(pin string) {
		if err := os.WriteFile(pins, []byte(pin), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	know(identity.Pin())
	var resumed, known bool
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		resumed, known = r.TLS.DidResume, byOperator(pins)(r)
	}))
	if server.TLS, err = ServerConfig(); err != nil {
		t.Fatal(err)
	}
	server.StartTLS()
	defer server.Close()
	config := identity.ClientConfig()
	config.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
	for i, want := range []struct{ resumed, known bool }{{false, true}, {false, true}, {false, false}} {
		if i == 2 {
			know(strings.Repeat("00", 32))
		}
		response, err := client.Get(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if resumed != want.resumed || known != want.known {
			t.Errorf("connection %d: resumed: %t, known: %t; want %+v", i, resumed, known, want)
		}
	}
}

// TestNothingOlderThanTLS13IsSpoken matters because older versions send certificates in
// the clear and a session need not have its own secret.
func TestNothingOlderThanTLS13IsSpoken(t *testing.T) {
	config, err := ServerConfig()
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	go func() { _ = tls.Server(ours, config).Handshake(); _ = ours.Close() }()
	err = tls.Client(theirs, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}).Handshake() //nolint:gosec // it is what is refused
	if err == nil {
		t.Error("TLS 1.2 was spoken")
	}
}
