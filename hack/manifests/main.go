// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// Locations, relative to the top of the checkout.
const (
	crdDir       = "config/crd/bases"
	rbacDir      = "config/rbac"
	operatorRole = "config/rbac/role.yaml"
	admissionDir = "config/admission"
	chartCRDDir  = "charts/queueworker/templates/crds"
	chartRules   = "charts/queueworker/templates/_rules.tpl"
	chartPolicy  = "charts/queueworker/templates/_policies.tpl"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "manifests: %v\n", err)
		os.Exit(1)
	}
}

func run() error {
	if _, err := os.Stat("api/v1alpha1"); err != nil {
		return errors.New("the folder api/v1alpha1 is not here; run this from the top of the checkout")
	}
	if err := controllerGen("object:headerFile=hack/boilerplate.go.txt", "paths=./api/..."); err != nil {
		return err
	}
	if err := writeCRDs(); err != nil {
		return err
	}
	return errors.Join(writeRoles(), writePolicies())
}

// controllerGen runs the controller-gen that go.mod pins.
func controllerGen(args ...string) error {
	cmd := exec.Command("go", append([]string{"tool", "controller-gen"}, args...)...)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %v: %w", cmd.Args[1:], err)
	}
	return nil
}

func writeCRDs() error {
	dir, err := os.MkdirTemp("", "queueworker-crd-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := controllerGen("crd:generateEmbeddedObjectMeta=true", "paths=./api/...", "output:crd:dir="+dir); err != nil {
		return err
	}
	generated, err := readDir(dir)
	if err != nil {
		return err
	}
	plain, templates := map[string][]byte{}, map[string][]byte{}
	for name, raw := range generated {
		stripped, err := stripEmbedded(raw)
		if err != nil {
			return fmt.Errorf("strip %s: %w", name, err)
		}
		if stripped, err = tighten(stripped); err != nil {
			return fmt.Errorf("tighten %s: %w", name, err)
		}
		if stripped, err = bound(stripped); err != nil {
			return fmt.Errorf("bound %s: %w", name, err)
		}
		plain[name] = withHeader("# ", stripped)
		if templates[name], err = crdTemplate(stripped); err != nil {
			return fmt.Errorf("make a chart template of %s: %w", name, err)
		}
	}
	return errors.Join(replaceDir(crdDir, plain), replaceDir(chartCRDDir, templates))
}

func writeRoles() error {
	dir, err := os.MkdirTemp("", "queueworker-rbac-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := controllerGen("rbac:roleName=queueworker-manager", "paths=./controllers/...", "output:rbac:dir="+dir); err != nil {
		return err
	}
	role, err := os.ReadFile(filepath.Join(dir, "role.yaml"))
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("no +kubebuilder:rbac marker was found in controllers/; the operator's rights stand above Reconcile")
	}
	if err != nil {
		return err
	}
	if err := os.WriteFile(operatorRole, withHeader("# ", trimDocumentStart(role)), 0o644); err != nil {
		return err
	}
	roles, err := readDir(rbacDir)
	if err != nil {
		return err
	}
	rules, err := rulesTemplate(roles)
	if err != nil {
		return err
	}
	return os.WriteFile(chartRules, rules, 0o644)
}

func writePolicies() error {
	policies, err := readDir(admissionDir)
	if err != nil {
		return err
	}
	specs, err := policiesTemplate(policies)
	if err != nil {
		return err
	}
	return os.WriteFile(chartPolicy, specs, 0o644)
}

// readDir reads the YAML files of a folder, by file name.
func readDir(dir string) (map[string][]byte, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, path := range paths {
		if files[filepath.Base(path)], err = os.ReadFile(path); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// replaceDir makes files the only YAML files of dir, so that the manifest of a removed
// kind disappears too.
func replaceDir(dir string, files map[string][]byte) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	old, err := readDir(dir)
	if err != nil {
		return err
	}
	for name := range old {
		if _, ok := files[name]; !ok {
			if err := os.Remove(filepath.Join(dir, name)); err != nil {
				return err
			}
		}
	}
	for _, name := range sortedKeys(files) {
		if err := os.WriteFile(filepath.Join(dir, name), files[name], 0o644); err != nil {
			return err
		}
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}
