// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scraping

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"
)

func TestTheOwnCertificateNamesTheService(t *testing.T) {
	clock := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	own := NewSelfSigned("queueworker-metrics.queueworker-system.svc", clock)
	get := func() *x509.Certificate {
		t.Helper()
		certificate, err := own.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return certificate.Leaf
	}
	first := get()
	for _, name := range []string{
		"queueworker-metrics.queueworker-system.svc", "queueworker-metrics.queueworker-system", "queueworker-metrics.queueworker-system.svc.cluster.local",
	} {
		if err := first.VerifyHostname(name); err != nil {
			t.Error(err)
		}
	}
	if first.Subject.CommonName != "queueworker-metrics.queueworker-system.svc" {
		t.Errorf("the common name is %q", first.Subject.CommonName)
	}
	clock.SetTime(first.NotAfter.Add(-31 * 24 * time.Hour))
	if !get().Equal(first) {
		t.Error("the certificate was replaced a month and a day before its end")
	}
	clock.SetTime(first.NotAfter.Add(-29 * 24 * time.Hour))
	if second := get(); second.Equal(first) || !second.NotAfter.After(first.NotAfter) {
		t.Error("the certificate was not replaced in its last month")
	}
}

func TestAMissingCertificateIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, _, err := (Serving{CertDir: dir}).certificate(); err == nil || !strings.Contains(err.Error(), "must hold tls.crt and tls.key") {
		t.Errorf("an empty folder: %v", err)
	}
	for _, name := range []string{"tls.crt", "tls.key"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("no PEM"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := (Serving{CertDir: dir}).certificate(); err == nil || !strings.Contains(err.Error(), "--metrics-cert-dir") {
		t.Errorf("no certificate in the files: %v", err)
	}
}
