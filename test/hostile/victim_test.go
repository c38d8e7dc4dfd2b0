// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

const (
	// poolSizes is how often a pool of the victim grows before the next pool is used. So
	// the sizes of the pools stay the same during a measurement.
	poolSizes = 8
	// patience is how long the tests wait for a change of the victim. A longer wait
	// counts as this long.
	patience = 60 * time.Second
)

// victim is a namespace that has nothing to do with the attacker's namespace.
type victim struct {
	namespace string
	changes   int
}

// newVictim creates the namespace with one app and one pool. It returns when the operator
// has made the pool's Deployment.
func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{namespace: newNamespace(t, "victim")}
	if err := api.Create(t.Context(), builders.QueueApp(v.namespace, "shop").Obj()); err != nil {
		t.Fatal(err)
	}
	v.newPool(t)
	return v
}

// serves checks that the operator makes a Deployment for another namespace's pool within
// a minute. Unlike newVictim, it lets the test continue if that fails.
func (o *operator) serves(t *testing.T) {
	t.Helper()
	v := &victim{namespace: newNamespace(t, "victim")}
	mustCreate(t, builders.QueueApp(v.namespace, "shop").Obj(), builders.QueueWorker(v.namespace, v.pool()).Processes(1).Obj())
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if _, err := v.deployment(t.Context()); err == nil {
			return
		}
	}
	t.Errorf("a new pool of another namespace has no Deployment after %s", patience)
}

func (v *victim) pool() string { return fmt.Sprintf("pool-%d", v.changes/poolSizes) }

func (v *victim) newPool(t *testing.T) {
	t.Helper()
	if err := api.Create(t.Context(), builders.QueueWorker(v.namespace, v.pool()).Processes(1).Obj()); err != nil {
		t.Fatal(err)
	}
	// During an attack this may take as long as a change.
	for end := time.Now().Add(5 * time.Minute); ; time.Sleep(50 * time.Millisecond) {
		deployment, err := v.deployment(t.Context())
		if err == nil && deployment.Spec.Replicas != nil && *deployment.Spec.Replicas == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the victim's new pool has no Deployment after 5 minutes: %v", err)
		}
	}
}

func (v *victim) deployment(ctx context.Context) (*appsv1.Deployment, error) {
	deployment := &appsv1.Deployment{}
	err := api.Get(ctx, client.ObjectKey{Namespace: v.namespace, Name: v.pool() + "-worker"}, deployment)
	return deployment, err
}

// change sets the size of a pool and returns how long its Deployment took to follow.
func (v *victim) change(t *testing.T) time.Duration {
	t.Helper()
	if v.changes++; v.changes%poolSizes == 0 {
		v.newPool(t)
		v.changes++
	}
	want := int32(1 + v.changes%poolSizes)
	deployment, err := v.deployment(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	watcher, err := kube.AppsV1().Deployments(v.namespace).Watch(ctx, metav1.ListOptions{
		FieldSelector: fields.OneTermEqualSelector("metadata.name", deployment.Name).String(), ResourceVersion: deployment.ResourceVersion,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	worker := &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Namespace: v.namespace, Name: v.pool()}}
	started := time.Now()
	if err := merge(t.Context(), worker, fmt.Sprintf(`{"spec":{"processes":%d}}`, want)); err != nil {
		t.Fatal(err)
	}
	for event := range watcher.ResultChan() {
		if d, ok := event.Object.(*appsv1.Deployment); ok && *d.Spec.Replicas == want {
			return time.Since(started)
		}
	}
	return time.Since(started)
}

// sample changes the victim's pools at random moments for the time span.
func (v *victim) sample(t *testing.T, span time.Duration) []time.Duration {
	t.Helper()
	var out []time.Duration
	for end := time.Now().Add(span); time.Now().Before(end) || len(out) == 0; {
		time.Sleep(time.Duration(50+rand.IntN(150)) * time.Millisecond)
		out = append(out, v.change(t))
	}
	return out
}

// contest compares how long the victim waits during an attack and without it.
type contest struct {
	// calm loads the API server as the attack does, but with objects that the operator
	// does not watch: the operator is not responsible for the load that it shares.
	calm, attack func(context.Context) error
	// rounds is how often both are measured in turns; span is how long each time.
	rounds int
	span   time.Duration
	// most is how many times as long the victim may wait; 1.1 if zero.
	most float64
}

// compare runs the contest and checks the victim's latency.
func (c contest) compare(t *testing.T, o *operator, v *victim) {
	t.Helper()
	var calm, attacked []time.Duration
	var share, spent time.Duration
	for range c.rounds {
		o.settle(2 * time.Minute)
		calm = append(calm, c.during(t, v, c.calm)...)
		before, started := o.cpu(), time.Now()
		attacked = append(attacked, c.during(t, v, c.attack)...)
		spent, share = spent+time.Since(started), share+o.cpu()-before
	}
	t.Logf("victim in calm:   %s", distribution(calm))
	t.Logf("victim attacked:  %s", distribution(attacked))
	ratio, most := float64(median(attacked))/float64(median(calm)), cmp.Or(c.most, 1.1)
	t.Logf("ratio of the medians %.2f (at most %.2f); operator's share of its core during the attack %.0f %%", ratio, most, 100*share.Seconds()/spent.Seconds())
	if ratio > most && median(attacked)-median(calm) > noise {
		t.Errorf("the victim waits %.2f times as long during the attack", ratio)
	}
}

// noise is a difference that a user of kubectl does not notice: a tenth of the 0.25 s
// that every command takes.
const noise = 25 * time.Millisecond

func (c contest) during(t *testing.T, v *victim, load func(context.Context) error) []time.Duration {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- load(ctx) }()
	samples := v.sample(t, c.span)
	cancel()
	if err := <-done; err != nil {
		t.Fatalf("the load failed: %v", err)
	}
	return samples
}

// every calls do at intervals until ctx ends.
func every(interval time.Duration, do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		for {
			started := time.Now()
			if err := do(ctx); err != nil && ctx.Err() == nil && !apierrors.IsConflict(err) {
				return err
			}
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(time.Until(started.Add(interval))):
			}
		}
	}
}

func median(samples []time.Duration) time.Duration { return quantile(samples, 0.5) }

func quantile(samples []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func distribution(samples []time.Duration) string {
	var out strings.Builder
	fmt.Fprintf(&out, "%d changes", len(samples))
	for _, q := range []struct {
		name string
		at   float64
	}{{"median", 0.5}, {"9 of 10", 0.9}, {"longest", 1}} {
		fmt.Fprintf(&out, ", %s %s", q.name, quantile(samples, q.at).Round(time.Millisecond))
	}
	return out.String()
}
