// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd"
)

func TestExplain(t *testing.T) {
	workers := schema.GroupResource{Group: "queueworker.dev", Resource: "queueworkers"}
	denied := apierrors.NewForbidden(workers, "emails", errors.New(`User "system:serviceaccount:shop:eve" cannot patch resource "queueworkers" in API group "queueworker.dev" in the namespace "shop"`))
	tests := map[string]struct {
		err  error
		code int
		want string
	}{
		"a right is missing": {
			fmt.Errorf("pause emails: %w", denied), CodeForbidden,
			"You, system:serviceaccount:shop:eve, may not patch queueworkers in the namespace shop. Ask for the right `patch` on `queueworkers` of queueworker.dev; to check whether you have it: kubectl auth can-i patch queueworkers.queueworker.dev --namespace shop",
		},
		"of a subresource, everywhere": {
			apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "", errors.New(`User "eve" cannot get resource "pods/log" in API group "" at the cluster scope`)), CodeForbidden,
			"You, eve, may not get pods/log in the whole cluster. Ask for the right `get` on `pods/log`; to check whether you have it: kubectl auth can-i get pods --subresource=log --all-namespaces",
		},
		"an admission policy":  {apierrors.NewForbidden(workers, "emails", errors.New("exceeded quota")), CodeForbidden, `You may not do this: queueworkers.queueworker.dev "emails" is forbidden: exceeded quota`},
		"not there":            {apierrors.NewNotFound(workers, "emails"), CodeNotFound, `queueworkers.queueworker.dev "emails" not found`},
		"said by us":           {fmt.Errorf("wait: %w", TimedOut("not within %ds", 3)), CodeTimedOut, "wait: not within 3s"},
		"no answer":            {context.DeadlineExceeded, CodeTimedOut, "The cluster did not answer in time: context deadline exceeded"},
		"no cluster":           {clientcmd.ErrEmptyConfig, CodeFailed, "No cluster is configured. Name a kubeconfig with --kubeconfig or the variable KUBECONFIG."},
		"a cluster without us": {&meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "QueueWorker"}}, CodeFailed, `This cluster lacks a kind that the command needs: no matches for kind "QueueWorker" in group "". Install QueueWorker's chart, or name another cluster with --context.`},
		"unreachable":          {&url.Error{Op: "Get", URL: "https://x", Err: errors.New("refused")}, CodeFailed, `The cluster does not answer: Get "https://x": refused. Is --context the right one?`},
		"anything else":        {errors.New("a disk is full"), CodeFailed, "a disk is full"},
	}
	for name, tt := range tests {
		code, got := Explain(tt.err)
		if code != tt.code || got != tt.want {
			t.Errorf("%s: %d %q\nwant %d %q", name, code, got, tt.code, tt.want)
		}
	}
}
