// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/command"
)

// A status is written as its difference to what the cache holds. What is dropped here is
// on neither side of it, so it stays in the cluster as it is.

// slimCommand keeps of a QueueCommand what it is known and carried out by, and of one that
// has ended when it is to go: anybody who may create some can make many that are large,
// and a list of failed jobs is.
func slimCommand(object any) (any, error) {
	cmd, ok := object.(*v1alpha1.QueueCommand)
	if !ok {
		return object, nil
	}
	cmd.ObjectMeta = metav1.ObjectMeta{
		Namespace: cmd.Namespace, Name: cmd.Name, UID: cmd.UID, ResourceVersion: cmd.ResourceVersion, Generation: cmd.Generation,
		CreationTimestamp: cmd.CreationTimestamp, DeletionTimestamp: cmd.DeletionTimestamp,
	}
	if !command.Ended(cmd) {
		return cmd, nil
	}
	cmd.Spec = v1alpha1.QueueCommandSpec{TTL: cmd.Spec.TTL}
	cmd.Status = v1alpha1.QueueCommandStatus{State: cmd.Status.State, Conditions: cmd.Status.Conditions}
	for i := range cmd.Status.Conditions {
		condition := &cmd.Status.Conditions[i]
		*condition = metav1.Condition{Type: condition.Type, Status: condition.Status, LastTransitionTime: condition.LastTransitionTime}
	}
	return cmd, nil
}

// slimOwn keeps of a QueueWorker's and a QueueApp's annotations those of ours, which are
// all that is read: others may be 256 KiB of each.
func slimOwn(object any) (any, error) {
	if own, ok := object.(metav1.Object); ok {
		own.SetManagedFields(nil)
		// Not deleted from: a map keeps the room it once took.
		var ours map[string]string
		for key, value := range own.GetAnnotations() {
			if strings.HasPrefix(key, v1alpha1.GroupName+"/") {
				if ours == nil {
					ours = map[string]string{}
				}
				ours[key] = value
			}
		}
		own.SetAnnotations(ours)
	}
	return object, nil
}
