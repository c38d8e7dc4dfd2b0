// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// up starts the cluster unless it already runs.
func up(l layout, out io.Writer, say reporter) error {
	if err := checkMachine(); err != nil {
		return err
	}
	unlock, err := lockCluster()
	if err != nil {
		return err
	}
	defer unlock()
	if err := checkOwner(l); err != nil {
		return err
	}
	started := time.Now()
	if whole(l, startPatience) == nil {
		say.step("the cluster is up already; its state is in %s", l.state)
		sayIfOutdated(l, say)
		printEnvironment(l, out)
		return nil
	}
	bin, err := binaries(l, say)
	if err != nil {
		return err
	}
	if err := ensurePackages(say); err != nil {
		return err
	}
	if hasLeftovers(l) {
		say.step("removing what an earlier run left behind")
		if err := clean(l); err != nil {
			return err
		}
	}
	if err := checkPorts(); err != nil {
		return err
	}
	if err := errors.Join(setOwner(l, ownerFile), bringUp(l, bin, say)); err != nil {
		return fmt.Errorf("%w\nThe cluster is half up: \"up\" tries again from the start, \"down\" removes it", err)
	}
	say.step("the cluster is up after %s; kubectl is in %s", seconds(time.Since(started)), bin)
	printEnvironment(l, out)
	return nil
}

// printEnvironment prints what a shell needs: eval "$(cluster up)".
func printEnvironment(l layout, out io.Writer) {
	fmt.Fprintf(out, "export KUBECONFIG=%s\n", l.kubeconfig())
}

// sayIfOutdated tells a developer if the running cluster uses other binaries than the
// checkout's sources would build.
func sayIfOutdated(l layout, say reporter) {
	running, err := os.ReadFile(l.stamp())
	home, homeErr := binariesHome(l)
	if err == nil && homeErr == nil && !strings.HasPrefix(string(running), home+"/") {
		say.step("it runs other binaries than this checkout builds; run down and then up to change to these")
	}
}

// whole returns nil if up once finished and everything still runs. The node has some time
// to report that it is ready, because a machine that is busy with tests may answer late
// and must not lose its cluster because of that.
func whole(l layout, patience time.Duration) error {
	if _, err := os.Stat(l.stamp()); err != nil {
		return errors.New("the cluster is not up")
	}
	var ended []string
	for _, c := range components(l, "") {
		if !running(l, c.name) {
			ended = append(ended, c.name)
		}
	}
	if len(ended) > 0 {
		return fmt.Errorf("the cluster is broken: %s ended", strings.Join(ended, ", "))
	}
	client, err := newAPIClient(l)
	if err != nil {
		return err
	}
	return waitFor(l, "the node is ready", patience, []string{"kube-apiserver", "kubelet"}, client.nodeReady)
}

// bringUp starts everything on a clean machine, in an order in which no component waits
// for a later one.
func bringUp(l layout, bin string, say reporter) error {
	if err := prepare(l, bin); err != nil {
		return err
	}
	programs := map[string]component{}
	for _, c := range components(l, bin) {
		programs[c.name] = c
	}
	start := func(names ...string) error {
		say.step("starting %s", strings.Join(names, ", "))
		for _, name := range names {
			if err := programs[name].start(l); err != nil {
				return err
			}
		}
		return nil
	}
	if err := start("containerd", "etcd", "kube-apiserver"); err != nil {
		return err
	}
	client, err := newAPIClient(l)
	if err != nil {
		return err
	}
	err = inParallel(
		func() error { return loadPause(l, say) },
		func() error {
			return waitFor(l, "the apiserver is ready", startPatience, []string{"etcd", "kube-apiserver"}, client.ready)
		})
	if err != nil {
		return err
	}
	bootstrap := kubectl(l, bin, "apply", "--filename="+filepath.Join(l.conf(), "bootstrap.yaml"))
	if output, err := bootstrap.CombinedOutput(); err != nil {
		return fmt.Errorf("apply the first roles: %w: %s", err, output)
	}
	if err := start("kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "coredns"); err != nil {
		return err
	}
	return settle(l, bin, client, say)
}

// prepare creates directories, certificates, configuration, network and groups.
func prepare(l layout, bin string) error {
	for _, directory := range []string{l.pki(), l.conf(), l.cni(), l.kubelet(), l.containerd(), l.podLogs(), filepath.Join(l.state, "run")} {
		if err := os.MkdirAll(directory, 0o755); err != nil {
			return err
		}
	}
	if err := os.Chmod(l.pki(), 0o700); err != nil {
		return err
	}
	if err := writePKI(l, time.Now()); err != nil {
		return err
	}
	if err := writeSettings(l); err != nil {
		return err
	}
	if err := os.Symlink(bin, filepath.Join(l.state, "bin")); err != nil {
		return err
	}
	return errors.Join(bridgeUp(l), createCgroups())
}

// settle waits until pods can run and find each other.
func settle(l layout, bin string, client apiClient, say reporter) error {
	say.step("waiting until the node is ready, and names and Services answer")
	err := inParallel(
		func() error {
			return waitFor(l, "the node is ready", startPatience, []string{"kube-apiserver", "containerd", "kubelet"}, client.nodeReady)
		},
		func() error {
			return waitFor(l, "CoreDNS answers", startPatience, []string{"kube-apiserver", "coredns"}, dnsAnswers)
		},
		func() error {
			return waitFor(l, "Services answer", startPatience, []string{"kube-apiserver", "kube-proxy"}, serviceAnswers)
		},
		func() error {
			return waitFor(l, "service accounts exist", startPatience, []string{"kube-apiserver", "kube-controller-manager"}, func() error {
				return kubectl(l, bin, "get", "serviceaccount", "default", "--namespace=default").Run()
			})
		})
	if err != nil {
		return err
	}
	return os.WriteFile(l.stamp(), []byte(bin+"\n"), 0o644)
}
