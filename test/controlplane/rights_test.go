// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
)

func TestUsageIsComparedWithRights(t *testing.T) {
	rules := []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"pods"}, Verbs: []string{"list", "patch"}},
		{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"create", "patch"}},
	}
	const (
		podPatched  = `{"verb":"patch","user":{"username":"op"},"objectRef":{"resource":"pods","apiVersion":"v1"},"responseStatus":{"code":200}}`
		applied     = `{"verb":"patch","user":{"username":"op"},"objectRef":{"resource":"deployments","apiGroup":"apps"},"responseStatus":{"code":201}}`
		patched     = `{"verb":"patch","user":{"username":"op"},"objectRef":{"resource":"deployments","apiGroup":"apps"},"responseStatus":{"code":200}}`
		forbidden   = `{"verb":"get","user":{"username":"op"},"objectRef":{"resource":"secrets","name":"key"},"responseStatus":{"code":403}}`
		terminating = `{"verb":"patch","user":{"username":"op"},"objectRef":{"resource":"pods"},"responseStatus":{"code":403,"message":"unable to create new content in namespace a because it is being terminated"}}`
		nodeAccess  = `{"verb":"patch","user":{"username":"op"},"objectRef":{"resource":"deployments","apiGroup":"apps"},"responseStatus":{"code":403,"message":"ValidatingAdmissionPolicy 'templates' denied request: the pod template asks for access to its node: a hostPath volume"}}`
		another     = `{"verb":"get","user":{"username":"other"},"objectRef":{"resource":"secrets"},"responseStatus":{"code":403}}`
	)
	streams := map[string]string{"list": "lists are streamed by watches"}
	tests := map[string]struct {
		log     []string
		excused map[string]string
		want    []string
	}{
		"everything is used": {[]string{podPatched, applied}, streams, nil},
		"an unused verb":     {[]string{podPatched, applied}, nil, []string{"grant what no test made it use: pods list"}},
		"an apply of what is there needs no right to create": {[]string{podPatched, patched}, streams, []string{"apps/deployments create"}},
		"a grant of its own may be excused":                  {[]string{podPatched, patched}, map[string]string{"pods list": "so", "apps/deployments create": "so"}, nil},
		"a refusal":                                          {[]string{podPatched, applied, forbidden}, streams, []string{"forbidden what it needs, 1 times", "get secrets"}},
		"a namespace that goes":                              {[]string{podPatched, applied, terminating}, streams, nil},
		"a namespace that allows no access to nodes":         {[]string{podPatched, applied, nodeAccess}, streams, nil},
		"another account":                                    {[]string{podPatched, applied, another}, streams, nil},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.log")
			if err := os.WriteFile(path, []byte(strings.Join(tc.log, "\n")+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			audit := OpenAudit(path)
			end, err := audit.End()
			if err != nil {
				t.Fatal(err)
			}
			usage, err := audit.Usage(0, end, ByUser("op"))
			if err != nil {
				t.Fatal(err)
			}
			err = usage.Check(rules, tc.excused)
			if (err == nil) != (len(tc.want) == 0) {
				t.Fatalf("got %v, want %q", err, tc.want)
			}
			for _, want := range tc.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in: %v", want, err)
				}
			}
		})
	}
}
