// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func exampleSettings() settings {
	s := newSettings(layout{state: "/state", cache: "/cache"})
	s.CNIPlugins, s.Snapshotter, s.Forward = "/plugins", "overlayfs", true
	return s
}

func TestRenderFollowsTheMachine(t *testing.T) {
	without := exampleSettings()
	without.Forward, without.MasqueradeAll, without.Snapshotter = false, true, "native"
	for name, tc := range map[string]struct {
		settings   settings
		file, want string
		absent     bool
	}{
		"a name server is asked for the world":         {exampleSettings(), "conf/Corefile", "forward . /state/conf/resolv.conf", false},
		"no name server, nothing to forward to":        {without, "conf/Corefile", "forward", true},
		"bridge filter keeps source addresses":         {exampleSettings(), "conf/kube-proxy.yaml", "masqueradeAll: false", false},
		"no bridge filter hides them":                  {without, "conf/kube-proxy.yaml", "masqueradeAll: true", false},
		"no overlay":                                   {without, "conf/containerd.toml", `snapshotter = "native"`, false},
		"network namespaces stay below the state":      {without, "conf/containerd.toml", "netns_mounts_under_state_dir = true", false},
		"the kubelet accepts the older control groups": {without, "conf/kubelet.yaml", "failCgroupV1: false", false},
		"pods are counted with room for rollouts":      {without, "conf/kubelet.yaml", "maxPods: 200", false},
	} {
		t.Run(name, func(t *testing.T) {
			files, err := render(tc.settings)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(string(files[tc.file]), tc.want); got == tc.absent {
				t.Errorf("%s contains %q: %v; the file is\n%s", tc.file, tc.want, got, files[tc.file])
			}
		})
	}
}

func TestRenderLeavesNoPlaceOpen(t *testing.T) {
	files, err := render(exampleSettings())
	if err != nil {
		t.Fatal(err)
	}
	for path, content := range files {
		if len(content) == 0 || strings.Contains(string(content), "{{") || strings.Contains(string(content), "<no value>") {
			t.Errorf("%s is not filled in:\n%s", path, content)
		}
		if strings.Contains(string(content), "featureGates") {
			t.Errorf("%s switches features; the cluster shall be as Kubernetes ships it", path)
		}
	}
	if !json.Valid(files["cni/10-bridge.conflist"]) {
		t.Errorf("the network configuration is no JSON:\n%s", files["cni/10-bridge.conflist"])
	}
}

func TestRenderKubeconfigHoldsTheWholeIdentity(t *testing.T) {
	text := string(renderKubeconfig([]byte("authority"), "somebody", pair{[]byte("certificate"), []byte("key")}))
	for _, secret := range []string{"authority", "certificate", "key"} {
		if !strings.Contains(text, base64.StdEncoding.EncodeToString([]byte(secret))) {
			t.Errorf("the kubeconfig lacks the %s:\n%s", secret, text)
		}
	}
	if !strings.Contains(text, "https://"+nodeAddress+":"+apiServerPort) || !strings.Contains(text, "user: somebody}") {
		t.Errorf("the kubeconfig names another server or user:\n%s", text)
	}
}

func TestHasNameServer(t *testing.T) {
	for text, want := range map[string]bool{
		"nameserver 192.0.2.1\n":                 true,
		"search example.org\nnameserver ::1\n":   true,
		"":                                       false,
		"# nameserver 192.0.2.1\noptions rotate": false,
		"nameserver\n":                           false,
	} {
		if got := hasNameServer(text); got != want {
			t.Errorf("hasNameServer(%q) = %v; want %v", text, got, want)
		}
	}
}

func TestSecondsAreReadable(t *testing.T) {
	for d, want := range map[time.Duration]string{1234 * time.Millisecond: "1.2s", 12345 * time.Millisecond: "12s", 754 * time.Second: "12m34s"} {
		if got := seconds(d); got != want {
			t.Errorf("seconds(%v) = %s; want %s", d, got, want)
		}
	}
}
