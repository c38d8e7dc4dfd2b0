// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakes

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/trust"
)

// addresses numbers loopback addresses. It begins at a random number, so that test
// processes on one machine seldom collide, and skips addresses in use.
var addresses = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(rand.Uint32N(200 << 16))
	return &n
}()

// listen opens a port on an unused loopback address.
func listen(port int) (net.Listener, string, error) {
	for range 100 {
		n := addresses.Add(1)
		ip := net.IPv4(127, byte(20+(n>>16)%200), byte(n>>8), byte(n)).String()
		listener, err := net.Listen("tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
		if err == nil {
			return listener, ip, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, "", fmt.Errorf("listen for a fake agent: %w", err)
		}
	}
	return nil, "", errors.New("no loopback address is free for a fake agent")
}

// server serves the operator as the pod's spec says: by TLS to an operator whose key is
// known, or by plain HTTP, as older pods do.
type server struct {
	http *http.Server
	ip   string
}

func isSecure(pod *corev1.Pod) bool {
	return slices.ContainsFunc(workerContainer(pod).Ports, func(port corev1.ContainerPort) bool { return port.Name == protocol.OperatorPortName })
}

// serve starts a server for a pod's handler.
func serve(pod *corev1.Pod, handler http.Handler) (*server, error) {
	s := &server{http: &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}}
	port := protocol.Port
	if isSecure(pod) {
		port = protocol.OperatorPort
	}
	listener, ip, err := listen(port)
	if err != nil {
		return nil, err
	}
	s.ip = ip
	if isSecure(pod) {
		config, err := trust.ServerConfig()
		if err != nil {
			return nil, err
		}
		listener = tls.NewListener(listener, config)
	}
	go func() { _ = s.http.Serve(listener) }()
	return s, nil
}

func (s *server) close() { _ = s.http.Close() }

// knownOperator reports whether a request comes from an operator with one of the pins and
// is for the pod with the UID.
func knownOperator(request *http.Request, pins, uid string) bool {
	return request.Header.Get(protocol.PodUIDHeader) == uid && request.TLS != nil && len(request.TLS.PeerCertificates) > 0 &&
		slices.Contains(strings.Fields(pins), trust.Pin(request.TLS.PeerCertificates[0]))
}
