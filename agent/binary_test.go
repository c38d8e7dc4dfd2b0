// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package agent_test

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"queueworker.dev/queueworker/api/protocol"
)

// maxBinary is the maximum size of the agent, because it is copied into every pod.
const maxBinary = 14 << 20

var built struct {
	once sync.Once
	path string
	err  error
}

// binary builds the agent as it is in its image and returns its path.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		var dir string
		//nolint:usetesting // it outlives the test that builds it first; TestMain removes it
		if dir, built.err = os.MkdirTemp("", "agent"); built.err != nil {
			return
		}
		built.path = filepath.Join(dir, "agent")
		build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w -X main.version=v1.2.3", "-o", built.path,
			"queueworker.dev/queueworker/cmd/agent")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
		if output, err := build.CombinedOutput(); err != nil {
			built.err = errors.New(string(output))
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

func TestTheBinaryIsStaticAndSmall(t *testing.T) {
	path := binary(t)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the agent is %.1f MiB", float64(info.Size())/(1<<20))
	if info.Size() > maxBinary {
		t.Errorf("the agent is %d bytes; at most %d are allowed", info.Size(), maxBinary)
	}
	program, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = program.Close() }()
	for _, header := range program.Progs {
		if header.Type == elf.PT_INTERP || header.Type == elf.PT_DYNAMIC {
			t.Errorf("the agent needs a dynamic linker: %s", header.Type)
		}
	}
}

// TestTheAgentInstallsItselfWhereNothingElseIs runs in a root directory without a shell
// or a C library, and with its own /proc.
func TestTheAgentInstallsItselfWhereNothingElseIs(t *testing.T) {
	root := t.TempDir()
	for _, dir := range []string{"proc", "shared"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(binary(t), filepath.Join(root, "agent")); err != nil {
		content, readErr := os.ReadFile(binary(t))
		if err := errors.Join(readErr, os.WriteFile(filepath.Join(root, "agent"), content, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	install := exec.Command(self, "chroot", root, "/agent", "install", "/shared")
	install.SysProcAttr = newNamespaces()
	if output, err := install.CombinedOutput(); err != nil {
		t.Fatalf("install: %v\n%s", err, output)
	}
	installed := filepath.Join(root, "shared", "agent")
	info, err := os.Stat(installed)
	if err != nil || info.Mode() != 0o555 {
		t.Fatalf("installed: %v, %v", info.Mode(), err)
	}
	if left, _ := filepath.Glob(filepath.Join(root, "shared", "*")); len(left) != 1 {
		t.Errorf("the directory holds %v", left)
	}
	version, err := exec.Command(installed, "version").Output()
	if string(version) != "v1.2.3\n" {
		t.Errorf("the installed agent says %q (%v)", version, err)
	}
}

func TestInstallIntoAMissingDirectoryIsASentence(t *testing.T) {
	output, err := exec.Command(binary(t), "install", "/no/such/dir").CombinedOutput()
	if err == nil || !strings.HasPrefix(string(output), "queueworker-agent: install the agent: open /no/such/dir/") {
		t.Errorf("it said %q (%v)", output, err)
	}
}

// TestNoiseCostsNeitherJobsNorMemory prints 100 MiB of lines as fast as possible, with a
// job in each MiB, and then one line of 100 MiB.
func TestNoiseCostsNeitherJobsNorMemory(t *testing.T) {
	p := newPod(t, protocol.Config{}, "noise", "100")
	p.binary = binary(t)
	p.control(protocol.Control{Revision: 1})
	p.start()
	s := p.await("101 jobs", func(s protocol.Status) bool { return s.Counters.Processed >= 101 })
	if s.Counters.Processed > 102 || s.Counters.Failed+s.Counters.Released != 0 {
		t.Errorf("counted %+v", s.Counters)
	}
	if peak := memoryLine(t, p.agent.Process.Pid, "VmHWM"); peak > 25<<20 {
		t.Errorf("the agent's memory peaked at %d MiB", peak>>20)
	}
	if passed := len(p.read("stdout")); passed > 60<<20 {
		t.Errorf("%d MiB were passed on", passed>>20)
	}
	p.end()
	var dropped int64
	for _, match := range regexp.MustCompile(`dropped (\d+) bytes`).FindAllStringSubmatch(p.read("stderr"), -1) {
		n, _ := strconv.ParseInt(match[1], 10, 64)
		dropped += n
	}
	if total := dropped + int64(len(p.read("stdout"))); total < 200<<20-(2<<20) || total > 201<<20 {
		t.Errorf("%d bytes were dropped and %d passed on; together they should be about 200 MiB", dropped, len(p.read("stdout")))
	}
}

// TestTheAgentIsSmallInMemory measures the agent while four processes work.
func TestTheAgentIsSmallInMemory(t *testing.T) {
	p := newPod(t, protocol.Config{Processes: 4, MaxJobs: 50}, "loop", "1", "")
	p.binary = binary(t)
	p.control(protocol.Control{Revision: 1})
	p.start()
	p.await("work", func(s protocol.Status) bool {
		code, _ := p.get(protocol.MetricsPath)
		return code == 200 && s.Counters.Exits[protocol.ExitMaxJobs] >= 40
	})
	rss := memoryLine(t, p.agent.Process.Pid, "VmRSS")
	t.Logf("the agent's resident set is %.1f MiB", float64(rss)/(1<<20))
	if rss > 15<<20 {
		t.Errorf("the agent's resident set is %d bytes; at most 15 MiB are allowed", rss)
	}
	p.end()
}

func memoryLine(t *testing.T, pid int, name string) int64 {
	t.Helper()
	content, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile(`(?m)^` + name + `:\s+(\d+) kB$`).FindSubmatch(content)
	if match == nil {
		t.Fatalf("no %s in %s", name, content)
	}
	kilobytes, _ := strconv.ParseInt(string(match[1]), 10, 64)
	return kilobytes << 10
}

// newNamespaces gives a process its own namespaces, even without root.
func newNamespaces() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= syscall.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	return attr
}
