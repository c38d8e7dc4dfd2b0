// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime/pprof"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/controlplane"
)

// All tests of this package share one control plane, and clients that act as an
// administrator.
var (
	cluster *controlplane.ControlPlane
	kube    kubernetes.Interface
	api     client.Client
	// workshop is a directory that exists until the last test has ended.
	workshop string
)

// long reports whether the attacks run for their full time.
func long() bool { return os.Getenv("QUEUEWORKER_LONG") != "" }

// lasting returns the duration of an attack: short in `make test`, full in `make
// test-hostile`.
func lasting(short, full time.Duration) time.Duration {
	if long() {
		return full
	}
	return short
}

func TestMain(m *testing.M) {
	flag.Parse()
	ctrl.SetLogger(zap.New(zap.WriteTo(os.Stderr)))
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := checkMachine()
	if err == nil {
		workshop, err = os.MkdirTemp("", "queueworker-hostile-")
	}
	if err == nil {
		defer func() { _ = os.RemoveAll(workshop) }()
		// The operator, the agent and the probe run as another user.
		err = os.Chmod(workshop, 0o755)
	}
	if err == nil {
		cluster, err = controlplane.Start(ctx, controlplane.Options{})
	}
	if cluster != nil {
		defer func() {
			if err := cluster.Stop(); err != nil {
				fmt.Fprintf(os.Stderr, "Stopping the control plane failed: %v\n", err)
				code = 1
			}
		}()
	}
	if err == nil {
		err = connect(ctx)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "The hostile tests cannot run: %v\n", err)
		return 1
	}
	done := make(chan struct{})
	defer close(done)
	go stopBeforeTheDeadline(ctx, done)
	return m.Run()
}

// stopBeforeTheDeadline ends everything shortly before `go test` would kill this process,
// and when this process is interrupted. Otherwise etcd and the API server would stay
// behind.
func stopBeforeTheDeadline(ctx context.Context, done <-chan struct{}) {
	deadline := time.Duration(1<<63 - 1)
	if timeout, ok := flag.Lookup("test.timeout").Value.(flag.Getter).Get().(time.Duration); ok && timeout > 30*time.Second {
		deadline = timeout - 20*time.Second
	}
	select {
	case <-done:
		return
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr, "The hostile tests were interrupted.")
	case <-time.After(deadline):
		fmt.Fprintln(os.Stderr, "The hostile tests did not end in time. This is what they were doing:")
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	}
	stopEverything()
	_ = cluster.Stop()
	_ = os.RemoveAll(workshop)
	os.Exit(1)
}

// leftovers holds functions that end what an interrupted test leaves running.
var leftovers struct {
	sync.Mutex
	stops []func()
}

// atInterrupt registers a function to call if the tests are interrupted.
func atInterrupt(stop func()) {
	leftovers.Lock()
	defer leftovers.Unlock()
	leftovers.stops = append(leftovers.stops, stop)
}

func stopEverything() {
	leftovers.Lock()
	defer leftovers.Unlock()
	for _, stop := range leftovers.stops {
		stop()
	}
}

// checkMachine returns an error that says what this machine lacks.
func checkMachine() error {
	if os.Geteuid() != 0 {
		return errors.New("they put the operator into a memory cgroup, and this takes root; run them as root")
	}
	for _, program := range []string{"taskset", "chroot", "unshare", "mount", "sh"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("the program %s is missing; install the Debian packages coreutils and util-linux", program)
		}
	}
	group, err := newMemoryGroup("queueworker-hostile-check", 64<<20)
	if err != nil {
		return err
	}
	return group.remove()
}

func connect(ctx context.Context) error {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	var err error
	if kube, err = kubernetes.NewForConfig(cluster.Config); err != nil {
		return err
	}
	if api, err = client.New(cluster.Config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	return installProduct(ctx)
}
