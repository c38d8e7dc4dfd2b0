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
	// mostPerByte is how much memory a byte of an object may cost the operator.
	mostPerByte = 10
	// mostPerReconcile is the processor time that a reconcile may take.
	mostPerReconcile = 50 * time.Millisecond
	// batch is how many bytes of objects are in the cluster at once.
	batch = 6 * mebibyte
)

// stretched is an object that the apiserver accepted, though it is as large as it can be
// in one place.
type stretched struct {
	path     string
	document []byte
}

// TestEveryStretchedQueueAppCostsLittle makes a QueueApp for each list, map and string
// of its schema, stretched to its bound, and measures what the accepted ones cost.
func TestEveryStretchedQueueAppCostsLittle(t *testing.T) {
	accepted := acceptedApps(t, lastingSize(300_000, 1_400_000))
	if len(accepted) < 50 {
		t.Fatalf("only %d stretched QueueApps were accepted; the generator is broken", len(accepted))
	}
	for len(accepted) > 0 {
		size, count := 0, 0
		for ; count < len(accepted) && (size == 0 || size+len(accepted[count].document) < batch); count++ {
			size += len(accepted[count].document)
		}
		t.Run(fmt.Sprintf("%d apps of %d KB", count, size/1000), func(t *testing.T) { measure(t, accepted[:count], size) })
		accepted = accepted[count:]
		if !long() {
			break // the largest came first
		}
	}
}

func lastingSize(short, full int) int {
	if long() {
		return full
	}
	return short
}

// acceptedApps returns the stretched QueueApps that the apiserver accepts, the largest
// first.
func acceptedApps(t *testing.T, size int) []stretched {
	t.Helper()
	namespace := newNamespace(t, "attacker")
	base := map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{
		map[string]any{"name": "worker", "image": builders.Image}}}}}
	var out []stretched
	refusals := map[string]int{}
	for _, place := range stretches(schemaOf(t, "queueapps"), "spec") {
		document, err := json.Marshal(map[string]any{
			"apiVersion": v1alpha1.GroupVersion.String(), "kind": "QueueApp",
			"metadata": map[string]any{"name": "app", "namespace": namespace}, "spec": over(place.make(size), base),
		})
		if err != nil {
			t.Fatal(err)
		}
		err = kube.Discovery().RESTClient().Post().AbsPath(ourPath(namespace, "queueapps")).Param("dryRun", "All").
			SetHeader("Content-Type", "application/json").Body(document).Do(t.Context()).Error()
		if err != nil {
			refusals[reasonOf(err)]++
			continue
		}
		out = append(out, stretched{place.path, document})
	}
	slices.SortStableFunc(out, func(a, b stretched) int { return len(b.document) - len(a.document) })
	t.Logf("%d stretched QueueApps are accepted, the largest of %d bytes at %s; refused: %v", len(out), len(out[0].document), out[0].path, refusals)
	return out
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

// measure stores objects, and measures the operator's memory and its work on a pool of
// each.
func measure(t *testing.T, apps []stretched, size int) {
	t.Helper()
	o := startOperator(t)
	o.answers(t)
	newVictim(t)
	o.settle(20 * time.Second)
	before := o.highest()
	o.stop()
	namespace := newNamespace(t, "attacker")
	for i, app := range apps {
		name := fmt.Sprintf("app-%d", i)
		var document map[string]any
		if err := json.Unmarshal(app.document, &document); err != nil {
			t.Fatal(err)
		}
		document["metadata"] = map[string]any{"name": name, "namespace": namespace}
		text, err := json.Marshal(document)
		if err != nil {
			t.Fatal(err)
		}
		mustPost(t, ourPath(namespace, "queueapps"), string(text))
		mustCreate(t, builders.QueueWorker(namespace, fmt.Sprintf("pool-%d", i)).App(name).Stopped(true).Obj())
	}
	o = startOperator(t)
	o.answers(t)
	newVictim(t)
	o.settle(time.Minute)
	growth := o.highest() - before
	t.Logf("memory: %.1f bytes for each byte (%d MiB for %.1f MB)", float64(growth)/float64(size), growth/mebibyte, float64(size)/1e6)
	if growth > mostPerByte*int64(size) {
		t.Errorf("the operator takes %.1f bytes for each byte of the objects", float64(growth)/float64(size))
	}
	worst, at := time.Duration(0), ""
	for i, app := range apps {
		if took := o.reconcile(t, namespace, fmt.Sprintf("pool-%d", i)); took > worst {
			worst, at = took, app.path
		}
	}
	t.Logf("the longest reconcile took %s of a processor, for %s", worst.Round(100*time.Microsecond), at)
	if worst > mostPerReconcile {
		t.Errorf("a reconcile took %s of a processor, for %s", worst, at)
	}
}

// reconcile touches a pool and returns the processor time until the operator is idle
// again, the median of a few times.
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
	return median(times)
}

// TestLargeMetadataAndStatusCostLittle stretches what no schema of ours bounds:
// metadata, and a status written by someone who may.
func TestLargeMetadataAndStatusCostLittle(t *testing.T) {
	const size = 1_200_000
	owner := `{"apiVersion":"v1","kind":"ConfigMap","name":"n%","uid":"00000000-0000-4000-8000-%"}`
	for name, metadata := range map[string]string{
		"labels":          `"labels":{` + repeated(`"k%":""`, size) + `}`,
		"annotations":     `"annotations":{` + repeated(`"k%":""`, 200_000) + `}`,
		"our annotations": `"annotations":{` + repeated(`"queueworker.dev/k%":""`, 250_000) + `}`,
		"finalizers":      `"finalizers":[` + repeated(`"example.com/f%"`, size) + `]`,
		"owners":          `"ownerReferences":[` + repeated(owner, size) + `]`,
	} {
		for _, kind := range []string{"QueueApp", "QueueWorker", "QueueCommand"} {
			t.Run(kind+" with "+name, func(t *testing.T) { measureMetadata(t, kind, metadata, strings.HasPrefix(name, "final")) })
		}
	}
}

var leastSpecs = map[string]string{
	"QueueApp":     `{"template":{"spec":{"containers":[{"name":"worker","image":"registry.example.com/shop:1"}]}}}`,
	"QueueWorker":  `{"queue":"default","stopped":true}`,
	"QueueCommand": `{"appName":"none","action":"ListFailed"}`,
}

func measureMetadata(t *testing.T, kind, metadata string, finalized bool) {
	t.Helper()
	namespace := newNamespace(t, "attacker")
	path := ourPath(namespace, strings.ToLower(kind)+"s")
	const count = 4
	for i := range count {
		document := fmt.Sprintf(`{"apiVersion":"queueworker.dev/v1alpha1","kind":%q,"metadata":{"name":"fat-%d",%s},"spec":%s}`,
			kind, i, metadata, leastSpecs[kind])
		mustPost(t, path, document)
		if finalized {
			t.Cleanup(func() {
				_ = kube.Discovery().RESTClient().Patch("application/merge-patch+json").AbsPath(path, fmt.Sprintf("fat-%d", i)).
					Body([]byte(`{"metadata":{"finalizers":null}}`)).Do(context.Background()).Error() // shown by the namespace that stays
			})
		}
	}
	o := startOperator(t)
	o.answers(t)
	newVictim(t).change(t)
	o.settle(20 * time.Second)
	o.survives(t, mostForeign)
}
