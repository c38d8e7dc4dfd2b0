// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// enterContainer enters a cgroup, mounts a container's view of the kernel, and becomes
// the operator, so that every byte of the operator is counted. Its arguments are the
// cgroup's file of processes, the root directory, the mount point of cgroups, and mount's
// arguments up to --; the rest is the command to run.
const enterContainer = `
echo $$ >"$0" || exit 1
exec unshare --mount --cgroup sh -c '
root=$1 at=$2; shift 2
mkdir -p "$root/proc" "$root$at" && mount -t proc proc "$root/proc" || exit 1
kind=; while [ "$1" != -- ]; do kind="$kind $1"; shift; done; shift
mount $kind "$root$at" || exit 1
exec "$@"' sh "$@"
`

// operatorUser is the user and group of the operator's image.
const operatorUser = "65532:65532"

// started counts the operators, each of which has its own cgroup.
var started atomic.Int64

// operator is the real program in its own pod: a root directory with only the program and
// its service account, a memory cgroup, and one core.
type operator struct {
	group   *memoryGroup
	command []string
	env     []string
	health  string
	metrics string
	log     string

	mu       sync.Mutex
	stopping bool
	process  *os.Process
	exits    []string
	peak     int64
	kept     time.Duration
	ended    chan struct{}
}

// startOperator starts the operator and stops it at the end of the test.
func startOperator(t *testing.T) *operator {
	t.Helper()
	o, err := newOperator(t)
	if err != nil {
		t.Fatal(err)
	}
	go o.keepRunning()
	go o.watch()
	atInterrupt(func() { o.stop(); _ = o.group.remove() })
	t.Cleanup(func() {
		o.stop()
		if err := o.group.remove(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the operator's last words:\n%s", o.tail())
		}
	})
	return o
}

func newOperator(t *testing.T) (*operator, error) {
	shipped, err := shippedPod(t.Context())
	if err != nil {
		return nil, err
	}
	root, err := newRoot(t)
	if err != nil {
		return nil, err
	}
	host, port, err := apiserver()
	if err != nil {
		return nil, err
	}
	core, err := lastCore()
	if err != nil {
		return nil, err
	}
	o := &operator{
		health: "127.0.0.1:" + strconv.Itoa(freePort(t)), metrics: "127.0.0.1:" + strconv.Itoa(freePort(t)), log: filepath.Join(t.TempDir(), "operator.log"), ended: make(chan struct{}),
		env: append(shipped.environment, "KUBERNETES_SERVICE_HOST="+host, "KUBERNETES_SERVICE_PORT="+port),
	}
	if o.group, err = newMemoryGroup(fmt.Sprintf("queueworker-hostile-%d-%d", os.Getpid(), started.Add(1)), shipped.memory); err != nil {
		return nil, err
	}
	o.command = slices.Concat([]string{"sh", "-c", enterContainer, o.group.procs(), root, o.group.at}, o.group.kind,
		[]string{"--", "taskset", "-c", core, "chroot", "--userspec=" + operatorUser, root, "/manager"})
	for _, argument := range shipped.arguments {
		switch name, _, _ := strings.Cut(argument, "="); name {
		case "--health-probe-bind-address":
			argument = name + "=" + o.health
		case "--metrics-bind-address":
			argument = name + "=" + o.metrics
		}
		o.command = append(o.command, argument)
	}
	return o, nil
}

