// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// OpenAudit reads the audit log of an apiserver that another program started.
func OpenAudit(path string) *Audit { return &Audit{path: path} }

// End returns the present end of the log of an apiserver that writes it before it answers.
func (a *Audit) End() (Mark, error) {
	info, err := os.Stat(a.path)
	if err != nil {
		return 0, fmt.Errorf("look at the audit log: %w", err)
	}
	return Mark(info.Size()), nil
}

// Usage holds what an account asked of the apiserver.
type Usage struct {
	// grants has every used grant, as Grant writes it.
	grants map[string]bool
	// forbidden are requests that a missing right or a policy refused.
	forbidden []string
}

// Usage collects the requests between two marks of the accounts that by selects.
func (a *Audit) Usage(from, to Mark, by func(Request) bool) (Usage, error) {
	usage := Usage{grants: map[string]bool{}}
	_, err := a.Between(from, to, func(r Request) bool {
		if r.ObjectRef.Resource == "" || !by(r) {
			return false
		}
		usage.add(r)
		return false
	})
	return usage, err
}

func (u *Usage) add(r Request) {
	u.grants[Grant(r.ObjectRef.APIGroup, r.Resource(), r.Verb)] = true
	if r.Verb == "patch" && r.ResponseStatus.Code == http.StatusCreated {
		// Server-side apply of an absent object needs the right to create as well.
		u.grants[Grant(r.ObjectRef.APIGroup, r.Resource(), "create")] = true
	}
	if r.ResponseStatus.Code == http.StatusForbidden && !refusedByNamespace(r) {
		u.forbidden = append(u.forbidden, r.String())
	}
}

// refusedByNamespace reports whether the state of the namespace refused a request that
// the operator has the right to make: the namespace is being deleted, or it does not
// allow pods to have access to their node, and a test's pool asks for that access.
func refusedByNamespace(r Request) bool {
	return strings.Contains(r.ResponseStatus.Message, "because it is being terminated") ||
		strings.Contains(r.ResponseStatus.Message, "the pod template asks for access to its node")
}

// Grant returns the name of a verb on a resource, such as "apps/deployments patch".
func Grant(group, resource, verb string) string {
	return strings.TrimPrefix(group+"/", "/") + resource + " " + verb
}

// Check compares the usage with the grants of the account. No request may have been
// forbidden. No grant may be unused, unless excused gives a reason for the grant or for
// its verb.
func (u Usage) Check(rules []rbacv1.PolicyRule, excused map[string]string) error {
	var failures []error
	if len(u.forbidden) > 0 {
		failures = append(failures, fmt.Errorf("the operator was forbidden what it needs, %d times: %s",
			len(u.forbidden), strings.Join(u.forbidden[:min(5, len(u.forbidden))], "; ")))
	}
	var unused []string
	for _, grant := range grants(rules) {
		_, verb, _ := strings.Cut(grant, " ")
		if !u.grants[grant] && excused[grant] == "" && excused[verb] == "" {
			unused = append(unused, grant)
		}
	}
	if len(unused) > 0 {
		failures = append(failures, fmt.Errorf("the operator's roles grant what no test made it use: %s", strings.Join(unused, "; ")))
	}
	return errors.Join(failures...)
}

// grants returns the single grants of rules, sorted.
func grants(rules []rbacv1.PolicyRule) []string {
	var out []string
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					out = append(out, Grant(group, resource, verb))
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
