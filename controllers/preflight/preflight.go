// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package preflight sums up in the status of a QueueApp what the workers of the
// application have found out about its image and settings.
//
// Each kind of finding is a condition. It is true if every pool with such a finding
// passes; otherwise it is false and has the message of the first failing pool, by name.
// PreflightPassed sums the conditions up. A finding that no pool reports any more stays
// as it was: a pool scaled to zero has not mended anything.
package preflight

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// maxImages bounds QueueAppStatus.Images.
const maxImages = 10

// Input holds everything that decides a QueueApp's status.
type Input struct {
	Now time.Time
	App *v1alpha1.QueueApp
	// Pools are the pools of the app, in any order. Heard is false while any of them
	// has not reported, because the status must not lose findings.
	Pools []Pool
	Heard bool
	// Refusal says which part of the template is larger than the operator reads; empty
	// if none is.
	Refusal string
}

// Pool holds the findings of one pool's workers.
type Pool struct {
	// Name is the name of the QueueWorker.
	Name string
	// Findings are the findings of the newest pod that has any.
	Findings []protocol.Finding
	// Images are the images that the pool's pods run.
	Images []v1alpha1.CheckedImage
}

// Same reports whether two reports say the same.
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

// tellRefusal reports a template that is larger than the operator reads.
func tellRefusal(in Input, status *v1alpha1.QueueAppStatus) {
	if in.Refusal == "" {
		meta.RemoveStatusCondition(&status.Conditions, v1alpha1.ConditionStalled)
		return
	}
	problem := effective.TooLarge("QueueApp", in.App.Name, in.Refusal)
	meta.SetStatusCondition(&status.Conditions, metav1.Condition{
		Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: problem.Reason, Message: problem.Message,
		ObservedGeneration: in.App.Generation, LastTransitionTime: metav1.NewTime(in.Now),
	})
}

// tellFindings reports the findings of the workers.
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
			// Other kinds are reported, so this kind no longer applies, for example
			// after a change of the driver.
			meta.RemoveStatusCondition(&status.Conditions, kind)
		}
	}
	is, reason, message := sum(status.Conditions)
	set(v1alpha1.ConditionPreflightPassed, is, reason, message)
	if images := imagesOf(pools); len(images) > 0 {
		status.Images = images
	}
}

// judge sums up one kind of finding; the status is empty if no pool reports the kind.
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

// andMoreEnd is the end of a message about a finding in several pools.
const andMoreEnd = " more."

func foundIn(pool string) string { return " Found in QueueWorker " + pool }

// foundBySilent reports whether a condition is false because of a pool that reports
// nothing now, for example a pool at zero after a start of the operator. Of several
// pools the message names only the first, so it may have been any pool.
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

// sum computes PreflightPassed from the other conditions.
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
		return metav1.ConditionUnknown, v1alpha1.ReasonNotChecked, "No agent has checked the application's image and settings yet."
	case len(bad) > 0:
		return metav1.ConditionFalse, v1alpha1.ReasonNotPassed, fmt.Sprintf(
			"%d of %d checks did not pass; see the conditions %s.", len(bad), known, strings.Join(bad, ", "))
	}
	return metav1.ConditionTrue, v1alpha1.ReasonPassed, fmt.Sprintf("All %d checks passed.", known)
}

// imagesOf returns the images of all pools, each once.
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
