// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

const (
	// mostPerByte is how many bytes of memory one byte of an object may cost the
	// operator, and mostPerPool what a pool and its QueueApp may cost whatever their size:
	// twice 96 KiB and 38 KiB, as docs/memory.md says.
	mostPerByte = 10
	mostPerPool = 2 * (96 + 38) << 10
	// mostPerReconcile is the CPU time that a reconcile may take.
	mostPerReconcile = 50 * time.Millisecond
	// batch is how many bytes of objects are in the cluster at once.
	batch = 6 * mebibyte
)

// stretched is a spec or status that the API server accepts although it is as large as it
// can be in one place.
type stretched struct {
	kind, part, path string
	value            any
	size             int
}

// TestEveryStretchedObjectCostsLittle creates an object for each list, map and string of
// the schemas, stretched to its bound, and measures the cost of the accepted ones.
func TestEveryStretchedObjectCostsLittle(t *testing.T) {
	for _, tc := range []struct {
		kind, part string
		least      int
	}{{"QueueApp", "spec", 50}, {"QueueWorker", "spec", 2}, {"QueueCommand", "spec", 0}} {
		t.Run(tc.part+" of "+tc.kind, func(t *testing.T) {
			accepted := acceptedObjects(t, tc.kind, tc.part, lastingSize(300_000, 1_400_000))
			if len(accepted) < tc.least {
				t.Fatalf("only %d stretched objects were accepted; the generator is broken", len(accepted))
			}
			for len(accepted) > 0 {
				size, count := 0, 0
				for ; count < len(accepted) && (size == 0 || size+accepted[count].size < batch); count++ {
					size += accepted[count].size
				}
				t.Run(fmt.Sprintf("%d of %d KB", count, size/1000), func(t *testing.T) { measure(t, accepted[:count], size) })
				accepted = accepted[count:]
				if !long() {
					break // the largest came first
				}
			}
		})
	}
}

func lastingSize(short, full int) int {
	if long() {
		return full
	}
	return short
}

var leastSpecs = map[string]string{
	"QueueApp":     `{"template":{"spec":{"containers":[{"name":"worker","image":"registry.example.com/shop:1"}]}}}`,
	"QueueWorker":  `{"queue":"default","stopped":true}`,
	"QueueCommand": `{"appName":"none","action":"ListFailed"}`,
}

func resourceOf(kind string) string { return strings.ToLower(kind) + "s" }

// leastSpec returns the smallest spec of a kind.
func leastSpec(kind string) map[string]any {
	var spec map[string]any
	if err := json.Unmarshal([]byte(leastSpecs[kind]), &spec); err != nil {
		panic(err) // a constant
	}
	return spec
}

// acceptedObjects returns the stretched objects that the API server accepts, the largest
// first.
func acceptedObjects(t *testing.T, kind, part string, size int) []stretched {
	t.Helper()
	namespace := newNamespace(t, "attacker")
	mustPost(t, ourPath(namespace, resourceOf(kind)), string(objectOf(namespace, "base", kind, leastSpec(kind))))
	var out []stretched
	refusals := map[string]int{}
	for _, place := range stretches(schemaOf(t, kind, part), part) {
		object := stretched{kind: kind, part: part, path: place.path, value: place.make(size)}
		if part == "spec" {
			object.value = over(object.value, leastSpec(kind))
		}
		document, err := json.Marshal(object.value)
		if err != nil {
			t.Fatal(err)
		}
		object.size = len(document)
		if err := object.write(t.Context(), namespace, "base", true); err != nil {
			refusals[reasonOf(err)]++
			continue
		}
		out = append(out, object)
	}
	slices.SortStableFunc(out, func(a, b stretched) int { return b.size - a.size })
	if len(out) > 0 {
		t.Logf("%d stretched objects are accepted, the largest of %d bytes at %s; refused: %v", len(out), out[0].size, out[0].path, refusals)
	}
	return out
}

func objectOf(namespace, name, kind string, spec any) []byte {
	document, err := json.Marshal(map[string]any{
		"apiVersion": v1alpha1.GroupVersion.String(), "kind": kind,
		"metadata": map[string]any{"name": name, "namespace": namespace}, "spec": spec,
	})
	if err != nil {
		panic(err) // only JSON values
	}
	return document
}

