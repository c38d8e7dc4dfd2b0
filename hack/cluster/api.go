// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// An apiClient reads from the apiserver over loopback with the kubelet's certificate,
// which may read nodes and health.
type apiClient struct{ http *http.Client }

func newAPIClient(l layout) (apiClient, error) {
	authority, err := os.ReadFile(filepath.Join(l.pki(), "ca.crt"))
	if err != nil {
		return apiClient{}, err
	}
	certificate, err := tls.LoadX509KeyPair(filepath.Join(l.pki(), "kubelet-serving.crt"), filepath.Join(l.pki(), "kubelet-serving.key"))
	if err != nil {
		return apiClient{}, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return apiClient{}, errors.New("the cluster's ca.crt holds no certificate")
	}
	return apiClient{&http.Client{
		Timeout: 5 * time.Second,
		Transport: &http.Transport{
			Proxy:           nil,
			TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS13},
		},
	}}, nil
}

// get returns the body of a successful response.
func (c apiClient) get(path string) ([]byte, error) {
	answer, err := c.http.Get("https://127.0.0.1:" + apiServerPort + path)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("GET %s: %s: %.200s", path, answer.Status, body)
	}
	return body, nil
}

func (c apiClient) ready() error {
	_, err := c.get("/readyz")
	return err
}

// nodeReady returns nil if the kubelet has reported that pods can run, otherwise what it
// reports as wrong.
func (c apiClient) nodeReady() error {
	body, err := c.get("/api/v1/nodes/" + nodeName)
	if err != nil {
		return err
	}
	return nodeCondition(body)
}

// nodeCondition returns nil if a node object has the condition Ready, otherwise its message.
func nodeCondition(body []byte) error {
	var node struct {
		Status struct {
			Conditions []struct{ Type, Status, Message string }
		}
	}
	if err := json.Unmarshal(body, &node); err != nil {
		return fmt.Errorf("read the node's state: %w", err)
	}
	for _, condition := range node.Status.Conditions {
		if condition.Type != "Ready" {
			continue
		}
		if condition.Status == "True" {
			return nil
		}
		return fmt.Errorf("the node is not ready: %s", condition.Message)
	}
	return errors.New("the node has not reported yet")
}

// kubectl prepares a call with the administrator's kubeconfig.
func kubectl(l layout, bin string, arguments ...string) *exec.Cmd {
	return exec.Command(filepath.Join(bin, "kubectl"), append([]string{"--kubeconfig=" + l.kubeconfig()}, arguments...)...)
}
