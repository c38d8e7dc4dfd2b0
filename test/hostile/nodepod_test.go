// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
)

// workerProgram builds the fake worker program and returns its path.
func workerProgram(t *testing.T) string {
	t.Helper()
	programs.Lock()
	defer programs.Unlock()
	path := filepath.Join(workshop, "worker")
	if _, err := os.Stat(path); err == nil {
		return path
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", path, "./worker")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build the fake worker: %v\n%s", err, output)
	}
	return path
}

// addresses numbers the pods' addresses. It begins at random, so that two test runs on
// one machine rarely collide.
var addresses = func() *atomic.Uint32 {
	var n atomic.Uint32
	n.Store(rand.Uint32N(200 << 8))
	return &n
}()

// podAddress returns a loopback address for a pod.
func podAddress() string {
	n := addresses.Add(1)
	return fmt.Sprintf("127.240.%d.%d", n>>8&0xff, 1+n%250)
}

// startPod starts the process of a pod's first container: the agent with a worker
// program, or the backlog probe.
func startPod(pod *corev1.Pod) (*runningPod, error) {
	p := &runningPod{namespace: pod.Namespace, name: pod.Name, container: pod.Spec.Containers[0], ip: podAddress()}
	root, err := os.MkdirTemp(workshop, "pod-")
	if err != nil {
		return nil, err
	}
	binary, at := "backlog", "/backlog"
	arguments := slices.Concat([]string{at}, p.container.Args)
	if len(p.container.Command) > 0 {
		binary, at = "agent", p.container.Command[0]
		arguments = slices.Concat(p.container.Command, p.container.Args)
	}
	if err := fill(root, pod, binary, at); err != nil {
		return nil, err
	}
	arguments = slices.Insert(arguments, len(arguments)-len(after(arguments, "--")), listenFlags(binary, p.ip)...)
	environment, err := environmentOf(pod, p.container)
	if err != nil {
		return nil, err
	}
	p.process, err = runIn(root, environment, arguments...)
	return p, err
}

// after returns the arguments from a separator onward.
func after(arguments []string, separator string) []string {
	if i := slices.Index(arguments, separator); i >= 0 {
		return arguments[i:]
	}
	return nil
}

// fill creates the contents of the pod's root directory.
func fill(root string, pod *corev1.Pod, binary, at string) error {
	steps := []error{os.Chmod(root, 0o755)}
	for _, dir := range []string{filepath.Dir(at), "/dev", "/tmp", protocol.StateDir} {
		steps = append(steps, os.MkdirAll(filepath.Join(root, dir), 0o777))
	}
	steps = append(steps,
		os.Link(filepath.Join(workshop, binary), filepath.Join(root, at)),
		os.Link(filepath.Join(workshop, "worker"), filepath.Join(root, "worker")),
		os.WriteFile(filepath.Join(root, "dev", "termination-log"), nil, 0o666),
		// These numbers are the same on every Linux.
		syscall.Mknod(filepath.Join(root, "dev", "null"), syscall.S_IFCHR|0o666, 1<<8|3),
		writeVolumes(context.Background(), root, pod))
	return errors.Join(steps...)
}

// listenFlags returns flags that bind a program to the pod's address on each of its
// ports.
func listenFlags(binary, ip string) []string {
	ask := []string{"-h"}
	if binary == "agent" {
		ask = []string{"run", "-h"}
	}
	usage, _ := exec.Command(filepath.Join(workshop, binary), ask...).CombinedOutput() // it fails and prints its flags
	var out []string
	for flag, port := range map[string]int{"-listen": protocol.Port, "-listen-health": protocol.Port + 1, "-listen-operator": protocol.Port + 2} {
		if strings.Contains(string(usage), "  "+flag+" ") {
			out = append(out, flag+"="+ip+":"+strconv.Itoa(port))
		}
	}
	return out
}

func environmentOf(pod *corev1.Pod, container corev1.Container) ([]string, error) {
	var out []string
	for _, variable := range container.Env {
		value := strings.ReplaceAll(variable.Value, "$$", "$")
		if from := variable.ValueFrom; from != nil {
			if from.FieldRef == nil {
				return nil, fmt.Errorf("the variable %s has a source that the fake kubelet does not know", variable.Name)
			}
			value = fieldOf(pod, from.FieldRef.FieldPath)
		}
		out = append(out, variable.Name+"="+value)
	}
	return out, nil
}

func fieldOf(pod *corev1.Pod, path string) string {
	switch path {
	case "metadata.name":
		return pod.Name
	case "metadata.namespace":
		return pod.Namespace
	case "metadata.uid":
		return string(pod.UID)
	}
	if key, ok := strings.CutPrefix(path, "metadata.annotations['"); ok {
		return pod.Annotations[strings.TrimSuffix(key, "']")]
	}
	return ""
}

// writeVolumes writes the files of a pod's volumes, each completely or not at all.
func writeVolumes(ctx context.Context, root string, pod *corev1.Pod) error {
	for _, mount := range pod.Spec.Containers[0].VolumeMounts {
		index := slices.IndexFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.Name == mount.Name })
		if index < 0 {
			continue
		}
		files, err := filesOf(ctx, pod, pod.Spec.Volumes[index].VolumeSource)
		if err != nil {
			return err
		}
		dir := filepath.Join(root, mount.MountPath)
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return err
		}
		for name, content := range files {
			path := filepath.Join(dir, name)
			if old, err := os.ReadFile(path); err == nil && string(old) == content {
				continue
			}
			if err := errors.Join(os.WriteFile(path+".new", []byte(content), 0o644), os.Rename(path+".new", path)); err != nil {
				return err
			}
		}
	}
	return nil
}

// filesOf returns the files of a volume with their contents.
func filesOf(ctx context.Context, pod *corev1.Pod, from corev1.VolumeSource) (map[string]string, error) {
	sources := []corev1.VolumeProjection{{ConfigMap: nil}}
	switch {
	case from.Projected != nil:
		sources = from.Projected.Sources
	case from.DownwardAPI != nil:
		sources[0].DownwardAPI = &corev1.DownwardAPIProjection{Items: from.DownwardAPI.Items}
	case from.ConfigMap != nil:
		sources[0].ConfigMap = &corev1.ConfigMapProjection{LocalObjectReference: from.ConfigMap.LocalObjectReference}
	}
	files := map[string]string{}
	for _, source := range sources {
		if source.DownwardAPI != nil {
			for _, item := range source.DownwardAPI.Items {
				if item.FieldRef != nil {
					files[item.Path] = fieldOf(pod, item.FieldRef.FieldPath)
				}
			}
		}
		if source.ConfigMap != nil {
			configMap := &corev1.ConfigMap{}
			err := api.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: source.ConfigMap.Name}, configMap)
			if client.IgnoreNotFound(err) != nil && ctx.Err() == nil {
				return nil, err
			}
			maps.Copy(files, configMap.Data)
		}
	}
	return files, nil
}
