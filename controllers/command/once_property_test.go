// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// cluster is the stored state of one command and its Job, with versions, and how often
// the Job controller has created a pod.
type cluster struct {
	command *v1alpha1.QueueCommand
	job     *batchv1.Job
	version int
	made    int
	runs    int
	// older holds earlier states, which a cache may still return.
	older []cluster
}

func (c *cluster) changed() {
	c.version++
	snapshot := *c
	snapshot.older = nil
	snapshot.command = c.command.DeepCopy()
	if c.job != nil {
		snapshot.job = c.job.DeepCopy()
	}
	c.older = append(c.older, snapshot)
}

// reconcile makes one pass of the operator on a cached state, and is killed after a
// number of writes.
func (c *cluster) reconcile(cached cluster, writes int, now time.Time) {
	in := Input{Now: now, Command: cached.command, Job: cached.job}
	if in.Job == nil {
		in.Job = c.job // read past the cache
	}
	out := Decide(in)
	if out.Step == StepCreate {
		if writes == 0 {
			return
		}
		if writes--; c.job == nil {
			c.made++
			c.job = suspendedJob(false)
			c.job.UID = types.UID(fmt.Sprintf("job-%d", c.made))
			c.job.ResourceVersion = fmt.Sprint(c.made * 1000)
			c.changed()
		}
		in.Job = c.job.DeepCopy()
		out = Decide(in)
	}
	if writes == 0 {
		return
	}
	if cached.command.ResourceVersion != c.command.ResourceVersion {
		return // the optimistic lock
	}
	writes--
	c.command.Status = *out.Status.DeepCopy()
	c.command.ResourceVersion += "+"
	c.changed()
	if out.Step != StepBegin || writes == 0 || c.job == nil || c.job.UID != in.Job.UID || c.job.ResourceVersion != in.Job.ResourceVersion {
		return
	}
	c.job.Spec.Suspend, c.job.Annotations = new(false), map[string]string{v1alpha1.AnnotationBegun: "true"}
	c.job.ResourceVersion += "+"
	c.runs++ // the Job controller creates a pod
	c.changed()
}

// A command runs at most once, wherever the operator is killed, however old its cache
// is, and whatever other clients do to the Job. Undisturbed, it runs.
func TestACommandRunsAtMostOnce(t *testing.T) {
	const worlds, passes = 20_000, 25
	ran := 0
	for seed := range uint64(worlds) {
		random := rand.New(rand.NewPCG(seed, 1))
		c := &cluster{command: retry(nil)}
		c.changed()
		quiet := seed%4 == 0 // no other client interferes
		for pass := range passes {
			if !quiet && random.IntN(8) == 0 && c.job != nil {
				if random.IntN(2) == 0 {
					c.job = nil // another client deletes it
				} else {
					c.job.Spec.Suspend = new(true)
					c.job.ResourceVersion += "s"
				}
				c.changed()
			}
			cached := c.older[len(c.older)-1-random.IntN(min(8, len(c.older)))]
			c.reconcile(cached, random.IntN(4), noon.Add(time.Duration(pass)*time.Second))
		}
		if c.runs > 1 {
			t.Fatalf("with the seed %d the command ran %d times", seed, c.runs)
		}
		if quiet {
			latest := func() { c.reconcile(c.older[len(c.older)-1], 9, noon.Add(time.Minute)) }
			latest()
			latest()
			if c.runs != 1 {
				t.Fatalf("with the seed %d the command has not run: %+v", seed, c.command.Status)
			}
		}
		ran += c.runs
	}
	t.Logf("%d worlds, %d runs", worlds, ran)
	if ran < worlds/4 {
		t.Errorf("commands ran in %d of %d worlds only", ran, worlds)
	}
}