// newRoot creates the root directory of the operator's container.
func newRoot(t *testing.T) (string, error) {
	account, err := kube.CoreV1().ServiceAccounts(systemNamespace).CreateToken(t.Context(), managerName,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(3 * 3600))}}, metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("ask for the operator's token: %w", err)
	}
	root, err := os.MkdirTemp(workshop, "operator-") //nolint:usetesting // beside the programs, which are linked into it
	if err != nil {
		return "", err
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	secrets := filepath.Join(root, "var/run/secrets/kubernetes.io/serviceaccount")
	return root, errors.Join(os.Chmod(root, 0o755), os.MkdirAll(secrets, 0o755),
		os.Link(program(t, "manager"), filepath.Join(root, "manager")),
		os.WriteFile(filepath.Join(secrets, "token"), []byte(account.Status.Token), 0o644),
		os.WriteFile(filepath.Join(secrets, "ca.crt"), cluster.Config.CAData, 0o644),
		os.WriteFile(filepath.Join(secrets, "namespace"), []byte(systemNamespace), 0o644))
}

func apiserver() (host, port string, err error) {
	address, err := url.Parse(cluster.Config.Host)
	if err != nil || address.Host == "" {
		return net.SplitHostPort(cluster.Config.Host)
	}
	return address.Hostname(), address.Port(), nil
}

// lastCore returns the last CPU that this process may use.
func lastCore() (string, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(status)) {
		if list, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok {
			list = strings.TrimSpace(list)
			return list[strings.LastIndexAny(list, ",-")+1:], nil
		}
	}
	return "", errors.New("/proc/self/status does not say which processors may be used")
}

// keepRunning restarts the operator whenever it has died, as a kubelet does, but sooner.
func (o *operator) keepRunning() {
	defer close(o.ended)
	for {
		exit := o.runOnce()
		o.mu.Lock()
		stopping := o.stopping
		if !stopping {
			o.exits = append(o.exits, exit)
		}
		o.mu.Unlock()
		if stopping {
			return
		}
		time.Sleep(time.Second)
	}
}

// runOnce runs the operator until it ends, and returns how it ended.
func (o *operator) runOnce() string {
	log, err := os.OpenFile(o.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = log.Close() }()
	command := exec.Command(o.command[0], o.command[1:]...)
	command.Env = slices.Concat(o.env, []string{"PATH=" + os.Getenv("PATH")})
	command.Stdout, command.Stderr = log, log
	o.mu.Lock()
	if o.stopping {
		o.mu.Unlock()
		return ""
	}
	err = command.Start()
	o.process = command.Process
	o.mu.Unlock()
	if err != nil {
		return err.Error()
	}
	_ = command.Wait() // the state says how it ended
	o.mu.Lock()
	o.process = nil
	o.kept += command.ProcessState.UserTime() + command.ProcessState.SystemTime()
	o.mu.Unlock()
	return command.ProcessState.String()
}

// watch records the highest memory of all the operator's processes.
func (o *operator) watch() {
	for {
		select {
		case <-o.ended:
			return
		case <-time.After(50 * time.Millisecond):
			o.memory("VmHWM")
		}
	}
}

// stop ends the operator gracefully, so that its successor becomes the leader at once.
func (o *operator) stop() {
	o.mu.Lock()
	o.stopping = true
	if o.process != nil {
		_ = o.process.Signal(syscall.SIGTERM)
	}
	o.mu.Unlock()
	select {
	case <-o.ended:
		return
	case <-time.After(30 * time.Second):
	}
	o.mu.Lock()
	if o.process != nil {
		_ = o.process.Kill()
	}
	o.mu.Unlock()
	<-o.ended
}

// answers waits until the operator is ready.
func (o *operator) answers(t *testing.T) {
	t.Helper()
	eventually(t, "the operator answers", func(ctx context.Context) error {
		if exits := o.deaths(); len(exits) > 0 {
			return fmt.Errorf("it ended: %s\n%s", exits, o.tail())
		}
		return o.ready(ctx)
	})
}

// ready asks for the operator's readiness as the kubelet does.
func (o *operator) ready(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+o.health+"/readyz", nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _, _ = io.Copy(io.Discard, response.Body); _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// deaths returns the exits of the operator that the test did not ask for.
func (o *operator) deaths() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]string(nil), o.exits...)
}

func (o *operator) tail() string {
	text, err := os.ReadFile(o.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}
