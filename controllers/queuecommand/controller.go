// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queuecommand

import (
	"context"
	"reflect"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/command"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/passlog"
	"queueworker.dev/queueworker/controllers/status"
	"queueworker.dev/queueworker/controllers/workqueue"
)

// Reconciler runs each QueueCommand once, reports the result, and removes
// the QueueCommand when its time is up.
type Reconciler struct {
	// Client, Live and Clock are the same as in QueueWorkerReconciler.
	Client client.Client
	Live   client.Reader
	Clock  clock.PassiveClock
	// Budget bounds the CPU that reconciles of one namespace may take.
	Budget *workqueue.Budget
	// Backlogs knows where probes are, and asks them for failed jobs.
	Backlogs *collector.Backlogs
	// AgentImage is the image from which new pods copy the agent.
	AgentImage string
	// keys are the keys for which probes list failed jobs.
	keys probeKeys
	// waits tracks how long probes have been asked for failed jobs in vain.
	waits waits
}

// SetupWithManager registers what wakes a QueueCommand: itself, its Job and the Job's pod.
// If a command waits for something else, its reconcile looks for that again by itself.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, options controller.Options) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("queuecommand").
		For(&v1alpha1.QueueCommand{}).
		Owns(&batchv1.Job{}).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(commandByLabel)).
		WithOptions(options).
		Complete(r.Budget.Charge(r))
}

// commandByLabel returns the QueueCommand whose label a pod carries.
func commandByLabel(_ context.Context, pod client.Object) []reconcile.Request {
	name := pod.GetLabels()[v1alpha1.LabelCommand]
	if name == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: pod.GetNamespace(), Name: name}}}
}

// +kubebuilder:rbac:groups=queueworker.dev,resources=queuecommands,verbs=list;watch;delete
// +kubebuilder:rbac:groups=queueworker.dev,resources=queuecommands/status,verbs=patch
// +kubebuilder:rbac:groups=batch,resources=jobs,verbs=get;list;watch;create;patch

// Reconcile takes one QueueCommand a step further.
func (r *Reconciler) Reconcile(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
	cmd, err := kube.Get[v1alpha1.QueueCommand](ctx, r.Client, request.Namespace, request.Name)
	if err != nil {
		return ctrl.Result{}, err
	}
	if cmd == nil || cmd.DeletionTimestamp != nil {
		r.waits.forget(request.NamespacedName)
		passlog.Pass{Reason: passlog.Gone}.End(ctx)
		return ctrl.Result{}, nil
	}
	if command.Ended(cmd) {
		r.waits.forget(request.NamespacedName)
		return r.expire(ctx, cmd)
	}
	if cmd.Spec.Action == v1alpha1.ActionListFailed {
		return r.list(ctx, cmd)
	}
	return r.run(ctx, cmd)
}

// expire removes a command that was kept long enough, and its Job with it.
func (r *Reconciler) expire(ctx context.Context, cmd *v1alpha1.QueueCommand) (ctrl.Result, error) {
	out := command.Expire(r.Clock.Now(), cmd)
	if out.Step != command.StepRemove {
		return ended(ctx, passOf(out, nil))
	}
	err := kube.Delete(ctx, r.Client, "QueueCommand "+cmd.Name, cmd, metav1.DeletePropagationBackground)
	if apierrors.IsConflict(err) {
		err = nil // another QueueCommand has the name now
	}
	return ctrl.Result{}, err
}

// run runs a command as a Job. The writes come in the order that package command
// explains: create the Job, write the status, and only then resume the Job.
func (r *Reconciler) run(ctx context.Context, cmd *v1alpha1.QueueCommand) (ctrl.Result, error) {
	in, wanted, err := r.observe(ctx, cmd)
	if err != nil {
		return ctrl.Result{}, err
	}
	out := command.Decide(in)
	if out.Step == command.StepCreate {
		if err := r.create(ctx, wanted, &in); err != nil {
			return ctrl.Result{}, err
		}
		if out = command.Decide(in); out.Step == command.StepCreate {
			// A Job of that name existed and is gone now. No event will requeue this
			// command.
			return ended(ctx, passlog.Pass{Reason: passlog.ObjectChanged, Again: time.Second})
		}
	}
	written, err := r.report(ctx, cmd, out.Status)
	switch {
	case err != nil:
		return ctrl.Result{}, err
	case !written:
		return ended(ctx, passlog.Pass{Reason: passlog.ObjectChanged})
	case out.Step == command.StepBegin:
		if err := r.begin(ctx, in.Job); err != nil {
			return ctrl.Result{}, err
		}
	}
	return ended(ctx, passOf(out, in.Problem))
}

