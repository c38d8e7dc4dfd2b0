// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/x509"
	"encoding/pem"
	"slices"
	"testing"
	"time"
)

func parseCertificate(t *testing.T, p pair) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode(p.certificate)
	if block == nil {
		t.Fatal("no PEM block in the certificate")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestCertificatesServeTheirNamesAndNoOthers(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ca, caPair, err := newAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parseCertificate(t, caPair))
	issued, err := ca.issue(serverIdentities["kube-apiserver"], now)
	if err != nil {
		t.Fatal(err)
	}
	certificate := parseCertificate(t, issued)
	for name, want := range map[string]bool{
		nodeAddress: true, apiServiceIP: true, "127.0.0.1": true, "kubernetes.default.svc": true,
		"192.0.2.1": false, "kubernetes.other.svc": false,
	} {
		_, err := certificate.Verify(x509.VerifyOptions{DNSName: name, Roots: roots, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
		if (err == nil) != want {
			t.Errorf("the apiserver's certificate for %s: %v; want accepted %v", name, err, want)
		}
	}
}

func TestClientCertificatesAreNoServers(t *testing.T) {
	now := time.Now()
	ca, _, err := newAuthority(now)
	if err != nil {
		t.Fatal(err)
	}
	for component, id := range kubeconfigIdentities {
		issued, err := ca.issue(id, now)
		if err != nil {
			t.Fatal(err)
		}
		certificate := parseCertificate(t, issued)
		if slices.Contains(certificate.ExtKeyUsage, x509.ExtKeyUsageServerAuth) {
			t.Errorf("the client certificate of %s could serve", component)
		}
		if certificate.Subject.CommonName != id.name || !slices.Equal(certificate.Subject.Organization, id.groups) {
			t.Errorf("%s is %v; want user %s in groups %v", component, certificate.Subject, id.name, id.groups)
		}
	}
}
