// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package preflight sums up what the workers of an application have found out about its
// image and settings, as the status of its QueueApp.
//
// Each kind of finding is a condition: true if it is well in every pool that has one,
// else false with what the first pool, by name, has to say. PreflightPassed sums them up.
// What nobody tells of any more stays as it was told last: a pool scaled to zero has
// not mended anything.
package preflight

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/desired"
)

// maxImages bounds QueueAppStatus.Images.
const maxImages = 10

// Input is all that decides a QueueApp's status.
type Input struct {
	Now time.Time
	App *v1alpha1.QueueApp
	// Pools are those of the app, in any order; Heard is false while one of them has not
	// been heard. Less than is known elsewhere must not be told.
	Pools []Pool
	Heard bool
	// Refusal says what of the template is larger than the operator reads; empty if nothing.
	Refusal string
}

// Pool is what one pool's workers have found.
type Pool struct {
	// Name is the QueueWorker's.
	Name string
	// Findings are those of its newest pod that has any.
	Findings []protocol.Finding
	// Images are those its pods run.
	Images []v1alpha1.CheckedImage
}

// Same tells whether two reports say the same.
func (p Pool) Same(other Pool) bool {
	return p.Name == other.Name && slices.Equal(p.Findings, other.Findings) && slices.Equal(p.Images, other.Images)
}

// Status computes the status.
func Status(in Input) v1alpha1.QueueAppStatus {
	status := *in.App.Status.DeepCopy()
	tellFindings(in, &status)
	tellRefusal(in, &status)
	slices.SortFunc(status.Conditions, func(a, b metav1.Condition) int { return strings.Compare(a.Type, b.Type) })
	return status
}

// tellRefusal says that the template is larger than the operator reads.
func tellRefusal(in Input, status *v1alpha1.QueueAppStatus) {
	if in.Refusal == "" {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionStalled)
		return
	}
	problem := desired.TooLarge("QueueApp", in.App.Name, in.Refusal)
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: problem.Reason, Message: problem.Message,
		ObservedGeneration: in.App.Generation, LastTransitionTime: metav1.NewTime(in.Now),
	})
}

// tellFindings says what the workers have found.
func tellFindings(in Input, status *v1alpha1.QueueAppStatus) {
	if !in.Heard {
		return
	}
	pools := slices.SortedFunc(slices.Values(in.Pools), func(a, b Pool) int { return strings.Compare(a.Name, b.Name) })
	status.ObservedGeneration = in.App.Generation
	set := func(conditionType string, is metav1.ConditionStatus, reason, message string) {
		meta.SetStatusCondition(&status.Conditions, metav1.Condition{
			Type: conditionType, Status: is, Reason: reason, Message: message,
			ObservedGeneration: in.App.Generation, LastTransitionTime: metav1.NewTime(in.Now),
		})
	}
	for _, kind := range protocol.FindingKinds {
		switch is, message := judge(kind, pools); {
		case is != metav1.ConditionFalse && foundBySilent(meta.FindStatusCondition(status.Conditions, kind), pools):
		case is != "":
			set(kind, is, reasonOf(is), message)
		case slices.ContainsFunc(pools, func(p Pool) bool { return len(p.Findings) > 0 }):
			// Others are told of: this one has become meaningless, as a driver's does.
			meta.RemoveStatusCondition(&status.Conditions, kind)
		}
	}
	is, reason, message := sum(status.Conditions)
	set(v1alpha1.ConditionPreflightPassed, is, reason, message)
	if images := imagesOf(pools); len(images) > 0 {
		status.Images = images
	}
}

// judge sums up one kind of finding; empty where no pool tells of it.
func judge(kind string, pools []Pool) (is metav1.ConditionStatus, message string) {
	var bad []string
	for _, pool := range pools {
		at := slices.IndexFunc(pool.Findings, func(f protocol.Finding) bool { return f.Kind == kind })
		switch {
		case at < 0:
		case !pool.Findings[at].OK:
			if bad = append(bad, pool.Name); len(bad) == 1 {
				is, message = metav1.ConditionFalse, pool.Findings[at].Message
			}
		case is == "":
			is, message = metav1.ConditionTrue, pool.Findings[at].Message
		}
	}
	if len(bad) > 0 {
		message += foundIn(bad[0])
		if len(bad) > 1 {
			message += fmt.Sprintf(" and %d", len(bad)-1) + strings.TrimSuffix(andMoreEnd, ".")
		}
		message += "."
	}
	return is, message
}

// andMoreEnd is how a message ends that was found in several pools.
const andMoreEnd = " more."

func foundIn(pool string) string { return " Found in QueueWorker " + pool }

// foundBySilent tells whether a condition is false by what a pool had found that says
// nothing now, as one at zero after a start of the operator. Of several only the first is
// named, so it may have been any.
func foundBySilent(condition *metav1.Condition, pools []Pool) bool {
	return condition != nil && condition.Status == metav1.ConditionFalse && slices.ContainsFunc(pools, func(pool Pool) bool {
		return len(pool.Findings) == 0 &&
			(strings.HasSuffix(condition.Message, foundIn(pool.Name)+".") || strings.HasSuffix(condition.Message, andMoreEnd))
	})
}

func reasonOf(is metav1.ConditionStatus) string {
	if is == metav1.ConditionTrue {
		return v1alpha1.ReasonPassed
	}
	return v1alpha1.ReasonNotPassed
}

// sum is what PreflightPassed says of the other conditions.
func sum(conditions []metav1.Condition) (is metav1.ConditionStatus, reason, message string) {
	known := 0
	var bad []string
	for _, kind := range protocol.FindingKinds {
		switch condition := meta.FindStatusCondition(conditions, kind); {
		case condition == nil:
		case condition.Status == metav1.ConditionFalse:
			known++
			bad = append(bad, kind)
		default:
			known++
		}
	}
	switch {
	case known == 0:
		return metav1.ConditionUnknown, v1alpha1.ReasonNotChecked, "No worker has looked into the application yet."
	case len(bad) > 0:
		return metav1.ConditionFalse, v1alpha1.ReasonNotPassed, fmt.Sprintf(
			"%d of %d checks did not pass; see the conditions %s.", len(bad), known, strings.Join(bad, ", "))
	}
	return metav1.ConditionTrue, v1alpha1.ReasonPassed, fmt.Sprintf("All %d checks passed.", known)
}

// imagesOf are the images of all pools, each once.
func imagesOf(pools []Pool) []v1alpha1.CheckedImage {
	var images []v1alpha1.CheckedImage
	for _, pool := range pools {
		images = append(images, pool.Images...)
	}
	slices.SortFunc(images, func(a, b v1alpha1.CheckedImage) int {
		return cmp.Or(strings.Compare(a.Image, b.Image), strings.Compare(a.ImageID, b.ImageID), strings.Compare(a.Version, b.Version))
	})
	images = slices.Compact(images)
	return images[:min(len(images), maxImages)]
}
