// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"syscall"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/workqueue"
	"queueworker.dev/queueworker/trust"
)

// asker asks backlog probes.
type asker struct {
	transport http.RoundTripper
	timeout   time.Duration
	budget    *workqueue.Budget
}

// close closes the connections to the probes.
func (a *asker) close() {
	if t, ok := a.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// ErrKey reports that a probe does not know the key yet.
var ErrKey = errors.New("the probe does not know the key yet")

// errNowhere reports that there is no probe to ask.
var errNowhere = errors.New("there is no probe to ask")

// askAll asks a probe for any number of queues. The error says why the probe gave no
// answer: ErrKey if it refused the operator. The answer then says the same in a sentence,
// like any other trouble.
func (a *asker) askAll(ctx context.Context, namespace string, where Probe, request protocol.BacklogRequest) (*protocol.Backlog, error) {
	if where.Address == "" {
		return &protocol.Backlog{
			Reason:  cmp.Or(where.Reason, protocol.BacklogUnreachable),
			Message: cmp.Or(where.Message, "The backlog probe is not running yet."),
		}, errNowhere
	}
	var whole *protocol.Backlog
	for queues := range slices.Chunk(request.Queues, protocol.MaxBacklogQueues) {
		part, err := a.ask(ctx, namespace, where, protocol.BacklogRequest{Queues: queues, SoonSeconds: request.SoonSeconds})
		if err != nil {
			return &protocol.Backlog{Reason: protocol.BacklogUnreachable, Message: explain(err, where.Address, a.timeout)}, err
		}
		if part.Reason != "" {
			return part, nil
		}
		if whole == nil {
			whole = part
			continue
		}
		whole.Queues = append(whole.Queues, part.Queues...)
		whole.AgeSeconds = max(whole.AgeSeconds, part.AgeSeconds)
	}
	return whole, nil
}

// ask asks for as many queues as one request may have.
func (a *asker) ask(ctx context.Context, namespace string, where Probe, request protocol.BacklogRequest) (answer *protocol.Backlog, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	content, code, err := a.post(ctx, where, probeQuestion{namespace: namespace, path: protocol.BacklogPath, body: request, most: protocol.MaxBacklogBytes})
	if err != nil {
		return nil, err
	}
	switch {
	case code == http.StatusUnauthorized && where.Secure:
		return nil, ErrKey
	case code != http.StatusOK:
		return nil, unexpected(code)
	}
	a.budget.Spend(namespace, func() { answer, err = readBacklog(content, where, request.Queues) })
	return answer, err
}

// probeQuestion is a question to a probe.
type probeQuestion struct {
	// namespace is the namespace that pays for the exchange.
	namespace string
	path      string
	// key is the bearer token; empty for none.
	key  string
	body any
	// most is how many bytes the answer may have.
	most int64
}

// post asks a question and returns the answer with its HTTP status. It reads the
// content only if the status is 200.
func (a *asker) post(ctx context.Context, where Probe, q probeQuestion) (content []byte, code int, err error) {
	body, err := json.Marshal(q.body)
	if err != nil {
		return nil, 0, fmt.Errorf("encode the question: %w", err)
	}
	address := url.URL{Scheme: scheme(where.Secure), Host: where.Address, Path: q.path}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(body))
	if err != nil {
		return nil, 0, fmt.Errorf("form the question: %w", err)
	}
	if post.Header, err = headerFor(where.UID, where.Secure); err != nil {
		return nil, 0, err
	}
	post.Header.Set("Content-Type", "application/json")
	if q.key != "" {
		post.Header.Set("Authorization", "Bearer "+q.key)
	}
	ctx, used := telling(ctx)
	response, err := a.transport.RoundTrip(post.WithContext(ctx))
	a.budget.Pay(q.namespace, used.cost(where.Secure))
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = response.Body.Close() }() // nothing was written
	if response.StatusCode != http.StatusOK {
		return nil, response.StatusCode, nil
	}
	content, err = io.ReadAll(io.LimitReader(response.Body, q.most+1))
	if err != nil {
		return nil, 0, err
	}
	if int64(len(content)) > q.most {
		return nil, 0, refusal(fmt.Sprintf("answered with more than %d KiB", q.most>>10))
	}
	trust.Rest(used.Conn)
	return content, http.StatusOK, nil
}

func unexpected(code int) error {
	return refusal(fmt.Sprintf("answered with HTTP status %d instead of 200", code))
}

// unknownKey explains a probe's refusal of the operator.
const unknownKey = "The backlog probe does not know this operator's key yet: its kubelet shows it the annotation " +
	v1alpha1.AnnotationOperator + " of its pod within seconds. If this lasts, check whether another controller writes the annotation, or another pod answers at the probe's address."

// explain says in a sentence why there was no answer for so long, and what helps.
func explain(err error, address string, waited time.Duration) string {
	var refused refusal
	switch {
	case errors.As(err, &refused):
		return fmt.Sprintf("The backlog probe at %s %s.", address, refused)
	case errors.Is(err, ErrKey):
		return unknownKey
	case timedOut(err):
		return fmt.Sprintf("The backlog probe at %s gave no answer within %s; if that lasts, see whether a NetworkPolicy keeps the operator from port %s of the probe's pod.",
			address, waited, portOf(address))
	case errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Sprintf("Nothing listens at %s: the backlog probe is starting or has died; if that lasts, see its pod's log.", address)
	}
	if operation, ok := errors.AsType[*net.OpError](err); ok {
		err = operation.Err
	}
	return fmt.Sprintf("The backlog probe at %s could not be asked: %s.", address, cleanText(err.Error(), maxMessage/2))
}

// timedOut reports whether the wait for an answer ran out.
func timedOut(err error) bool {
	var network net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &network) && network.Timeout()
}
