// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"
)

// startPatience is how long one component may take to answer; a machine with two busy cores
// needs a tenth of it. statusPatience is for a question on whose answer a user waits.
const (
	startPatience  = 2 * time.Minute
	statusPatience = 15 * time.Second
)

// waitFor polls until the condition holds. It gives up at the deadline, and at once if a
// required component has ended.
func waitFor(l layout, what string, patience time.Duration, needs []string, condition func() error) error {
	deadline := time.Now().Add(patience)
	for {
		err := condition()
		if err == nil {
			return nil
		}
		for _, name := range needs {
			if !running(l, name) {
				return fmt.Errorf("%s has ended while waiting until %s; the end of its log %s:\n%s", name, what, l.logFile(name), logTail(l, name))
			}
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("waited %s in vain until %s: %w; logs are in %s", patience, what, err, l.logFile("*"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// logTail returns the last ten lines of a component's log.
func logTail(l layout, name string) string {
	text, err := os.ReadFile(l.logFile(name))
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-10):], "\n")
}

// dnsAnswers asks CoreDNS for the one Service that every cluster has.
func dnsAnswers() error {
	resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", nodeAddress+":53")
	}}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	addresses, err := resolver.LookupHost(ctx, "kubernetes.default.svc."+clusterDomain+".")
	if err != nil {
		return err
	}
	if !slices.Contains(addresses, apiServiceIP) {
		return fmt.Errorf("CoreDNS answers %v for the kubernetes Service, not %s", addresses, apiServiceIP)
	}
	return nil
}

// serviceAnswers connects to the apiserver by its Service address, which works only after
// kube-proxy has written its rules.
func serviceAnswers() error {
	connection, err := net.DialTimeout("tcp", net.JoinHostPort(apiServiceIP, "443"), time.Second)
	if err != nil {
		return err
	}
	return connection.Close()
}

// socketAnswers returns nil if a process listens on the Unix socket.
func socketAnswers(path string) error {
	connection, err := net.Dial("unix", path)
	if err != nil {
		return err
	}
	return connection.Close()
}

// inParallel runs the functions at once and joins their errors.
func inParallel(functions ...func() error) error {
	results := make(chan error, len(functions))
	for _, f := range functions {
		go func() { results <- f() }()
	}
	failures := make([]error, len(functions))
	for i := range failures {
		failures[i] = <-results
	}
	return errors.Join(failures...)
}
