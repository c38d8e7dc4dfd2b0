// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	corev1client "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"

	"queueworker.dev/queueworker/api/printable"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/received"
)

const (
	// patience is how long an agent may take to answer.
	patience = 2 * time.Second
	// maxRefusal is how many bytes are read of an answer that is not a status document. A
	// refusal by the API server fits into it.
	maxRefusal = 4 << 10
)

// Ask asks the agent of one pod. The agent tells everyone the state of its workers, but
// tells their jobs only to the operator. The pod is not trusted: its answer has a maximum
// size, time and number of elements, and must come from the pod that was asked. Ask
// follows no redirect, because a redirect could send the caller's credentials to another
// host. It does not repeat a request.
func Ask(ctx context.Context, core corev1client.CoreV1Interface, namespace, name string, uid types.UID) (*protocol.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	response, err := get(ctx, core.RESTClient(), namespace, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }() // nothing was written
	if response.StatusCode != http.StatusOK {
		return nil, refusal(response, name)
	}
	data, err := io.ReadAll(io.LimitReader(response.Body, protocol.MaxStatusBytes+1))
	if err != nil {
		return nil, err
	}
	return decode(data, string(uid))
}

// get requests an agent's status through the API server. It does not use client-go to send
// the request, because client-go follows redirects and reads the whole body of an error.
func get(ctx context.Context, api rest.Interface, namespace, name string) (*http.Response, error) {
	connected, ok := api.(*rest.RESTClient)
	if !ok {
		return nil, errors.New("the client of the cluster has no proxy of pods")
	}
	if limiter := api.GetRateLimiter(); limiter != nil {
		if err := limiter.Wait(ctx); err != nil {
			return nil, err
		}
	}
	target := api.Get().Namespace(namespace).Resource("pods").SubResource("proxy").
		Name(utilnet.JoinSchemeNamePort("http", name, strconv.Itoa(protocol.Port))).Suffix(protocol.StatusPath).URL()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if connected.Client != nil {
		client.Transport = connected.Client.Transport
	}
	return client.Do(request)
}

// refusal returns the error for an answer that is not a status document. Both the API
// server and the pod can write such an answer.
func refusal(response *http.Response, name string) error {
	if response.StatusCode < http.StatusBadRequest {
		return fmt.Errorf("the pod answers %d, and redirects are not followed", response.StatusCode)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxRefusal))
	if err != nil {
		return err
	}
	status := metav1.Status{}
	if json.Unmarshal(text, &status) != nil {
		status.Message = strings.TrimSpace(string(text))
	}
	return apierrors.NewGenericServerResponse(response.StatusCode, "get", schema.GroupResource{Resource: "pods/proxy"}, name,
		printable.Line(status.Message, received.MaxMessage), 0, true)
}

// decode reads an agent's status document and cleans it as the operator does.
func decode(data []byte, uid string) (*protocol.Status, error) {
	if len(data) > protocol.MaxStatusBytes {
		return nil, errors.New("the answer is too long")
	}
	if received.Elements(data) > received.MaxElements {
		return nil, fmt.Errorf("the answer has more than %d elements", received.MaxElements)
	}
	status := &protocol.Status{}
	if err := json.Unmarshal(data, status); err != nil {
		return nil, fmt.Errorf("the answer cannot be read: %w", err)
	}
	switch {
	case status.Version < protocol.OldestVersion || status.Version > protocol.Version:
		return nil, fmt.Errorf("the answer has version %d, which this program does not know", status.Version)
	case status.PodUID != uid:
		return nil, errors.New("another pod answered")
	}
	if err := received.Status(status); err != nil {
		return nil, fmt.Errorf("the answer %w", err)
	}
	return status, nil
}