// write stores the object: a status in an existing object, a spec in a new one. A trial
// only asks whether the API server would accept it.
func (s stretched) write(ctx context.Context, namespace, name string, trial bool) error {
	request := kube.Discovery().RESTClient().Post().AbsPath(ourPath(namespace, resourceOf(s.kind)))
	body := objectOf(namespace, name, s.kind, s.value)
	if s.part == "status" {
		request = kube.Discovery().RESTClient().Patch("application/merge-patch+json").AbsPath(ourPath(namespace, resourceOf(s.kind)), name, "status")
		body, _ = json.Marshal(map[string]any{"status": s.value}) // encoded before
	} else if trial {
		body = objectOf(namespace, name+"-trial", s.kind, s.value)
	}
	if trial {
		request = request.Param("dryRun", "All")
	}
	return request.SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
}

// reasonOf returns the kind of a refusal.
func reasonOf(err error) string {
	text := err.Error()
	for _, known := range []string{"Too many", "Too long", "may not be longer", "request is too large", "Required value", "Duplicate", "Unsupported value", "Invalid value"} {
		if strings.Contains(text, known) {
			return known
		}
	}
	return text[:min(len(text), 100)]
}

// store stores the object with a pool that uses it, and returns the pool's name; empty if
// the object is larger than etcd stores, which a trial does not show.
func (s stretched) store(t *testing.T, namespace string, i int) (pool string) {
	t.Helper()
	name := fmt.Sprintf("%s-%d", strings.ToLower(s.kind), i)
	if s.part == "status" {
		mustPost(t, ourPath(namespace, resourceOf(s.kind)), string(objectOf(namespace, name, s.kind, leastSpec(s.kind))))
	}
	switch err := s.write(t.Context(), namespace, name, false); {
	case err == nil:
	case strings.Contains(err.Error(), "request is too large"), strings.Contains(err.Error(), "larger than max"):
		return ""
	default:
		t.Fatalf("store an object of %d bytes: %.600v", s.size, err)
	}
	if s.kind == "QueueWorker" {
		return name
	}
	app := name
	if s.kind != "QueueApp" {
		app = "none"
	}
	mustCreate(t, builders.QueueWorker(namespace, fmt.Sprintf("pool-%d", i)).App(app).Stopped(true).Obj())
	return fmt.Sprintf("pool-%d", i)
}

// measure stores objects and a pool for each of them. It measures the operator's memory
// and its work on each pool.
func measure(t *testing.T, objects []stretched, size int) {
	t.Helper()
	before := idleMemory(t)
	namespace := newNamespace(t, "attacker")
	var pools []string
	var stored []stretched
	for i, object := range objects {
		pool := object.store(t, namespace, i)
		if pool == "" {
			size -= object.size
			continue
		}
		pools, stored = append(pools, pool), append(stored, object)
	}
	if len(stored) == 0 {
		t.Logf("etcd stores none of them")
		return
	}
	o := startOperator(t)
	o.answers(t)
	newVictim(t)
	o.settle(time.Minute)
	growth := o.highest() - before
	t.Logf("memory: %.1f bytes for each byte (%d MiB for %.1f MB)", float64(growth)/float64(size), growth/mebibyte, float64(size)/1e6)
	// A smaller growth is within the difference between two equal runs.
	if growth > mostPerByte*int64(size)+mostPerPool*int64(len(stored)) && growth > 8*mebibyte {
		t.Errorf("the operator takes %.1f bytes for each byte of the objects", float64(growth)/float64(size))
	}
	worst, at := time.Duration(0), ""
	for i, object := range stored {
		if took := o.reconcile(t, namespace, pools[i]); took > worst {
			worst, at = took, object.path
		}
	}
	t.Logf("the longest reconcile took %s of a processor, for %s", worst.Round(100*time.Microsecond), at)
	if worst > mostPerReconcile {
		t.Errorf("a reconcile took %s of a processor, for %s", worst, at)
	}
	if deaths := o.deaths(); len(deaths) > 0 {
		t.Errorf("the operator died: %v", deaths)
	}
}

// idleMemory returns the highest memory of an operator that has one small pool.
func idleMemory(t *testing.T) int64 {
	t.Helper()
	o := startOperator(t)
	o.answers(t)
	newVictim(t)
	o.settle(20 * time.Second)
	o.stop()
	return o.highest()
}

// reconcile touches a pool a few times. It returns the least CPU time until the operator
// is idle again, because the operator's periodic looks at other pools count too.
func (o *operator) reconcile(t *testing.T, namespace, name string) time.Duration {
	t.Helper()
	var times []time.Duration
	for range 3 {
		before := o.cpu()
		if err := annotatePools(t.Context(), map[string][]string{namespace: {name}}); err != nil {
			t.Fatal(err)
		}
		last, still := before, 0
		for end := time.Now().Add(time.Minute); still < 4 && time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
			now := o.cpu()
			if still++; now-last > time.Millisecond || now == before {
				still = 0
			}
			last = now
		}
		times = append(times, last-before)
	}
	return slices.Min(times)
}
