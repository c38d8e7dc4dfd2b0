// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package integration tests the API and the operator against a real etcd,
// kube-apiserver, kube-controller-manager and kube-scheduler. The kubelet and
// the agents in the pods are fakes.
package integration

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"strings"
	"syscall"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/controlplane"
	"queueworker.dev/queueworker/test/fakes"
)

// crds is the directory of the CRDs that users apply.
const crds = "../../config/crd/bases"

// operatorRole is the role that the operator is installed with.
const operatorRole = "../../config/rbac/role.yaml"

// testRole is the name of this role for the operators of the tests.
const testRole = "queueworker-test-operator"

// All tests of this package share one control plane, and clients that act as an
// administrator.
var (
	cluster *controlplane.ControlPlane
	scheme  = newScheme()
	kube    kubernetes.Interface
	api     client.Client
	kubelet *fakes.Kubelet
)

func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, v1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			panic(err)
		}
	}
	return scheme
}

func TestMain(m *testing.M) {
	flag.Parse()
	ctrl.SetLogger(operatorLog)
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	cluster, err = controlplane.Start(ctx, controlplane.Options{CRDs: []string{crds}})
	if cluster != nil {
		defer func() {
			if err := cluster.Stop(); err != nil {
				fmt.Fprintf(os.Stderr, "Stopping the control plane failed: %v\n", err)
				code = 1
			}
		}()
	}
	if err == nil {
		kube, err = kubernetes.NewForConfig(cluster.Config)
	}
	if err == nil {
		api, err = client.New(cluster.Config, client.Options{Scheme: scheme})
	}
	if err == nil {
		err = errors.Join(grantOperators(ctx), confineOperators(ctx))
	}
	if err == nil {
		// The API server ends only when no client watches anymore.
		kubeletCtx, stopKubelet := context.WithCancel(ctx)
		if kubelet, err = fakes.StartKubelet(kubeletCtx, cluster.Config, fakes.Options{}); err == nil {
			defer kubelet.Wait()
		}
		defer stopKubelet()
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "The integration tests cannot run: %v\n", err)
		return 1
	}
	done := make(chan struct{})
	defer close(done)
	go stopBeforeTheDeadline(ctx, done)
	if code = m.Run(); code != 0 || flag.Lookup("test.run").Value.String() != "" {
		return code
	}
	if err := checkRights(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "FAIL: rights of the operator: %v\n", err)
		return 1
	}
	return 0
}

// grantOperators gives the operators of the tests the rights of the shipped role, under
// another name, because the tests of the installation remove what they install.
func grantOperators(ctx context.Context) error {
	raw, err := os.ReadFile(operatorRole)
	if err != nil {
		return err
	}
	role := &rbacv1.ClusterRole{}
	if err := yaml.UnmarshalStrict(raw, role); err != nil {
		return fmt.Errorf("read %s: %w", operatorRole, err)
	}
	role.Name = testRole
	if err := api.Create(ctx, role); err != nil {
		return err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: testRole},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: testRole},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "Group", Name: controlplane.OperatorGroup}},
	}
	return api.Create(ctx, binding)
}

// stopBeforeTheDeadline ends the control plane shortly before `go test` would kill this
// process, and when this process is interrupted. Otherwise etcd and the API server would
// stay behind.
func stopBeforeTheDeadline(ctx context.Context, done <-chan struct{}) {
	deadline := time.Duration(1<<63 - 1)
	if timeout, ok := flag.Lookup("test.timeout").Value.(flag.Getter).Get().(time.Duration); ok && timeout > 30*time.Second {
		deadline = timeout - 20*time.Second
	}
	timer := time.NewTimer(deadline)
	select {
	case <-done:
		return
	case <-ctx.Done():
		fmt.Fprintln(os.Stderr, "The integration tests were interrupted.")
	case <-timer.C:
		fmt.Fprintln(os.Stderr, "The integration tests did not end in time. This is what they were doing:")
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 1)
	}
	_ = cluster.Stop()
	os.Exit(1)
}

// newNamespace creates a namespace for one test. At the end of the test it is deleted
// with everything in it.
func newNamespace(t *testing.T) string {
	t.Helper()
	name := strings.ToLower(strings.NewReplacer("/", "-", "_", "-", "#", "-").Replace(t.Name()))
	if len(name) > 40 {
		name = name[:40]
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: strings.Trim(name, "-") + "-"}}
	if err := api.Create(t.Context(), ns); err != nil {
		t.Fatalf("create a namespace: %v", err)
	}
	t.Cleanup(func() {
		// The test's own context is over by now.
		if err := api.Delete(context.Background(), ns); err != nil {
			t.Errorf("delete namespace %s: %v", ns.Name, err)
		}
	})
	return ns.Name
}

// eventually polls until check returns no error. After a minute it fails the test with
// the last error.
func eventually(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	within(t, time.Minute, what, check)
}

// within works like eventually with a given limit.
func within(t *testing.T, limit time.Duration, what string, check func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, limit, true,
		func(ctx context.Context) (bool, error) {
			err := check(ctx)
			if err != nil && ctx.Err() == nil {
				last = err
			}
			return err == nil, nil
		})
	if err != nil {
		t.Fatalf("%s: not within %s: %v", what, limit, last)
	}
}

// requireContains fails the test if text lacks want.
func requireContains(t *testing.T, text, want string) {
	t.Helper()
	if !strings.Contains(text, want) {
		t.Fatalf("%q is missing in:\n%s", want, text)
	}
}
