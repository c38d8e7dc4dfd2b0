// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package backends

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/trust"
)

// program builds the probe once, as for its image.
var program = sync.OnceValues(func() (string, error) {
	path := filepath.Join(workshop.dir, "backlog")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=v1.2.3", "-o", path, "queueworker.dev/queueworker/cmd/backlog")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, output)
	}
	return path, nil
})

// probe is the real program, running.
type probe struct {
	*process
	// address is where the probe serves every client; operator is where it serves the
	// operator.
	address, operator string
	// asOperator asks with the key whose pin the probe knows; anyone asks without a key.
	asOperator, anyone *http.Client
}

// startProbe starts the program with only the given environment.
func startProbe(t *testing.T, config protocol.ProbeConfig, environment ...string) *probe {
	t.Helper()
	config.Version, config.Namespace, config.App = protocol.Version, "shop", "web"
	document, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	return startProbeWith(t, append(environment, protocol.ProbeEnv+"="+string(document), protocol.PodUIDEnv+"=uid-1"))
}

func startProbeWith(t *testing.T, environment []string) *probe {
	t.Helper()
	path, err := program()
	if err != nil {
		t.Fatal(err)
	}
	identity, err := trust.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := trust.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	p := &probe{address: local(freePort(t)), operator: local(freePort(t)), asOperator: clientOf(t, identity), anyone: clientOf(t, stranger)}
	dir := folder(t, "probe", 0)
	if err := os.WriteFile(filepath.Join(dir, protocol.OperatorFile), []byte(identity.Pin()), 0o600); err != nil {
		t.Fatal(err)
	}
	p.process = start(t, dir, 0, environment, path, "--listen", p.address, "--listen-health", "127.0.0.1:0", "--listen-operator", p.operator,
		"--operator-pins", filepath.Join(dir, protocol.OperatorFile))
	t.Cleanup(func() {
		p.stop(syscall.SIGTERM)
		if code := p.command.ProcessState.ExitCode(); code != 0 {
			t.Errorf("the probe ended with %d:\n%s", code, p.output())
		}
		mustNotTell(t, "the log", p.output())
	})
	await(t, "the probe listens", p.process, answers("tcp", p.address))
	await(t, "the probe listens to the operator", p.process, answers("tcp", p.operator))
	return p
}

func clientOf(t *testing.T, identity *trust.Identity) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: identity.ClientConfig()}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// ask asks for queues, and checks what must hold for every answer.
func (p *probe) ask(t *testing.T, queues ...string) protocol.Backlog {
	t.Helper()
	body, err := json.Marshal(protocol.BacklogRequest{Queues: queues, SoonSeconds: 5})
	if err != nil {
		t.Fatal(err)
	}
	text := p.request(t, http.MethodPost, protocol.BacklogPath, body, http.StatusOK)
	if len(text) > protocol.MaxBacklogBytes {
		t.Errorf("the answer has %d bytes", len(text))
	}
	mustNotTell(t, "the answer", text)
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	var document protocol.Backlog
	if err := decoder.Decode(&document); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	if document.Version != protocol.Version || document.PodUID != "uid-1" || document.Probe != "v1.2.3" {
		t.Errorf("the answer is of %+v", document)
	}
	if (document.Reason == "") == (len(document.Queues) == 0) {
		t.Errorf("the answer has %d queues and the reason %q", len(document.Queues), document.Reason)
	}
	mustNotTell(t, "the metrics", p.request(t, http.MethodGet, protocol.MetricsPath, nil, http.StatusOK))
	return document
}

func (p *probe) request(t *testing.T, method, path string, body []byte, want int) string {
	t.Helper()
	at := "http://" + p.address
	if path == protocol.BacklogPath || path == protocol.FailedPath {
		at = "https://" + p.operator
	}
	request, err := http.NewRequestWithContext(t.Context(), method, at+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set(protocol.PodUIDHeader, "uid-1")
	response, err := p.asOperator.Do(request)
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", method, path, err, p.output())
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != want {
		t.Fatalf("%s %s: status %d, %v; want %d: %s", method, path, response.StatusCode, err, want, text)
	}
	return string(text)
}

// askUntil asks until the answer has this reason; "" means none.
func (p *probe) askUntil(t *testing.T, reason protocol.BacklogError, queue string) protocol.Backlog {
	t.Helper()
	var document protocol.Backlog
	await(t, fmt.Sprintf("the probe answers with the reason %q", reason), p.process, func() error {
		if document = p.ask(t, queue); document.Reason != reason {
			return fmt.Errorf("the reason is %q: %s", document.Reason, document.Message)
		}
		return nil
	})
	return document
}

func TestTheProbeRefusesWhatIsNoRequest(t *testing.T) {
	t.Parallel()
	server := theRedis(t)
	p := startProbe(t, protocol.ProbeConfig{Driver: protocol.DriverRedis}, server.environment()...)
	for name, tc := range map[string]struct {
		method, path, body string
		want               int
	}{
		"not JSON":             {http.MethodPost, protocol.BacklogPath, "queues", http.StatusBadRequest},
		"no queue":             {http.MethodPost, protocol.BacklogPath, "{}", http.StatusBadRequest},
		"a queue without name": {http.MethodPost, protocol.BacklogPath, `{"queues":[""]}`, http.StatusBadRequest},
		"a queue twice":        {http.MethodPost, protocol.BacklogPath, `{"queues":["a","a"]}`, http.StatusBadRequest},
		"a negative span":      {http.MethodPost, protocol.BacklogPath, `{"queues":["a"],"soonSeconds":-1}`, http.StatusBadRequest},
		"two documents":        {http.MethodPost, protocol.BacklogPath, `{"queues":["a"]}{}`, http.StatusBadRequest},
		"too many queues":      {http.MethodPost, protocol.BacklogPath, `{"queues":["a"` + strings.Repeat(`,"a"`, 1000) + "]}", http.StatusBadRequest},
		"a huge request":       {http.MethodPost, protocol.BacklogPath, strings.Repeat(" ", 1<<20), http.StatusRequestEntityTooLarge},
		"a GET":                {http.MethodGet, protocol.BacklogPath, "", http.StatusMethodNotAllowed},
		"another path":         {http.MethodGet, "/", "", http.StatusNotFound},
		"its health":           {http.MethodGet, protocol.HealthPath, "", http.StatusOK},
		"whether it is ready":  {http.MethodGet, protocol.ReadyPath, "", http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			p.request(t, tc.method, tc.path, []byte(tc.body), tc.want)
		})
	}
	if document := p.ask(t, "still-fine"); document.Reason != "" {
		t.Errorf("after all that: %s", document.Message)
	}
}
