// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package queuecommand

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/controllers/command"
	"queueworker.dev/queueworker/controllers/kube"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/controllers/passlog"
)

// probeKeys are the keys for which older probes, from before the operator's key pair,
// list failed jobs. Each pod has its own key, made from a secret that this process
// draws and never tells. A user who learns the key of one probe, for example by exec
// into its pod, learns no other key.
type probeKeys struct {
	once   sync.Once
	secret [sha256.Size]byte
}

// of returns the key for a probe's pod, and its SHA-256, in hexadecimal digits.
func (k *probeKeys) of(pod types.UID) (key, hash string) {
	k.once.Do(func() { _, _ = rand.Read(k.secret[:]) }) // never fails
	mac := hmac.New(sha256.New, k.secret[:])
	mac.Write([]byte(pod))
	key = hex.EncodeToString(mac.Sum(nil))
	sum := sha256.Sum256([]byte(key))
	return key, hex.EncodeToString(sum[:])
}

// notYet is one text for both things that a list waits for in turn. With two texts, the
// status would be written each time the list changes from one to the other.
const notYet = "The backlog probe has not answered yet: other lists come first, or its kubelet has not delivered the permission to it yet, which takes up to a minute."

// list runs a ListFailed: the application's backlog probe reads the failed jobs.
func (r *Reconciler) list(ctx context.Context, cmd *v1alpha1.QueueCommand) (ctrl.Result, error) {
	name := client.ObjectKeyFromObject(cmd)
	in := command.ListInput{Command: cmd, Since: r.waits.begin(name, cmd.UID, r.Clock.Now())}
	stored, problem, err := r.app(ctx, cmd.Namespace, cmd.Spec.AppName)
	if err != nil {
		return ctrl.Result{}, err
	}
	var app *v1alpha1.QueueApp
	if problem == nil {
		app = stored.Lean()
		problem = command.CannotList(app)
	}
	if in.Problem = problem; problem == nil {
		if err := r.ask(ctx, app, &in); err != nil {
			return ctrl.Result{}, err
		}
	}
	in.Now = r.Clock.Now()
	if in.Busy {
		r.waits.hold(name, in.Now)
	}
	out := command.DecideList(in)
	if _, err := r.report(ctx, cmd, out.Status); err != nil {
		return ctrl.Result{}, err
	}
	told := passOf(out, problem)
	if in.Trouble != "" && len(out.Status.Conditions) == 0 {
		told.Reason = passlog.AwaitingReports
	}
	return ended(ctx, told)
}

// ask asks the probe of an app, if the probe exists and knows the key.
func (r *Reconciler) ask(ctx context.Context, app *v1alpha1.QueueApp, in *command.ListInput) error {
	where, tracked := r.Backlogs.Where(client.ObjectKeyFromObject(app))
	switch {
	case !tracked:
		in.Trouble = fmt.Sprintf("No backlog probe runs for the QueueApp %s, because no QueueWorker uses it. Create a QueueWorker; with spec.stopped: true it has no processes.", app.Name)
		return nil
	case where.Address == "" && where.Message != "":
		in.Trouble = where.Message
		return nil
	case where.Address == "":
		in.Trouble = "The backlog probe is not running yet."
		return nil
	}
	var key string
	if !where.Secure {
		var hash string
		key, hash = r.keys.of(where.UID)
		if err := r.announce(ctx, app, where, hash); err != nil {
			return err
		}
	}
	answer, err := r.Backlogs.ListFailed(ctx, collector.FailedQuestion{
		App: client.ObjectKeyFromObject(app), Where: where, Key: key, Request: command.Question(in.Command),
	})
	switch {
	case errors.Is(err, collector.ErrKey):
		in.Trouble = notYet
	case errors.Is(err, collector.ErrBusy):
		in.Trouble, in.Busy = notYet, true
	case err != nil:
		in.Trouble, in.Silent = err.Error(), true
	default:
		in.Answer = answer
	}
	return nil
}

// announce writes the key's hash to the probe's pod, unless the pod already has it. An
// earlier operator may have written another.
func (r *Reconciler) announce(ctx context.Context, app *v1alpha1.QueueApp, where collector.Probe, hash string) error {
	pods := &corev1.PodList{}
	if err := kube.List(ctx, r.Client, "Pods", pods, client.InNamespace(app.Namespace), client.MatchingLabels(objects.ProbeSelector(app.Name))); err != nil {
		return err
	}
	for i := range pods.Items {
		if pods.Items[i].UID != where.UID {
			continue
		}
		if err := kube.AnnotateOnce(ctx, r.Client, corev1.SchemeGroupVersion.WithKind("Pod"), &pods.Items[i], v1alpha1.AnnotationFailedKey, hash); err != nil {
			return err
		}
	}
	return nil
}
