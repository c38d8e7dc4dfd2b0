// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package drain

import (
	"math"
	"slices"
	"time"
)

// modelPod is a pod as the cluster knows it.
type modelPod struct {
	Pod
	uid      string
	node     int
	restarts int
	readyAt  time.Time

	// revision counts the writes of the control document.
	revision int
	agent    modelAgent
	report   modelReport
}

// removeLikeReplicaSet returns the pods that a ReplicaSet of Kubernetes 1.37 removes if
// it has n too many. It follows ActivePodsWithRanks.Less in
// pkg/controller/controller_utils.go, with ranks by
// getPodsRankedByRelatedPodsOnSameNode in pkg/controller/replicaset.
func removeLikeReplicaSet(pods []*modelPod, n int, at time.Time) []*modelPod {
	together := map[int]int{}
	for _, pod := range pods {
		together[pod.node]++
	}
	pods = slices.Clone(pods)
	slices.SortFunc(pods, func(a, b *modelPod) int {
		switch {
		case removedFirst(a, b, together, at):
			return -1
		case removedFirst(b, a, together, at):
			return 1
		}
		return 0
	})
	return pods[:min(n, len(pods))]
}

// removedFirst is ActivePodsWithRanks.Less.
func removedFirst(a, b *modelPod, together map[int]int, at time.Time) bool {
	switch {
	case a.Scheduled != b.Scheduled:
		return !a.Scheduled
	case a.Running != b.Running:
		return !a.Running
	case a.Ready != b.Ready:
		return !a.Ready
	case a.DeletionCost != b.DeletionCost:
		return a.DeletionCost < b.DeletionCost
	case together[a.node] != together[b.node]:
		return together[a.node] > together[b.node]
	case a.Ready && !a.readyAt.Equal(b.readyAt):
		return youngerOrUID(a, b, a.readyAt, b.readyAt, at)
	case a.restarts != b.restarts:
		return a.restarts > b.restarts
	case !a.Created.Equal(b.Created):
		return youngerOrUID(a, b, a.Created, b.Created, at)
	}
	return false
}

// youngerOrUID compares ages by their logarithm, and UIDs if the logarithms are equal.
func youngerOrUID(a, b *modelPod, aTime, bTime, at time.Time) bool {
	if aLog, bLog := logarithm(at.Sub(aTime)), logarithm(at.Sub(bTime)); aLog != bLog {
		return aLog < bLog
	}
	return a.uid < b.uid
}

func logarithm(age time.Duration) int64 {
	if age <= 0 {
		return -1
	}
	return int64(math.Log2(float64(age)))
}
