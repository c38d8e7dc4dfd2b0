// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"testing"
)

func TestCRDsApplyTwiceWithPlainKubectl(t *testing.T) {
	// The first time was in TestMain. Client-side apply keeps the whole object in
	// an annotation, which must not be longer than 262144 bytes.
	out, err := cluster.Kubectl(t.Context(), "", "apply", "-f", crds)
	if err != nil {
		t.Fatal(err)
	}
	for _, crd := range []string{"queueapps", "queueworkers"} {
		want := "customresourcedefinition.apiextensions.k8s.io/" + crd + ".queueworker.dev unchanged"
		requireContains(t, out, want)
	}
}
