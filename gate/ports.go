// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package gate

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// Addresses are where an agent or a probe serves the public, the kubelet and the
// operator.
type Addresses struct{ Public, Health, Operator string }

// Budgets are the limits of the three ports.
type Budgets struct{ Public, Health, Operator Limits }

// Ports are the open ports of an agent or a probe.
type Ports struct{ Public, Health, Operator net.Listener }

// Open opens the three ports, the operator's with TLS. If it fails, no port stays open.
func Open(at Addresses, budgets Budgets, secure *tls.Config) (*Ports, error) {
	ports := &Ports{}
	for _, port := range []struct {
		listener *net.Listener
		address  string
		limits   Limits
	}{{&ports.Public, at.Public, budgets.Public}, {&ports.Health, at.Health, budgets.Health}, {&ports.Operator, at.Operator, budgets.Operator}} {
		listener, err := Listen(port.address, port.limits)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("serve on %s: %w", port.address, err), ports.Close())
		}
		*port.listener = listener
	}
	ports.Operator = tls.NewListener(ports.Operator, secure)
	return ports, nil
}

// Close closes the ports that are open.
func (p *Ports) Close() error {
	var failures []error
	for _, listener := range []net.Listener{p.Public, p.Health, p.Operator} {
		if listener != nil {
			failures = append(failures, listener.Close())
		}
	}
	return errors.Join(failures...)
}

// Servers are the servers of the three ports.
type Servers struct{ Public, Health, Operator *http.Server }

// Serve starts the servers. It calls ended with the reason when a server has ended.
func (s *Servers) Serve(ports *Ports, ended func(error)) {
	for server, listener := range map[*http.Server]net.Listener{s.Public: ports.Public, s.Health: ports.Health, s.Operator: ports.Operator} {
		go func() { ended(server.Serve(listener)) }()
	}
}

// All returns the servers.
func (s *Servers) All() []*http.Server { return []*http.Server{s.Public, s.Health, s.Operator} }
