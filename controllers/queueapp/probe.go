// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueapp

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/podstate"
	"queueworker.dev/queueworker/controllers/status"
)

// reconcileProbe brings the backlog probe to its wanted state. It returns the time
// after which to look again; zero means when something happens.
func (r *Reconciler) reconcileProbe(ctx context.Context, app *v1alpha1.QueueApp, used bool) (time.Duration, error) {
	name := client.ObjectKeyFromObject(app)
	live, err := kube.Get[appsv1.Deployment](ctx, r.Client, app.Namespace, objects.ProbeName(app.Name))
	if err != nil {
		return 0, err
	}
	if !used || !effective.NeedsProbe(app) {
		r.Backlogs.Drop(name)
		return 0, r.remove(ctx, app, live)
	}
	a, err := r.apply(ctx, app, live)
	if err != nil {
		return 0, err
	}
	where, err := r.find(ctx, app, live)
	if err != nil {
		return 0, err
	}
	if trouble := a.Conflict + a.Refused; trouble != "" {
		// A probe that still runs belongs to an earlier spec.
		where = collector.Probe{Reason: protocol.BacklogMisconfigured, Message: trouble}
	}
	r.Backlogs.Track(name, where)
	return a.RetryAfter(), nil
}

// apply writes the probe's Deployment if it differs. It leaves alone a Deployment of
// another owner.
func (r *Reconciler) apply(ctx context.Context, app *v1alpha1.QueueApp, live *appsv1.Deployment) (kube.Outcome, error) {
	name := objects.ProbeName(app.Name)
	wanted, problem := objects.Probe(app, r.ProbeImage)
	if problem != nil {
		return kube.Outcome{}, nil // the QueueWorkers of the app say so
	}
	if live == nil {
		var err error
		if live, err = kube.Get[appsv1.Deployment](ctx, r.Live, app.Namespace, name); err != nil {
			return kube.Outcome{}, err
		}
	}
	if live != nil {
		if !metav1.IsControlledBy(live, app) {
			return kube.Outcome{Conflict: fmt.Sprintf(
				"The Deployment %s exists already and %s. The operator does not change it, so the QueueApp %s has no backlog probe. Delete the Deployment, or rename the QueueApp.",
				name, kube.OwnerOf(live), app.Name)}, nil
		}
		// A Deployment that the cache lacks is too new for it, or has lost the label by
		// which the cache selects it.
		if settled, err := objects.Settled(live, wanted); err != nil || settled {
			return kube.Outcome{}, err
		}
	}
	refused, err := kube.Apply(ctx, r.Client, "Deployment "+name+" of the backlog probe", wanted)
	return kube.Outcome{Refused: refused}, err
}

// remove deletes the probe of an app that needs none.
func (r *Reconciler) remove(ctx context.Context, app *v1alpha1.QueueApp, live *appsv1.Deployment) error {
	if live == nil || !metav1.IsControlledBy(live, app) {
		return nil
	}
	return kube.Delete(ctx, r.Client, "Deployment "+live.Name, live, metav1.DeletePropagationBackground)
}

// find returns where the probe can be asked: at the newest of its running pods, or, if
// none runs, why. Only pods of a ReplicaSet of the app's own Deployment count, because
// any user can set a label.
func (r *Reconciler) find(ctx context.Context, app *v1alpha1.QueueApp, live *appsv1.Deployment) (collector.Probe, error) {
	if live == nil || !metav1.IsControlledBy(live, app) {
		return collector.Probe{}, nil
	}
	ours := []client.ListOption{client.InNamespace(app.Namespace), client.MatchingLabels(objects.ProbeSelector(app.Name))}
	owners, err := kube.ReplicaSetsOf(ctx, r.Client, live, ours...)
	if err != nil {
		return collector.Probe{}, err
	}
	own, err := kube.PodsOf(ctx, r.Client, owners, ours...)
	if err != nil {
		return collector.Probe{}, err
	}
	if err := r.announce(ctx, own); err != nil {
		return collector.Probe{}, err
	}
	return probeAmong(own), nil
}

// probeAmong returns where the newest running pod can be asked, or why none runs.
func probeAmong(pods []*corev1.Pod) collector.Probe {
	slices.SortFunc(pods, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	all := make([]status.Pod, 0, len(pods))
	for _, pod := range slices.Backward(pods) {
		if podstate.Active(pod) && podstate.Running(pod) && pod.Status.PodIP != "" {
			address, secure := collector.AddressOf(pod)
			return collector.Probe{UID: pod.UID, Address: address, Secure: secure}
		}
		all = append(all, status.Pod{Pod: pod})
	}
	if problem := status.ProbeProblem(all); problem != "" {
		return collector.Probe{Reason: protocol.BacklogUnreachable, Message: problem}
	}
	return collector.Probe{}
}

// announce tells the pod of a probe the key by which it knows the operator, before the
// probe is asked.
func (r *Reconciler) announce(ctx context.Context, pods []*corev1.Pod) error {
	for _, pod := range pods {
		if _, secure := collector.AddressOf(pod); !secure || !podstate.Active(pod) {
			continue
		}
		if err := kube.AnnotateOnce(ctx, r.Client, corev1.SchemeGroupVersion.WithKind("Pod"), pod, v1alpha1.AnnotationOperator, r.Pin); err != nil {
			return err
		}
	}
	return nil
}
