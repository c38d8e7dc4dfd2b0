// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "path/filepath"

// components returns the cluster's programs in the order in which they start. bin is the
// directory of the links to the multi-call binary.
func components(l layout, bin string) []component {
	return []component{
		containerd(l), etcd(l, bin), apiServer(l, bin), controllerManager(l, bin),
		scheduler(l, bin), kubelet(l, bin), proxy(l, bin), dns(l, bin),
	}
}

func containerd(l layout) component {
	return component{name: "containerd", program: "containerd", arguments: []string{
		"--config=" + filepath.Join(l.conf(), "containerd.toml"),
	}}
}

func etcd(l layout, bin string) component {
	const url, peerURL = "https://127.0.0.1:" + etcdPort, "https://127.0.0.1:" + etcdPeerPort
	certificate, key, authority := filepath.Join(l.pki(), "etcd.crt"), filepath.Join(l.pki(), "etcd.key"), filepath.Join(l.pki(), "ca.crt")
	return component{name: "etcd", program: filepath.Join(bin, "etcd"), arguments: []string{
		"--name=" + nodeName,
		"--data-dir=" + filepath.Join(l.state, "etcd"),
		"--listen-client-urls=" + url, "--advertise-client-urls=" + url,
		"--listen-peer-urls=" + peerURL, "--initial-advertise-peer-urls=" + peerURL,
		"--initial-cluster=" + nodeName + "=" + peerURL,
		"--cert-file=" + certificate, "--key-file=" + key,
		"--client-cert-auth", "--trusted-ca-file=" + authority,
		"--peer-cert-file=" + certificate, "--peer-key-file=" + key,
		"--peer-client-cert-auth", "--peer-trusted-ca-file=" + authority,
		"--log-level=warn",
		"--unsafe-no-fsync", // the cluster does not outlive the machine
	}}
}

func apiServer(l layout, bin string) component {
	pki := func(name string) string { return filepath.Join(l.pki(), name) }
	return component{name: "kube-apiserver", program: filepath.Join(bin, "kube-apiserver"), arguments: []string{
		"--etcd-servers=https://127.0.0.1:" + etcdPort,
		"--etcd-cafile=" + pki("ca.crt"),
		"--etcd-certfile=" + pki("apiserver-etcd-client.crt"),
		"--etcd-keyfile=" + pki("apiserver-etcd-client.key"),
		"--bind-address=0.0.0.0", "--secure-port=" + apiServerPort,
		"--advertise-address=" + nodeAddress,
		"--tls-cert-file=" + pki("kube-apiserver.crt"),
		"--tls-private-key-file=" + pki("kube-apiserver.key"),
		"--client-ca-file=" + pki("ca.crt"),
		"--kubelet-certificate-authority=" + pki("ca.crt"),
		"--kubelet-client-certificate=" + pki("apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + pki("apiserver-kubelet-client.key"),
		// No DNS knows the node's name, which logs and exec would otherwise look up.
		"--kubelet-preferred-address-types=InternalIP",
		"--service-cluster-ip-range=" + serviceCIDR,
		"--service-account-issuer=https://kubernetes.default.svc." + clusterDomain,
		"--service-account-signing-key-file=" + pki("service-account-signature.key"),
		"--service-account-key-file=" + pki("service-account-signature.crt"),
		"--authorization-mode=Node,RBAC",
		"--enable-admission-plugins=NodeRestriction",
		"--allow-privileged=true",
		"--audit-policy-file=" + filepath.Join(l.conf(), "audit.yaml"),
		// Tests count writes in this log: one whole file, written before each response.
		"--audit-log-path=" + filepath.Join(l.state, "audit.log"),
		"--audit-log-maxsize=4096", "--audit-log-mode=blocking-strict",
	}}
}

func controllerManager(l layout, bin string) component {
	pki := func(name string) string { return filepath.Join(l.pki(), name) }
	return component{name: "kube-controller-manager", program: filepath.Join(bin, "kube-controller-manager"), arguments: []string{
		"--kubeconfig=" + l.kubeconfigOf("kube-controller-manager"),
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
		"--use-service-account-credentials=true",
		"--service-account-private-key-file=" + pki("service-account-signature.key"),
		"--root-ca-file=" + pki("ca.crt"),
		"--cluster-signing-cert-file=" + pki("ca.crt"),
		"--cluster-signing-key-file=" + pki("ca.key"),
		"--cluster-cidr=" + podCIDR, "--allocate-node-cidrs=true", "--node-cidr-mask-size=24",
		"--service-cluster-ip-range=" + serviceCIDR,
		"--flex-volume-plugin-dir=" + filepath.Join(l.kubelet(), "volume-plugins"),
	}}
}

func scheduler(l layout, bin string) component {
	return component{name: "kube-scheduler", program: filepath.Join(bin, "kube-scheduler"), arguments: []string{
		"--kubeconfig=" + l.kubeconfigOf("kube-scheduler"),
		"--bind-address=127.0.0.1",
		"--leader-elect=false",
	}}
}

func kubelet(l layout, bin string) component {
	return component{name: "kubelet", program: filepath.Join(bin, "kubelet"), arguments: []string{
		"--config=" + filepath.Join(l.conf(), "kubelet.yaml"),
		"--kubeconfig=" + l.kubeconfigOf("kubelet"),
		"--root-dir=" + l.kubelet(),
		"--cert-dir=" + l.pki(),
		"--hostname-override=" + nodeName,
		"--node-ip=" + nodeAddress,
	}}
}

func proxy(l layout, bin string) component {
	return component{name: "kube-proxy", program: filepath.Join(bin, "kube-proxy"), arguments: []string{
		"--config=" + filepath.Join(l.conf(), "kube-proxy.yaml"),
	}}
}

// dns runs on the node itself, because CoreDNS needs no pod to answer pods.
func dns(l layout, bin string) component {
	return component{name: "coredns", program: filepath.Join(bin, "coredns"), arguments: []string{
		"-conf=" + filepath.Join(l.conf(), "Corefile"),
	}}
}
