// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package passlog writes the line of the log with which a pass of a controller ends. The
// line says why the pass changed nothing, or what the object waits for, with the reasons
// of its conditions, and when the controller looks again. It has level V(1), because each
// object has a pass every few seconds. Changes have lines of their own, of level Info.
//
// The line holds reasons and numbers. It holds no messages, because a message may quote
// text of users, and the operator's log has other readers than the object.
package passlog

import (
	"context"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
)

// Reasons of passes that end before the controller has decided or reported. Any other
// reason is the reason of a condition, or the state of a QueueCommand.
const (
	// Gone: the object is deleted or being deleted.
	Gone = "Gone"
	// CacheBehind: the operator's cache has not received the operator's last write yet. A
	// decision from the earlier state would repeat the write.
	CacheBehind = "CacheBehind"
	// AwaitingReports: an agent or a backlog probe has not answered this operator yet. A
	// status without the answer would lose what the last status says.
	AwaitingReports = "AwaitingReports"
	// ObjectChanged: the object has changed since it was read, so the status was not written.
	ObjectChanged = "ObjectChanged"
)

// Pass is one pass of a controller over one object.
type Pass struct {
	// Reason is why the object is as it is, or why the pass ended early.
	Reason string
	// Conditions are the conditions that the pass found or reported.
	Conditions []metav1.Condition
	// Values are more keys and values of the line. They must not be text of users.
	Values []any
	// Again is the time after which the controller looks again; 0 means on a change.
	Again time.Duration
}

// End writes the line of a pass to the logger of its context.
func (p Pass) End(ctx context.Context) {
	log := ctrl.LoggerFrom(ctx).V(1)
	if !log.Enabled() {
		return
	}
	pairs := []any{"reason", p.Reason}
	if others := p.others(); others != "" {
		pairs = append(pairs, "conditions", others)
	}
	pairs = append(pairs, p.Values...)
	log.Info("Pass ended", append(pairs, "next", next(p.Again))...)
}

// others returns the conditions that have another reason than the pass, in one line, such
// as "Paused:NotPaused BacklogKnown:Measured". The line must stay below the bound of
// package plainlog on a value.
func (p Pass) others() string {
	out := make([]string, 0, len(p.Conditions))
	for i := range p.Conditions {
		if condition := &p.Conditions[i]; condition.Reason != p.Reason {
			out = append(out, condition.Type+":"+condition.Reason)
		}
	}
	return strings.Join(out, " ")
}

func next(again time.Duration) string {
	if again <= 0 {
		return "on a change"
	}
	return "on a change, at the latest in " + again.Round(time.Millisecond).String()
}

// ReasonOf returns the reason of the condition of a type; empty if there is none.
func ReasonOf(all []metav1.Condition, kind string) string {
	for i := range all {
		if all[i].Type == kind {
			return all[i].Reason
		}
	}
	return ""
}
