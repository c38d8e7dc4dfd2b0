// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Resize writes the scale subresource of an object, as kubectl scale does, as the given
// field manager.
func (l *Lab) Resize(object client.Object, name string, size int32, manager string) {
	l.Helper()
	object.SetNamespace(l.Namespace)
	object.SetName(name)
	patch := client.RawPatch(types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, size))
	err := l.Client.SubResource("scale").Patch(l.Ctx, object, patch, client.WithSubResourceBody(&autoscalingv1.Scale{}), client.FieldOwner(manager))
	if err != nil {
		l.Fatalf("scale %T %s to %d: %v", object, name, size, err)
	}
}
