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
)

// observeRuns reads the pool's own Jobs. It reads an expected Job that is not in the
// cache past the cache, because taking it for deleted would start a second one.
func (r *Reconciler) observeRuns(ctx context.Context, o *observation) error {
	jobs := &batchv1.JobList{}
	if err := kube.List(ctx, r.Client, "Jobs", jobs, client.InNamespace(o.worker.Namespace), client.MatchingLabels(objects.Selector(o.worker.Name))); err != nil {
		return err
	}
	for i := range jobs.Items {
		if objects.OwnedBy(&jobs.Items[i], o.worker) {
			o.runs = append(o.runs, &jobs.Items[i])
		}
	}
	memory := r.memory.of(client.ObjectKeyFromObject(o.worker))
	expected := []string{memory.startedRun}
	if told := o.worker.Status.Batch; told != nil && told.ActiveRun != memory.startedRun {
		expected = append(expected, told.ActiveRun)
	}
	for _, name := range expected {
		if slices.ContainsFunc(o.runs, func(job *batchv1.Job) bool { return job.Name == name }) {
			memory.heardOfRun(name)
		} else if err := r.lookForRun(ctx, o, name); err != nil {
			return err
		}
	}
	slices.SortFunc(o.runs, func(a, b *batchv1.Job) int { return strings.Compare(a.Name, b.Name) })
	return nil
}

// lookForRun reads a Job that the cache does not have.
func (r *Reconciler) lookForRun(ctx context.Context, o *observation, name string) error {
	if name == "" {
		return nil
	}
	job, err := kube.Get[batchv1.Job](ctx, r.Live, o.worker.Namespace, name)
	switch {
	case err != nil:
		return err
	case job == nil:
		r.memory.of(client.ObjectKeyFromObject(o.worker)).heardOfRun(name)
	case objects.OwnedBy(job, o.worker):
		o.runs = append(o.runs, job)
	}
	return nil
}

// startRun creates the Job of a run.
func (r *Reconciler) startRun(ctx context.Context, o *observation, d decision) (kube.Outcome, error) {
	job := d.objects.Run
	if job == nil {
		return kube.Outcome{}, nil
	}
	exists, refused, err := kube.Create(ctx, r.Client, "Job "+job.Name, job)
	switch {
	case exists:
		return r.takenRun(ctx, o, job.Name)
	case refused != "" || err != nil:
		return kube.Outcome{Refused: refused}, err
	}
	r.memory.of(client.ObjectKeyFromObject(o.worker)).startedRun = job.Name
	return kube.Outcome{}, nil
}

// takenRun finds out who owns the Job that has the name of a run.
func (r *Reconciler) takenRun(ctx context.Context, o *observation, name string) (kube.Outcome, error) {
	c := child{kind: batchv1.SchemeGroupVersion.WithKind("Job"), name: name}
	if err := r.readPastCache(ctx, o, &c); err != nil || c.live == nil {
		return kube.Outcome{}, err
	}
	if !objects.OwnedBy(c.live, o.worker) {
		return kube.Outcome{Conflict: foreign(c, o.worker)}, nil
	}
	r.memory.of(client.ObjectKeyFromObject(o.worker)).startedRun = name
	return kube.Outcome{}, nil
}

// endRuns deletes objects that the pool shall not have: runs that must end, old runs,
// and the objects of the other mode. A run that must end is deleted when its pods have
// finished their jobs, because until then they can be told to kill them.
func (r *Reconciler) endRuns(ctx context.Context, o *observation, d decision) error {
	if d.runs == nil {
		return nil
	}
	var failures []error
	ending, pruned := setOf(d.runs.End), setOf(d.runs.Prune)
	for _, job := range o.runs {
		switch {
		case ending[job.Name] && !d.runsDrained:
		case ending[job.Name]:
			failures = append(failures, kube.Delete(ctx, r.Client, "Job "+job.Name, job, metav1.DeletePropagationForeground))
		case pruned[job.Name]:
			failures = append(failures, kube.Delete(ctx, r.Client, "Job "+job.Name, job, metav1.DeletePropagationBackground))
		}
	}
	if effective.IsBatch(&o.worker.Spec) {
		failures = append(failures, r.endContinuous(ctx, o))
	}
	if d.runs.Measure && o.app != nil {
		r.Backlogs.Ask(client.ObjectKeyFromObject(o.app))
	}
	if d.runs.Hear {
		r.Collector.Refresh(client.ObjectKeyFromObject(o.worker))
	}
	return errors.Join(failures...)
}

// endContinuous deletes the objects of a pool of mode Continuous.
func (r *Reconciler) endContinuous(ctx context.Context, o *observation) error {
	var failures []error
	if live := o.deployment; live != nil && live.DeletionTimestamp == nil && objects.OwnedBy(live, o.worker) {
		failures = append(failures, kube.Delete(ctx, r.Client, "Deployment "+live.Name, live, metav1.DeletePropagationForeground))
	}
	if o.budget != nil && o.budget.DeletionTimestamp == nil && objects.OwnedBy(o.budget, o.worker) {
		failures = append(failures, kube.Delete(ctx, r.Client, "PodDisruptionBudget "+o.budget.Name, o.budget, metav1.DeletePropagationBackground))
	}
	return errors.Join(failures...)
}
