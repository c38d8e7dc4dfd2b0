// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const forwardSwitch = "/proc/sys/net/ipv4/ip_forward"

// bridgeUp creates the bridge to which pods are connected. Its address is also the
// node's, because the kubelet refuses a loopback address and this address is the same on
// every machine.
func bridgeUp(l layout) error {
	before, err := os.ReadFile(forwardSwitch)
	if err != nil {
		return fmt.Errorf("read %s: %w", forwardSwitch, err)
	}
	if err := os.WriteFile(forwardBefore(l), before, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(forwardSwitch, []byte("1"), 0o644); err != nil {
		return fmt.Errorf("let the kernel forward packets between pods: %w", err)
	}
	for _, arguments := range [][]string{
		{"link", "add", bridgeName, "type", "bridge"},
		{"addr", "add", nodeAddress + "/24", "dev", bridgeName},
		{"link", "set", bridgeName, "up"},
		// Without this route, a machine without a default route could not reach Services.
		{"route", "add", serviceCIDR, "dev", bridgeName, "src", nodeAddress},
	} {
		if err := runTool("ip", arguments...); err != nil {
			return err
		}
	}
	for _, rule := range ownRules {
		arguments := append([]string{"-w", "-t", rule.table, "-A", rule.chain}, rule.match...)
		if err := runTool("iptables", append(arguments, "-m", "comment", "--comment", networkName)...); err != nil {
			return err
		}
	}
	return nil
}

// ownRules let pods reach the outside even if the machine's policy is to drop forwarded
// packets, and hide the pods' addresses from it.
var ownRules = []struct {
	table, chain string
	match        []string
}{
	{"filter", "FORWARD", []string{"-i", bridgeName, "-j", "ACCEPT"}},
	{"filter", "FORWARD", []string{"-o", bridgeName, "-j", "ACCEPT"}},
	{"nat", "POSTROUTING", []string{"-s", podCIDR, "!", "-o", bridgeName, "-j", "MASQUERADE"}},
}

// bridgeDown removes the bridge and restores packet forwarding.
func bridgeDown(l layout) error {
	if before, err := os.ReadFile(forwardBefore(l)); err == nil {
		if err := os.WriteFile(forwardSwitch, before, 0o644); err != nil {
			return fmt.Errorf("put packet forwarding back: %w", err)
		}
	}
	if !bridgeExists() {
		return nil
	}
	return runTool("ip", "link", "delete", bridgeName)
}

func bridgeExists() bool {
	_, err := net.InterfaceByName(bridgeName)
	return err == nil
}

func forwardBefore(l layout) string { return filepath.Join(l.state, "ip_forward.before") }

// enableBridgeFilter makes packets between two pods of the bridge pass the address
// translation of Services. It returns false if the kernel cannot do that.
func enableBridgeFilter() bool {
	const filter = "/proc/sys/net/bridge/bridge-nf-call-iptables"
	if _, err := os.Stat(filter); err != nil {
		_ = exec.Command("modprobe", "br_netfilter").Run() // the write below shows whether it worked
	}
	return os.WriteFile(filter, []byte("1"), 0o644) == nil
}

// checkPorts returns an error with the cluster's ports that other programs hold.
func checkPorts() error {
	var taken []string
	for _, port := range []string{apiServerPort, etcdPort, etcdPeerPort, "10248", "10249", "10250", "10256", "10257", "10259"} {
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err != nil {
			taken = append(taken, port)
			continue
		}
		listener.Close()
	}
	if len(taken) > 0 {
		return fmt.Errorf("another program listens on port %s of this machine; the cluster needs it (ss -ltnp shows who)", strings.Join(taken, ", "))
	}
	return nil
}