// observe reads everything about a command that runs as a Job, and builds the wanted Job.
func (r *Reconciler) observe(ctx context.Context, cmd *v1alpha1.QueueCommand) (command.Input, *batchv1.Job, error) {
	in := command.Input{Now: r.Clock.Now(), Command: cmd}
	var err error
	name := objects.CommandJobName(cmd.Name, cmd.UID)
	if in.Job, err = kube.Get[batchv1.Job](ctx, r.Client, cmd.Namespace, name); err != nil {
		return in, nil, err
	}
	if in.Job == nil {
		// A Job that the cache lacks is too new for it, or has lost the label by which
		// the cache selects it.
		if in.Job, err = kube.Get[batchv1.Job](ctx, r.Live, cmd.Namespace, name); err != nil {
			return in, nil, err
		}
	}
	if cmd.Status.JobUID != "" {
		in.Pods, err = r.podsOf(ctx, cmd)
		return in, nil, err
	}
	wanted, problem, err := r.build(ctx, cmd)
	in.Problem = problem
	return in, wanted, err
}

// build builds the Job of a command, or says why there can be none.
func (r *Reconciler) build(ctx context.Context, cmd *v1alpha1.QueueCommand) (*batchv1.Job, *effective.Problem, error) {
	var worker *v1alpha1.QueueWorker
	appName := cmd.Spec.AppName
	if name := cmd.Spec.WorkerName; name != "" {
		var err error
		if worker, err = kube.Get[v1alpha1.QueueWorker](ctx, r.Client, cmd.Namespace, name); err != nil {
			return nil, nil, err
		}
		if worker != nil {
			appName = worker.Spec.AppName
		}
	}
	if problem := objects.CommandWorker(cmd, worker); problem != nil {
		return nil, problem, nil
	}
	if worker != nil {
		if problem := effective.Oversized(worker); problem != nil {
			return nil, problem, nil
		}
	}
	stored, problem, err := r.app(ctx, cmd.Namespace, appName)
	if problem != nil || err != nil {
		return nil, problem, err
	}
	app, problem := stored.Usable()
	if problem != nil {
		return nil, problem, nil
	}
	job, problem := objects.CommandJob(objects.CommandInput{Command: cmd, App: app, Worker: worker, AgentImage: r.AgentImage})
	return job, problem, nil
}

// app returns the QueueApp as the cache has it. It must not be changed.
func (r *Reconciler) app(ctx context.Context, namespace, name string) (*cached.QueueApp, *effective.Problem, error) {
	apps, err := kube.QueueApps(ctx, r.Client, namespace)
	if err != nil {
		return nil, nil, err
	}
	app, problem := effective.AppNamed(namespace, name, apps)
	return app, problem, nil
}

// podsOf returns the pods of the Job that the status names. A label alone is no proof,
// because any user may set it.
func (r *Reconciler) podsOf(ctx context.Context, cmd *v1alpha1.QueueCommand) ([]*corev1.Pod, error) {
	job := map[types.UID]bool{cmd.Status.JobUID: true}
	return kube.PodsOf(ctx, r.Client, job, client.InNamespace(cmd.Namespace), client.MatchingLabels{v1alpha1.LabelCommand: cmd.Name})
}

// create creates the Job, suspended. If a Job already exists, the decision continues as
// if it had been observed before.
func (r *Reconciler) create(ctx context.Context, wanted *batchv1.Job, in *command.Input) error {
	exists, refused, err := kube.Create(ctx, r.Client, "Job "+wanted.Name, wanted)
	switch {
	case exists:
		in.Job, err = kube.Get[batchv1.Job](ctx, r.Live, wanted.Namespace, wanted.Name)
		return err
	case refused != "" || err != nil:
		in.Rejected = refused
		return err
	}
	in.Job = wanted
	return nil
}

// begin resumes the Job and marks it in one write. It must be the Job in the observed
// version, because in another version it may already have run.
func (r *Reconciler) begin(ctx context.Context, job *batchv1.Job) error {
	// If the Job has changed, its change wakes the command again.
	_, err := kube.PatchVersion(ctx, r.Client, "Job "+job.Name, job.DeepCopy(), map[string]any{
		"metadata": map[string]any{"annotations": map[string]any{v1alpha1.AnnotationBegun: "true"}},
		"spec":     map[string]any{"suspend": false},
	})
	return err
}

// report writes the status if it has changed. It returns false if the command has
// changed since it was read, because that event wakes the command again.
func (r *Reconciler) report(ctx context.Context, cmd *v1alpha1.QueueCommand, told v1alpha1.QueueCommandStatus) (bool, error) {
	told = *told.DeepCopy() // it may share lists with the command that was read
	status.Fit(&told)
	if reflect.DeepEqual(cmd.Status, told) {
		return true, nil
	}
	changed := cmd.DeepCopy()
	changed.Status = told
	return kube.PatchStatus(ctx, r.Client, "QueueCommand "+cmd.Name, cmd, changed)
}
