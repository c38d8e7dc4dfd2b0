// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync"
	"syscall"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/received"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/controllers/workqueue"
	"queueworker.dev/queueworker/trust"
)

// idleTimeout is how long an unused connection stays open: a few intervals.
const idleTimeout = 20 * time.Second

// maxPooledBytes is the largest buffer kept for the next answer.
const maxPooledBytes = 32 << 10

// puller asks one agent for its status.
type puller struct {
	transport http.RoundTripper
	timeout   time.Duration
	budget    *workqueue.Budget
	buffers   sync.Pool
}

// question is one pull.
type question struct {
	// namespace is the namespace that pays for the exchange.
	namespace string
	uid       types.UID
	address   string
	// secure: the pull uses TLS.
	secure bool
	// once: the connection is not kept open.
	once bool
}

// newTransport returns a transport for requests to pods. Requests go through its
// RoundTrip, so nothing follows redirects or keeps cookies.
func newTransport(timeout time.Duration, identity *trust.Identity) *http.Transport {
	dialer := &net.Dialer{Timeout: timeout, KeepAlive: -1}
	transport := &http.Transport{
		Proxy:                  nil,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    timeout,
		DisableCompression:     true, // a small answer could unpack to a large one
		MaxIdleConns:           maxKept + maxKept/10,
		MaxIdleConnsPerHost:    1,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: 16 << 10,
		WriteBufferSize:        1 << 10,
		ReadBufferSize:         4 << 10,
	}
	if identity != nil {
		transport.DialTLSContext = identity.Dialer(dialer.DialContext, timeout)
	}
	return transport
}

// pull returns the checked status of a pod, or a sentence that says why there is none.
// Sentences contain nothing that changes from one try to the next, such as the operator's
// own port, because they end up in the status.
func (p *puller) pull(ctx context.Context, q question) (status *protocol.Status, failure string) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	buffer, _ := p.buffers.Get().(*bytes.Buffer)
	if buffer == nil {
		buffer = new(bytes.Buffer)
	}
	defer func() {
		if buffer.Cap() <= maxPooledBytes {
			buffer.Reset()
			p.buffers.Put(buffer)
		}
	}()
	if err := p.ask(ctx, q, buffer); err != nil {
		return nil, p.explain(err, q.address)
	}
	p.budget.Spend(q.namespace, func() { status, failure = readStatus(q, buffer.Bytes()) })
	return status, failure
}

// readStatus decodes and checks a status document.
func readStatus(q question, document []byte) (*protocol.Status, string) {
	status := &protocol.Status{}
	err := telemetry.Decode(document, status, &status.Version)
	if err == nil && status.PodUID != string(q.uid) {
		return nil, fmt.Sprintf("Another pod answers at %s: the address has passed to it, or the agent does not know its own UID.", q.address)
	}
	if err == nil {
		err = received.Status(status)
	}
	if err != nil {
		return nil, fmt.Sprintf("The status document of the agent at %s %s.", q.address, err)
	}
	return status, ""
}

// exchangeCost and handshakeCost are the operator's CPU time for an exchange without
// decoding the answer, and for a TLS handshake. They are half of what BenchmarkSecurePull
// measures, because it includes the other end. An exchange cannot be timed here: parts of
// it run in goroutines of the transport.
const (
	exchangeCost  = 150 * time.Microsecond
	handshakeCost = 850 * time.Microsecond
)

// connection is the connection that a request took.
type connection struct {
	net.Conn

	// fresh reports whether the connection was opened for the request.
	fresh bool
}

// cost returns the CPU time that the exchange has cost so far.
func (c *connection) cost(secure bool) time.Duration {
	if c.fresh && secure {
		return exchangeCost + handshakeCost
	}
	return exchangeCost
}

// telling returns a context whose request puts its connection into the second result.
func telling(ctx context.Context) (context.Context, *connection) {
	used := &connection{}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(got httptrace.GotConnInfo) {
		used.Conn, used.fresh = got.Conn, !got.Reused
	}}), used
}

// ask reads the body of the agent's answer into buffer.
func (p *puller) ask(ctx context.Context, q question, buffer *bytes.Buffer) error {
	header, err := headerFor(q.uid, q.secure)
	if err != nil {
		return err
	}
	ctx, used := telling(ctx)
	request := (&http.Request{
		Method: http.MethodGet,
		URL:    &url.URL{Scheme: scheme(q.secure), Host: q.address, Path: protocol.StatusPath},
		Host:   q.address,
		Header: header,
		Close:  q.once,
	}).WithContext(ctx)
	response, err := p.transport.RoundTrip(request)
	p.budget.Pay(q.namespace, used.cost(q.secure))
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return refusal(fmt.Sprintf("answered with HTTP status %d instead of 200", response.StatusCode))
	}
	if !isJSON(response.Header.Get("Content-Type")) {
		return refusal("answered with something that is not JSON")
	}
	n, err := buffer.ReadFrom(io.LimitReader(response.Body, protocol.MaxStatusBytes+1))
	if n > protocol.MaxStatusBytes {
		return refusal(fmt.Sprintf("answered with more than %d KiB", protocol.MaxStatusBytes>>10))
	}
	trust.Rest(used.Conn)
	return err
}

// scheme returns how a pod is asked. The pod's spec decides it, never an answer from
// the network.
func scheme(secure bool) string {
	if secure {
		return "https"
	}
	return "http"
}

// portOf returns the port of an address, for sentences.
func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

func isJSON(contentType string) bool {
	if contentType == "application/json" {
		return true
	}
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && media == "application/json"
}

// explain says in a sentence why there was no answer, and what helps.
func (p *puller) explain(err error, address string) string {
	var refused refusal
	var network net.Error
	switch {
	case errors.As(err, &refused):
		return fmt.Sprintf("The agent at %s %s.", address, refused)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return fmt.Sprintf("The agent at %s gave no answer within %s; if that lasts, see whether a NetworkPolicy keeps the operator from port %s of the pods.",
			address, p.timeout, portOf(address))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("Nothing listens at %s: the agent is starting or has died; if that lasts, see the pod's log.", address)
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return fmt.Sprintf("There is no route to %s; see whether the pod's node is up.", address)
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Sprintf("The agent at %s broke the connection off.", address)
	}
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		err = operation.Err
	}
	return fmt.Sprintf("The agent at %s could not be asked: %s.", address, cleanText(err.Error(), maxMessage/2))
}
