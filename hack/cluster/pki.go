// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// validity is long, because certificates are never renewed and the cluster is discarded
// instead.
const validity = 10 * 365 * 24 * time.Hour

// An authority signs every certificate of one cluster.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

// A pair is a certificate and its key, both PEM.
type pair struct{ certificate, key []byte }

// An identity is what a certificate says about its holder. Servers have addresses.
// Clients are a Kubernetes user (name) in groups.
type identity struct {
	name      string
	groups    []string
	addresses []string
}

func newAuthority(now time.Time) (authority, pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return authority{}, pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "queueworker-cluster"},
		NotBefore:             now.Add(-time.Hour),
		NotAfter:              now.Add(validity),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return authority{}, pair{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return authority{}, pair{}, err
	}
	p, err := encodePair(der, key)
	return authority{certificate: certificate, key: key, pem: p.certificate}, p, err
}

// issue signs a certificate for both ends of a connection, because etcd uses one
// certificate as server, peer and client.
func (a authority) issue(id identity, now time.Time) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: id.name, Organization: id.groups},
		NotBefore:    now.Add(-time.Hour),
		NotAfter:     now.Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, address := range id.addresses {
		if ip := net.ParseIP(address); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, address)
		}
	}
	if len(id.addresses) > 0 {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		return pair{}, err
	}
	return encodePair(der, key)
}

func encodePair(der []byte, key *ecdsa.PrivateKey) (pair, error) {
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return pair{}, err
	}
	return pair{
		certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		key:         pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

// serverIdentities are servers and node-to-node clients, by the file name of their
// certificate.
var serverIdentities = map[string]identity{
	"etcd": {name: "etcd", addresses: []string{"localhost", "127.0.0.1"}},
	"kube-apiserver": {name: "kube-apiserver", addresses: []string{
		"localhost", "127.0.0.1", nodeAddress, apiServiceIP, nodeName,
		"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + clusterDomain,
	}},
	"kubelet-serving":           {name: "system:node:" + nodeName, groups: []string{"system:nodes"}, addresses: []string{nodeName, nodeAddress}},
	"apiserver-etcd-client":     {name: "kube-apiserver-etcd-client"},
	"apiserver-kubelet-client":  {name: "kube-apiserver-kubelet-client"},
	"service-account-signature": {name: "service-accounts"},
}

// kubeconfigIdentities are the users of the apiserver, by component.
var kubeconfigIdentities = map[string]identity{
	"admin":                   {name: "admin", groups: []string{"system:masters"}},
	"kube-controller-manager": {name: "system:kube-controller-manager"},
	"kube-scheduler":          {name: "system:kube-scheduler"},
	"kube-proxy":              {name: "system:kube-proxy"},
	"kubelet":                 {name: "system:node:" + nodeName, groups: []string{"system:nodes"}},
	"coredns":                 {name: "system:coredns"},
}

// writePKI creates the authority, every certificate and every kubeconfig.
func writePKI(l layout, now time.Time) error {
	ca, caPair, err := newAuthority(now)
	if err != nil {
		return fmt.Errorf("create the certificate authority: %w", err)
	}
	if err := writePair(filepath.Join(l.pki(), "ca"), caPair); err != nil {
		return err
	}
	for file, id := range serverIdentities {
		p, err := ca.issue(id, now)
		if err != nil {
			return fmt.Errorf("issue the certificate of %s: %w", id.name, err)
		}
		if err := writePair(filepath.Join(l.pki(), file), p); err != nil {
			return err
		}
	}
	for component, id := range kubeconfigIdentities {
		p, err := ca.issue(id, now)
		if err != nil {
			return fmt.Errorf("issue the certificate of %s: %w", id.name, err)
		}
		if err := os.WriteFile(l.kubeconfigOf(component), renderKubeconfig(ca.pem, id.name, p), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func writePair(base string, p pair) error {
	if err := os.WriteFile(base+".crt", p.certificate, 0o644); err != nil {
		return err
	}
	return os.WriteFile(base+".key", p.key, 0o600)
}
