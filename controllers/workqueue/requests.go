// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package workqueue

import (
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Requests is the queue that an event handler adds keys to.
type Requests = workqueue.TypedRateLimitingInterface[reconcile.Request]

// Limiter says how long a failed key waits.
type Limiter = workqueue.TypedRateLimiter[reconcile.Request]
