// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// AssetsEnv is the environment variable that names the directory with the
// control plane's binaries.
const AssetsEnv = "KUBEBUILDER_ASSETS"

// binaries are the programs that the directory in AssetsEnv must hold.
var binaries = []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"}

// assets returns the directory with the control plane's binaries. The error says what is
// missing and which command provides it.
func assets() (string, error) {
	const remedy = "`make test-integration` builds the control plane's binaries and sets it"
	dir := os.Getenv(AssetsEnv)
	if dir == "" {
		return "", fmt.Errorf("the environment variable %s is not set; %s", AssetsEnv, remedy)
	}
	var missing []string
	for _, name := range binaries {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.IsDir() || info.Mode()&0o111 == 0 {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return "", fmt.Errorf("the directory %s, which %s names, lacks the executables %s; %s",
			dir, AssetsEnv, strings.Join(missing, ", "), remedy)
	}
	return dir, nil
}
