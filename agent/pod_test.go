// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
	"queueworker.dev/queueworker/trust"
)

// pod is an agent in its own process, with directories like those in a pod.
type pod struct {
	t       *testing.T
	dir     string
	address string
	// operator is the address for the operator, and client asks as the operator does.
	operator string
	client   *http.Client
	config   protocol.Config
	command  []string
	version  int    // of the control directory
	cgroup   string // a fake control group; empty means the machine's

	agent  *exec.Cmd
	binary string
	prefix []string // arguments of the binary before `run`
	attr   *syscall.SysProcAttr
}

var patterns = &protocol.Patterns{
	Started:  `^\[(?P<id>\w+)\] start (?P<class>\w+)`,
	Done:     `^\[(?P<id>\w+)\] done (?P<class>\w+) in (?P<milliseconds>[0-9.]+) ms`,
	Failed:   `^\[(?P<id>\w+)\] failed (?P<class>\w+)`,
	Released: `^\[(?P<id>\w+)\] retry (?P<class>\w+)`,
}

// newPod prepares a pod whose workers are fakes of the given kind.
func newPod(t *testing.T, config protocol.Config, worker ...string) *pod {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	config.Version, config.Runtime, config.Patterns = protocol.Version, string(runtimes.Custom), patterns
	config.Processes = max(config.Processes, 1)
	if config.GraceSeconds == 0 {
		config.GraceSeconds = 60
	}
	p := &pod{
		t: t, dir: t.TempDir(), address: freeAddress(t), operator: freeAddress(t), config: config, binary: self,
		command: append([]string{self, "worker"}, worker...),
	}
	identity, err := trust.NewIdentity()
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: identity.ClientConfig()}
	p.client = &http.Client{Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	for _, name := range []string{"control", "state"} {
		if err := os.Mkdir(filepath.Join(p.dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(p.dir, "control", protocol.OperatorFile), []byte(identity.Pin()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	return p
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// control writes the pool's document as the kubelet does: it creates a new directory and
// swaps a link.
func (p *pod) control(document protocol.Control) {
	p.t.Helper()
	p.version++
	content, err := json.Marshal(document)
	if err != nil {
		p.t.Fatal(err)
	}
	root := filepath.Join(p.dir, "control")
	folder := fmt.Sprintf("..%d", p.version)
	steps := []error{
		os.Mkdir(filepath.Join(root, folder), 0o755),
		os.WriteFile(filepath.Join(root, folder, protocol.ControlFile), content, 0o644),
		os.Symlink(folder, filepath.Join(root, "..data_tmp")),
		os.Rename(filepath.Join(root, "..data_tmp"), filepath.Join(root, "..data")),
	}
	if p.version == 1 {
		steps = append(steps, os.Symlink("..data/"+protocol.ControlFile, filepath.Join(root, protocol.ControlFile)))
	}
	for _, err := range steps {
		if err != nil {
			p.t.Fatal(err)
		}
	}
}

// start starts the agent, which logs to files in the pod's directory.
func (p *pod) start() {
	p.t.Helper()
	config, err := json.Marshal(p.config)
	if err != nil {
		p.t.Fatal(err)
	}
	arguments := append(append([]string{}, p.prefix...), "run",
		"-control-dir", filepath.Join(p.dir, "control"), "-state-dir", filepath.Join(p.dir, "state"),
		"-termination-message", p.file("final"), "-listen", p.address, "-listen-health", "127.0.0.1:0", "-listen-operator", p.operator)
	if p.cgroup != "" {
		arguments = append(arguments, "-cgroup", p.cgroup)
	}
	arguments = append(arguments, "--")
	p.agent = exec.Command(p.binary, append(arguments, p.command...)...)
	p.agent.SysProcAttr = p.attr
	p.agent.Env = append(os.Environ(), protocol.ConfigEnv+"="+string(config), protocol.PodNameEnv+"=pod", protocol.PodUIDEnv+"=uid",
		"GORACE=atexit_sleep_ms=0")
	p.agent.Stdout, p.agent.Stderr = p.create("stdout"), p.create("stderr")
	if err := p.agent.Start(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *pod) file(name string) string { return filepath.Join(p.dir, name) }

func (p *pod) create(name string) *os.File {
	p.t.Helper()
	file, err := os.OpenFile(p.file(name), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = file.Close() })
	return file
}

func (p *pod) read(name string) string {
	content, err := os.ReadFile(p.file(name))
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	return string(content)
}

// get returns the public answer to a path, or code 0 if there is no answer.
func (p *pod) get(path string) (code int, body []byte) {
	return ask(http.DefaultClient, "http://"+p.address+path)
}

func ask(client *http.Client, url string) (code int, body []byte) {
	request, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, nil
	}
	request.Header.Set(protocol.PodUIDHeader, "uid")
	response, err := client.Do(request)
	if err != nil {
		return 0, nil
	}
	defer func() { _ = response.Body.Close() }()
	body, _ = io.ReadAll(response.Body)
	return response.StatusCode, body
}

func (p *pod) status() protocol.Status {
	var status protocol.Status
	if code, body := ask(p.client, "https://"+p.operator+protocol.StatusPath); code == http.StatusOK {
		if err := json.Unmarshal(body, &status); err != nil {
			p.t.Fatal(err)
		}
	}
	return status
}

// await waits until wanted accepts the status, and returns the status.
func (p *pod) await(what string, wanted func(protocol.Status) bool) protocol.Status {
	p.t.Helper()
	var status protocol.Status
	p.eventually(what, func() bool {
		status = p.status()
		return status.Version != 0 && wanted(status)
	})
	return status
}

func (p *pod) eventually(what string, condition func() bool) {
	p.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			content, _ := json.MarshalIndent(p.status(), "", " ")
			stderr := p.read("stderr")
			p.t.Fatalf("%s did not come about in 60 s; status %s\nstderr:\n%s", what, content, stderr[max(0, len(stderr)-3000):])
		}
	}
}

// end asks the agent to end, waits for it and returns its final report.
func (p *pod) end() protocol.Final {
	p.t.Helper()
	if err := p.agent.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	if err := p.agent.Wait(); err != nil {
		p.t.Fatalf("the agent ended with %v\n%s", err, p.read("stderr"))
	}
	return p.final()
}

func (p *pod) final() protocol.Final {
	p.t.Helper()
	var final protocol.Final
	if err := json.Unmarshal([]byte(p.read("final")), &final); err != nil {
		p.t.Fatalf("the termination message %q: %v", p.read("final"), err)
	}
	return final
}

// kill kills the agent and all its descendants, as a container runtime does.
func (p *pod) kill() {
	if p.agent == nil || p.agent.ProcessState != nil {
		return
	}
	doomed := append([]int{p.agent.Process.Pid}, p.descendants()...)
	for _, pid := range doomed {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	_ = p.agent.Wait()
}

// descendants returns all processes below the agent, including zombies.
func (p *pod) descendants() []int { return below(p.agent.Process.Pid, false) }

func below(root int, zombies bool) []int {
	parents, states := map[int]int{}, map[int]string{}
	entries, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range entries {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		var pid, parent int
		var state string
		at := strings.LastIndexByte(string(content), ')')
		_, _ = fmt.Sscan(string(content[:strings.IndexByte(string(content), ' ')]), &pid)
		_, _ = fmt.Sscan(string(content[at+1:]), &state, &parent)
		parents[pid], states[pid] = parent, state
	}
	var found []int
	for pid := range parents {
		for up := parents[pid]; up > 1; up = parents[up] {
			if up == root {
				if !zombies || states[pid] == "Z" {
					found = append(found, pid)
				}
				break
			}
		}
	}
	return found
}
