// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queueworker

import (
	"context"
	"errors"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/queueworker/plan"
)

// observeRuns reads the pool's own Jobs. It reads an expected Job that is not in the
// cache past the cache, because taking it for deleted would start a second one.
func (r *Reconciler) observeRuns(ctx context.Context, w *plan.World, next *poolMemory) error {
	jobs := &batchv1.JobList{}
	if err := kube.List(ctx, r.Client, "Jobs", jobs, client.InNamespace(w.Worker.Namespace), client.MatchingLabels(objects.Selector(w.Worker.Name))); err != nil {
		return err
	}
	for i := range jobs.Items {
		if objects.OwnedBy(&jobs.Items[i], w.Worker) {
			w.Runs = append(w.Runs, &jobs.Items[i])
		}
	}
	expected := []string{next.startedRun}
	if told := w.Worker.Status.Batch; told != nil && told.ActiveRun != next.startedRun {
		expected = append(expected, told.ActiveRun)
	}
	for _, name := range expected {
		if slices.ContainsFunc(w.Runs, func(job *batchv1.Job) bool { return job.Name == name }) {
			next.heardOfRun(name)
		} else if err := r.lookForRun(ctx, w, name, next); err != nil {
			return err
		}
	}
	slices.SortFunc(w.Runs, func(a, b *batchv1.Job) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// lookForRun reads a Job that the cache does not have.
func (r *Reconciler) lookForRun(ctx context.Context, w *plan.World, name string, next *poolMemory) error {
	if name == "" {
		return nil
	}
	job, err := kube.Get[batchv1.Job](ctx, r.Live, w.Worker.Namespace, name)
	switch {
	case err != nil:
		return err
	case job == nil:
		next.heardOfRun(name)
	case objects.OwnedBy(job, w.Worker):
		w.Runs = append(w.Runs, job)
	}
	return nil
}

// startRun creates the Job of a run.
func (r *Reconciler) startRun(ctx context.Context, w *plan.World, d plan.Decision, next *poolMemory) (kube.Outcome, error) {
	job := d.Objects.Run
	if job == nil {
		return kube.Outcome{}, nil
	}
	exists, refused, err := kube.Create(ctx, r.Client, "Job "+job.Name, job)
	switch {
	case exists:
		return r.takenRun(ctx, w, job.Name, next)
	case refused != "" || err != nil:
		return kube.Outcome{Refused: refused}, err
	}
	next.startedRun = job.Name
	return kube.Outcome{}, nil
}

// takenRun finds out who owns the Job that has the name of a run.
func (r *Reconciler) takenRun(ctx context.Context, w *plan.World, name string, next *poolMemory) (kube.Outcome, error) {
	c := child{kind: batchv1.SchemeGroupVersion.WithKind("Job"), name: name}
	if err := r.readPastCache(ctx, w, &c); err != nil || c.live == nil {
		return kube.Outcome{}, err
	}
	if !objects.OwnedBy(c.live, w.Worker) {
		return kube.Outcome{Conflict: conflictWith(c, w.Worker)}, nil
	}
	next.startedRun = name
	return kube.Outcome{}, nil
}

// endRuns deletes objects that the pool shall not have: runs that must end, old runs,
// and the objects of the other mode. A run that must end is deleted when its pods have
// finished their jobs, because until then they can be told to kill them.
func (r *Reconciler) endRuns(ctx context.Context, w *plan.World, d plan.Decision) error {
	if d.Runs == nil {
		return nil
	}
	var failures []error
	ending, pruned := plan.SetOf(d.Runs.End), plan.SetOf(d.Runs.Prune)
	for _, job := range w.Runs {
		switch {
		case ending[job.Name] && !d.RunsDrained:
		case ending[job.Name]:
			failures = append(failures, kube.Delete(ctx, r.Client, "Job "+job.Name, job, metav1.DeletePropagationForeground))
		case pruned[job.Name]:
			failures = append(failures, kube.Delete(ctx, r.Client, "Job "+job.Name, job, metav1.DeletePropagationBackground))
		}
	}
	if effective.IsBatch(&w.Worker.Spec) {
		failures = append(failures, r.endContinuous(ctx, w))
	}
	if d.Runs.Measure && w.App != nil {
		r.Backlogs.Ask(client.ObjectKeyFromObject(w.App))
	}
	if d.Runs.Hear {
		r.Collector.Refresh(client.ObjectKeyFromObject(w.Worker))
	}
	return errors.Join(failures...)
}

// endContinuous deletes the objects of a pool of mode Continuous.
func (r *Reconciler) endContinuous(ctx context.Context, w *plan.World) error {
	var failures []error
	if live := w.Deployment; live != nil && live.DeletionTimestamp == nil && objects.OwnedBy(live, w.Worker) {
		failures = append(failures, kube.Delete(ctx, r.Client, "Deployment "+live.Name, live, metav1.DeletePropagationForeground))
	}
	if w.Budget != nil && w.Budget.DeletionTimestamp == nil && objects.OwnedBy(w.Budget, w.Worker) {
		failures = append(failures, kube.Delete(ctx, r.Client, "PodDisruptionBudget "+w.Budget.Name, w.Budget, metav1.DeletePropagationBackground))
	}
	return errors.Join(failures...)
}
