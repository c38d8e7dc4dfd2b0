// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	systemNamespace = "queueworker-system"
	managerName     = "queueworker-manager"
)

// source returns the checkout to attack.
func source() string {
	if dir := os.Getenv("HOSTILE_SOURCE"); dir != "" {
		return dir
	}
	return filepath.Join("..", "..")
}

var programs struct {
	sync.Mutex
	paths map[string]string
}

// program builds a program of the product once, as for its image, and returns its path.
// HOSTILE_PROGRAMS names a directory of programs that are already built.
func program(t *testing.T, name string) string {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	if path := programs.paths[name]; path != "" {
		return path
	}
	if dir := os.Getenv("HOSTILE_PROGRAMS"); dir != "" {
		if output, err := exec.CommandContext(t.Context(), "cp", filepath.Join(dir, name), workshop).CombinedOutput(); err != nil {
			t.Fatalf("take %s from %s: %v: %s", name, dir, err, output)
		}
	} else {
		build := exec.CommandContext(t.Context(), filepath.Join(source(), "hack", "build.sh"), workshop, name)
		if output, err := build.CombinedOutput(); err != nil {
			t.Fatalf("build %s: %v\n%s", name, err, output)
		}
	}
	if programs.paths == nil {
		programs.paths = map[string]string{}
	}
	programs.paths[name] = filepath.Join(workshop, name)
	return programs.paths[name]
}

// installProduct installs the kustomize tree as users do. Its Deployment stays without
// pods, because the tests start the program.
func installProduct(ctx context.Context) error {
	if err := applyTree(ctx); err != nil {
		return err
	}
	if _, err := cluster.Kubectl(ctx, "", "wait", "--for=condition=Established", "--timeout=1m", "crd", "--all"); err != nil {
		return err
	}
	_, err := cluster.Kubectl(ctx, "", "scale", "--replicas=0", "-n", systemNamespace, "deployment/"+managerName)
	return err
}

func applyTree(ctx context.Context) error {
	_, err := cluster.Kubectl(ctx, "", "apply", "--server-side", "--force-conflicts", "-k", filepath.Join(source(), "config", "default"))
	return err
}

// pod holds what the shipped Deployment says about the operator's pod.
type pod struct {
	arguments   []string
	environment []string
	memory      int64
}

// shippedPod reads the operator's arguments, environment and memory limit as they were
// installed.
func shippedPod(ctx context.Context) (pod, error) {
	deployment := &appsv1.Deployment{}
	if err := api.Get(ctx, client.ObjectKey{Namespace: systemNamespace, Name: managerName}, deployment); err != nil {
		return pod{}, err
	}
	container := deployment.Spec.Template.Spec.Containers[0]
	out := pod{arguments: container.Args, memory: container.Resources.Limits.Memory().Value()}
	if out.memory == 0 {
		return pod{}, fmt.Errorf("the Deployment %s has no memory limit", managerName)
	}
	for _, variable := range container.Env {
		value, err := valueOf(variable, container)
		if err != nil {
			return pod{}, err
		}
		out.environment = append(out.environment, variable.Name+"="+value)
	}
	return out, nil
}

// valueOf returns the value that the kubelet would give a variable.
func valueOf(variable corev1.EnvVar, container corev1.Container) (string, error) {
	from := variable.ValueFrom
	switch {
	case from == nil:
		return variable.Value, nil
	case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.namespace":
		return systemNamespace, nil
	case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.name":
		return managerName + "-0", nil
	case from.FieldRef != nil && from.FieldRef.FieldPath == "metadata.uid":
		return "4bb8f9a2-0000-4000-8000-000000000000", nil
	case from.ResourceFieldRef != nil && from.ResourceFieldRef.Resource == "limits.memory" && from.ResourceFieldRef.Divisor.Value() <= 1:
		return strconv.FormatInt(container.Resources.Limits.Memory().Value(), 10), nil
	default:
		return "", fmt.Errorf("the operator's variable %s comes from a source that this test cannot play", variable.Name)
	}
}
