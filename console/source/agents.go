// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package source

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"queueworker.dev/queueworker/console/view"
)

// atOnce is how many agents are asked at the same time.
const atOnce = 16

// ask adds the answers of the agents in running pods to a snapshot. It stops once the
// cluster refuses, because a caller who may not ask one agent may not ask any.
func (s *Source) ask(ctx context.Context, snapshot *view.Snapshot) {
	if s.Now().Before(s.proxyRefused) {
		snapshot.AgentsRefused = true
		return
	}
	var running []*view.Pod
	for i := range snapshot.Pods {
		if snapshot.Pods[i].Phase == corev1.PodRunning {
			running = append(running, &snapshot.Pods[i])
		}
	}
	var refused atomic.Bool
	var group sync.WaitGroup
	places := make(chan struct{}, atOnce)
	for i, pod := range running {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			if refused.Load() {
				return
			}
			answer, err := Ask(ctx, s.Core, pod.Namespace, pod.Name, pod.UID)
			if apierrors.IsForbidden(err) && !s.mayAsk(ctx, pod.Namespace) {
				refused.Store(true)
			}
			pod.Answer, pod.AskedAt = answer, s.Now()
			if err != nil {
				pod.Silence = err.Error()
			}
		})
		if i == 0 {
			group.Wait() // a caller without the right is refused once, not sixteen times
		}
	}
	group.Wait()
	if refused.Load() {
		s.proxyRefused = s.Now().Add(refusalHolds)
		snapshot.AgentsRefused = true
	}
}

// rights remembers the namespaces where the cluster lets the caller ask agents, and until
// when that holds.
type rights struct {
	sync.Mutex
	until map[string]time.Time
}

// mayAsk reports whether the caller may use the proxy of pods in a namespace. It asks the
// cluster, because a pod can answer 403 too. Such a pod must not keep the caller from the
// agents of other pods.
func (s *Source) mayAsk(ctx context.Context, namespace string) bool {
	s.allowed.Lock()
	defer s.allowed.Unlock()
	if s.Now().Before(s.allowed.until[namespace]) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: namespace, Verb: "get", Resource: "pods", Subresource: "proxy"},
	}}
	review.APIVersion, review.Kind = authorizationv1.SchemeGroupVersion.String(), "SelfSubjectAccessReview"
	body, err := json.Marshal(review)
	if err != nil {
		return false
	}
	answer, err := s.Core.RESTClient().Post().AbsPath("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews").
		SetHeader("Content-Type", "application/json").SetHeader("Accept", "application/json").Body(body).DoRaw(ctx)
	if err != nil || json.Unmarshal(answer, review) != nil || !review.Status.Allowed {
		return false
	}
	if s.allowed.until == nil {
		s.allowed.until = map[string]time.Time{}
	}
	s.allowed.until[namespace] = s.Now().Add(refusalHolds)
	return true
}
