// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/telemetry"
	"queueworker.dev/queueworker/test/builders"
)

// TestImagesOfAPreflightHaveOneOrder: whatever the order of the pods, each image is
// named once, and at the same place, so that the status is not written again.
func TestImagesOfAPreflightHaveOneOrder(t *testing.T) {
	o := &World{Worker: &v1alpha1.QueueWorker{}}
	o.Worker.Name = "default"
	add := func(name, image, id, version string, findings ...protocol.Finding) {
		pod := builders.Pod(name, noon.Add(time.Duration(len(o.Pods))*time.Second))
		pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "worker", Image: image, ImageID: id}}
		o.add(pod, telemetry.PodReport{Status: &protocol.Status{Runtime: &protocol.RuntimeFacts{Version: version, Findings: findings}}})
	}
	add("a", "shop:2", "sha256:1", "13.1.0", protocol.Finding{Kind: "A"})
	add("b", "shop:1", "sha256:1", "13.1.0", protocol.Finding{Kind: "B"})
	add("c", "shop:1", "sha256:1", "13.0.0", protocol.Finding{Kind: "C"})
	add("d", "shop:1", "sha256:0", "13.0.0", protocol.Finding{Kind: "D"})
	add("e", "shop:2", "sha256:1", "13.1.0", protocol.Finding{Kind: "E"})
	add("silent", "shop:9", "sha256:9", "13.1.0")

	want := []v1alpha1.CheckedImage{
		{Image: "shop:1", ImageID: "sha256:0", Version: "13.0.0"},
		{Image: "shop:1", ImageID: "sha256:1", Version: "13.0.0"},
		{Image: "shop:1", ImageID: "sha256:1", Version: "13.1.0"},
		{Image: "shop:2", ImageID: "sha256:1", Version: "13.1.0"},
	}
	for range 2 {
		got := PreflightOf(o)
		if diff := cmp.Diff(want, got.Images); diff != "" {
			t.Errorf("images (-want +got):\n%s", diff)
		}
		if len(got.Findings) != 1 || got.Findings[0].Kind != "E" {
			t.Errorf("the findings are %+v, want those of the newest pod that has any", got.Findings)
		}
		slices.Reverse(o.Pods)
	}
}
