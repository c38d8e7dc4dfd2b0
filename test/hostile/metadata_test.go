// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestLargeMetadataCostsLittle stretches metadata, which the product's schemas do not
// bound.
func TestLargeMetadataCostsLittle(t *testing.T) {
	const size = 1_200_000
	owner := `{"apiVersion":"v1","kind":"ConfigMap","name":"n%","uid":"00000000-0000-4000-8000-%"}`
	for name, metadata := range map[string]string{
		"labels":          `"labels":{` + repeated(`"k%":""`, size) + `}`,
		"annotations":     `"annotations":{` + repeated(`"k%":""`, 200_000) + `}`,
		"our annotations": `"annotations":{` + repeated(`"queueworker.dev/k%":""`, 250_000) + `}`,
		"finalizers":      `"finalizers":[` + repeated(`"example.com/f%"`, size) + `]`,
		"owners":          `"ownerReferences":[` + repeated(owner, size) + `]`,
	} {
		for _, kind := range []string{"QueueApp", "QueueWorker", "QueueCommand"} {
			t.Run(kind+" with "+name, func(t *testing.T) { measureMetadata(t, kind, metadata, strings.HasPrefix(name, "final")) })
		}
	}
}

func measureMetadata(t *testing.T, kind, metadata string, finalized bool) {
	t.Helper()
	namespace := newNamespace(t, "attacker")
	path := ourPath(namespace, resourceOf(kind))
	const count = 4
	for i := range count {
		document := fmt.Sprintf(`{"apiVersion":"queueworker.dev/v1alpha1","kind":%q,"metadata":{"name":"fat-%d",%s},"spec":%s}`,
			kind, i, metadata, leastSpecs[kind])
		mustPost(t, path, document)
		if finalized {
			t.Cleanup(func() {
				_ = kube.Discovery().RESTClient().Patch("application/merge-patch+json").AbsPath(path, fmt.Sprintf("fat-%d", i)).
					Body([]byte(`{"metadata":{"finalizers":null}}`)).Do(context.Background()).Error() // a failure shows in a namespace that stays
			})
		}
	}
	o := startOperator(t)
	o.answers(t)
	newVictim(t).change(t)
	o.settle(20 * time.Second)
	o.survives(t, mostForeign)
}
