// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"embed"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

//go:embed settings
var settingsFiles embed.FS

var settingsTemplates = template.Must(template.New("").Option("missingkey=error").ParseFS(settingsFiles, "settings/*"))

// settings fill the configuration files. The fields that depend on this machine come
// first; the others are the same everywhere.
type settings struct {
	CNIPlugins    string // folder of the network plugins
	Snapshotter   string // containerd's overlayfs, or native where overlay cannot be mounted
	MasqueradeAll bool   // true without br_netfilter
	Forward       bool   // whether the machine has a name server for other domains

	Pki, Conf, CNI, Kubelet, Containerd, PodLogs, Socket string

	NodeName, NodeAddress, PodCIDR, ClusterDomain string
	Bridge, NetworkName, Cgroup, PauseImage       string
}

func newSettings(l layout) settings {
	return settings{
		Pki: l.pki(), Conf: l.conf(), CNI: l.cni(), Kubelet: l.kubelet(), Containerd: l.containerd(),
		PodLogs: l.podLogs(), Socket: l.socket(),
		NodeName: nodeName, NodeAddress: nodeAddress, PodCIDR: podCIDR, ClusterDomain: clusterDomain,
		Bridge: bridgeName, NetworkName: networkName, Cgroup: cgroupName, PauseImage: pauseImage,
	}
}

// configurations maps each file below the state directory to its template.
var configurations = map[string]string{
	"conf/kubelet.yaml":      "kubelet.yaml",
	"conf/kube-proxy.yaml":   "kube-proxy.yaml",
	"conf/containerd.toml":   "containerd.toml",
	"conf/Corefile":          "Corefile",
	"conf/audit.yaml":        "audit.yaml",
	"conf/bootstrap.yaml":    "bootstrap.yaml",
	"cni/10-bridge.conflist": "bridge.conflist",
}

// render returns the content of every configuration file, by its path below the state
// directory.
func render(s settings) (map[string][]byte, error) {
	files := make(map[string][]byte, len(configurations))
	for path, name := range configurations {
		var text bytes.Buffer
		if err := settingsTemplates.ExecuteTemplate(&text, name, s); err != nil {
			return nil, fmt.Errorf("render %s: %w", path, err)
		}
		files[path] = text.Bytes()
	}
	return files, nil
}

func renderKubeconfig(authority []byte, user string, p pair) []byte {
	var text bytes.Buffer
	encode := base64.StdEncoding.EncodeToString
	err := settingsTemplates.ExecuteTemplate(&text, "kubeconfig", map[string]string{
		"Server":      "https://" + nodeAddress + ":" + apiServerPort,
		"Authority":   encode(authority),
		"User":        user,
		"Certificate": encode(p.certificate),
		"Key":         encode(p.key),
	})
	if err != nil {
		panic(err) // the template and its four names are fixed
	}
	return text.Bytes()
}

// writeSettings inspects the machine and writes every configuration file.
func writeSettings(l layout) error {
	s := newSettings(l)
	plugins, found := cniPlugins()
	if !found {
		return fmt.Errorf("the network plugins are in none of %s", strings.Join(cniFolders, ", "))
	}
	s.CNIPlugins = plugins
	s.Snapshotter = chooseSnapshotter(l)
	s.MasqueradeAll = !enableBridgeFilter()
	resolver, err := os.ReadFile("/etc/resolv.conf")
	if err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("read the machine's name servers: %w", err)
	}
	s.Forward = hasNameServer(string(resolver))
	if err := os.WriteFile(filepath.Join(l.conf(), "resolv.conf"), resolver, 0o644); err != nil {
		return err
	}
	files, err := render(s)
	if err != nil {
		return err
	}
	for path, content := range files {
		if err := os.WriteFile(filepath.Join(l.state, path), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

func hasNameServer(resolver string) bool {
	for line := range strings.Lines(resolver) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "nameserver" {
			return true
		}
	}
	return false
}
