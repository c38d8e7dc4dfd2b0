// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// ControlPlane is a running control plane.
type ControlPlane struct {
	// Config connects to the apiserver as an administrator.
	Config *rest.Config
	// Audit reads the apiserver's audit log.
	Audit *Audit

	dir        string
	assets     string
	kubeconfig string
	env        *envtest.Environment
	components []*component

	// users guards env.AddUser, which is not safe for concurrent use.
	users sync.Mutex
}

// Options configure a ControlPlane.
type Options struct {
	// CRDs are files or directories for `kubectl apply` before the controllers start, so
	// that the garbage collector knows the kinds from the beginning.
	CRDs []string
}

// Start starts the control plane and returns when it works. The caller stops it with
// Stop, even if Start returns an error together with a control plane.
func Start(ctx context.Context, options Options) (*ControlPlane, error) {
	bin, err := assets()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "queueworker-controlplane-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the control plane: %w", err)
	}
	cp := &ControlPlane{dir: dir, assets: bin}
	if err := cp.startAPIServer(); err != nil {
		return cp, err
	}
	if err := cp.install(ctx, options.CRDs); err != nil {
		return cp, err
	}
	return cp, cp.startControllers()
}

// install applies CRDs and waits until the apiserver serves them.
func (cp *ControlPlane) install(ctx context.Context, crds []string) error {
	if len(crds) == 0 {
		return nil
	}
	for _, crd := range crds {
		if _, err := cp.Kubectl(ctx, "", "apply", "-f", crd); err != nil {
			return fmt.Errorf("install the CRDs: %w", err)
		}
	}
	// kubectl fails at once on a CRD that is so new that it has no conditions yet.
	var last error
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true,
		func(ctx context.Context) (bool, error) {
			_, last = cp.Kubectl(ctx, "", "wait", "--for=condition=Established", "--timeout=10s", "crd", "--all")
			return last == nil, nil
		})
	if err != nil {
		return fmt.Errorf("wait for the CRDs: %w", errors.Join(err, last))
	}
	return nil
}

func (cp *ControlPlane) startAPIServer() error {
	audit, args, err := newAudit(cp.dir)
	if err != nil {
		return err
	}
	cp.Audit = audit
	cp.env = &envtest.Environment{
		BinaryAssetsDirectory:    cp.assets,
		ControlPlaneStartTimeout: time.Minute,
		ControlPlaneStopTimeout:  time.Minute,
	}
	apiserver := cp.env.ControlPlane.GetAPIServer()
	for name, value := range args {
		apiserver.Configure().Set(name, value)
	}
	config, err := cp.env.Start()
	if err != nil {
		return fmt.Errorf("start etcd and kube-apiserver: %w", err)
	}
	config.QPS = -1
	cp.Config = config
	cp.kubeconfig = filepath.Join(cp.dir, "admin.kubeconfig")
	if err := os.WriteFile(cp.kubeconfig, cp.env.KubeConfig, 0o600); err != nil {
		return fmt.Errorf("write the kubeconfig: %w", err)
	}
	return nil
}

// controllers are the controllers of kube-controller-manager that act on a pool's objects.
const controllers = "deployment-controller,job-controller,replicaset-controller,garbage-collector-controller," +
	"disruption-controller,namespace-controller"

func (cp *ControlPlane) startControllers() error {
	manager := component{
		name: "kube-controller-manager",
		args: []string{
			"--kubeconfig=" + cp.kubeconfig, "--leader-elect=false", "--secure-port=0",
			"--controllers=" + controllers, "--kube-api-qps=500", "--kube-api-burst=1000",
			"--concurrent-deployment-syncs=20", "--concurrent-replicaset-syncs=20",
		},
	}
	scheduler := component{
		name: "kube-scheduler",
		args: []string{
			"--kubeconfig=" + cp.kubeconfig, "--leader-elect=false", "--secure-port=0",
			"--kube-api-qps=500", "--kube-api-burst=1000",
		},
	}
	for _, c := range []component{manager, scheduler} {
		if err := c.start(cp.assets, cp.dir); err != nil {
			return err
		}
		cp.components = append(cp.components, &c)
	}
	return nil
}

// User returns a configuration that connects to the apiserver as the named user. Rights
// come only from RBAC, unless one of groups is system:masters.
func (cp *ControlPlane) User(name string, groups ...string) (*rest.Config, error) {
	cp.users.Lock()
	defer cp.users.Unlock()
	user, err := cp.env.AddUser(envtest.User{Name: name, Groups: groups}, &rest.Config{QPS: -1})
	if err != nil {
		return nil, fmt.Errorf("add the user %s: %w", name, err)
	}
	return user.Config(), nil
}

// Store writes an object of a custom resource directly into etcd, without the checks of
// the apiserver, as an earlier version of the resource's schema would have allowed it.
// The document must have the metadata that an apiserver adds.
func (cp *ControlPlane) Store(ctx context.Context, group, resource, namespace, name string, document []byte) error {
	body, err := json.Marshal(map[string][]byte{
		"key": []byte(path.Join("/registry", group, resource, namespace, name)), "value": document,
	})
	if err != nil {
		return fmt.Errorf("encode an object for etcd: %w", err)
	}
	url := cp.env.ControlPlane.Etcd.URL.JoinPath("/v3/kv/put").String()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask etcd: %w", err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask etcd: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if answer, err := io.ReadAll(response.Body); err != nil || response.StatusCode != http.StatusOK {
		return errors.Join(err, fmt.Errorf("store %s/%s in etcd: %s: %s", namespace, name, response.Status, answer))
	}
	return nil
}

// Stop ends every process and removes their files.
func (cp *ControlPlane) Stop() error {
	var errs []error
	for _, c := range cp.components {
		errs = append(errs, c.stop())
	}
	if cp.env != nil {
		errs = append(errs, cp.env.Stop())
	}
	errs = append(errs, os.RemoveAll(cp.dir))
	return errors.Join(errs...)
}
