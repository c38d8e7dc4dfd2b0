// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

// mostFat is how much memory the operator may use, whatever one tenant has stored.
const mostFat = 128 * mebibyte

// appWith returns a QueueApp in JSON whose pod has more fields in addition to its
// container.
func appWith(namespace, name, fields string) string {
	return fmt.Sprintf(`{"apiVersion":"queueworker.dev/v1alpha1","kind":"QueueApp","metadata":{"namespace":%q,"name":%q},
"spec":{"template":{"spec":{"containers":[{"name":"worker","image":"registry.example.com/shop:1"}],%s}}}}`, namespace, name, fields)
}

// tolerations returns a field of n empty tolerations. Each takes 3 bytes, and 24 times as
// much after decoding.
func tolerations(n int) string {
	return `"tolerations":[` + repeated("{}", 3*n-1) + `]`
}

// namedTolerations returns a field of n tolerations with contents, 35 bytes each.
func namedTolerations(n int) string {
	return `"tolerations":[` + repeated(`{"key":"k%","operator":"Exists"}`, 35*n) + `]`
}

// storeFat stores a QueueApp as the API server accepted it before there were bounds.
func storeFat(t *testing.T, namespace, name, fields string) {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal([]byte(appWith(namespace, name, fields)), &document); err != nil {
		t.Fatal(err)
	}
	document["metadata"] = map[string]any{
		"namespace": namespace, "name": name, "uid": uuid.NewUUID(), "generation": 1, "creationTimestamp": "2026-01-02T03:04:05Z",
	}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := cluster.Store(t.Context(), v1alpha1.GroupName, "queueapps", namespace, name, text); err != nil {
		t.Fatal(err)
	}
}

func TestAFatQueueAppIsRefusedWithASentence(t *testing.T) {
	namespace := newNamespace(t, "attacker")
	for name, tc := range map[string]struct{ fields, sentence string }{
		"480,000 empty tolerations": {tolerations(480_000), "spec.template.spec.tolerations"},
		"240,000 empty tolerations": {tolerations(240_000), "spec.template.spec.tolerations"},
		"8,000 empty tolerations":   {tolerations(8_000), "spec.template.spec.tolerations"},
		"volumes":                   {`"volumes":[` + repeated(`{"name":"v%"}`, 280_000) + `]`, "spec.template.spec.volumes"},
		"init containers":           {`"initContainers":[` + repeated(`{"name":"c%"}`, 280_000) + `]`, "spec.template.spec.initContainers"},
		"pull secrets":              {`"imagePullSecrets":[` + repeated(`{"name":"s%"}`, 280_000) + `]`, "spec.template.spec.imagePullSecrets"},
		"projected sources":         {`"volumes":[{"name":"v","projected":{"sources":[` + repeated(`{}`, 280_000) + `]}}]`, "sources"},
		"node selector":             {`"nodeSelector":{` + repeated(`"k%":""`, 280_000) + `}`, "spec.template.spec.nodeSelector"},
		"node selector terms": {`"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[` +
			repeated(`{}`, 280_000) + `]}}}`, "nodeSelectorTerms"},
		// If a field is present twice, the last one counts.
		"containers":   {`"containers":[` + repeated(`{"name":"c%","image":"i"}`, 280_000) + `]`, "spec.template.spec.containers"},
		"variables":    {`"containers":[{"name":"worker","image":"i","env":[` + repeated(`{"name":"E%"}`, 280_000) + `]}]`, "env"},
		"env sources":  {`"containers":[{"name":"worker","image":"i","envFrom":[` + repeated(`{}`, 280_000) + `]}]`, "envFrom"},
		"arguments":    {`"containers":[{"name":"worker","image":"i","args":[` + repeated(`""`, 280_000) + `]}]`, "args"},
		"one variable": {`"containers":[{"name":"worker","image":"i","env":[{"name":"E","value":"` + strings.Repeat("x", 1_300_000) + `"}]}]`, "env"},
		"host aliases": {`"hostAliases":[` + repeated(`{"ip":"10.0.0.%"}`, 280_000) + `]`, "hostAliases"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, ourPath(namespace, "queueapps"), appWith(namespace, "fat", tc.fields), tc.sentence)
		})
	}
}

func TestFatQueueWorkersAndQueueCommandsAreRefusedWithASentence(t *testing.T) {
	namespace := newNamespace(t, "attacker")
	for name, tc := range map[string]struct{ kind, spec, sentence string }{
		"variables of a pool":    {"QueueWorker", `{"queue":"default","env":[` + repeated(`{"name":"E%"}`, 280_000) + `]}`, "spec.env"},
		"one variable of a pool": {"QueueWorker", `{"queue":"default","env":[{"name":"E","value":"` + strings.Repeat("x", 1_300_000) + `"}]}`, "spec.env"},
		"a list of queues":       {"QueueWorker", `{"queue":"` + repeated(`q%`, 1_300_000) + `"}`, "spec.queue"},
		"waits":                  {"QueueWorker", `{"queue":"default","backoff":[` + repeated(`"1s"`, 280_000) + `]}`, "spec.backoff"},
		"failed jobs":            {"QueueCommand", `{"appName":"shop","action":"RetryFailed","ids":[` + repeated(`"%"`, 280_000) + `]}`, "spec.ids"},
		"a name":                 {"QueueCommand", `{"appName":"` + strings.Repeat("x", 1_300_000) + `","action":"ListFailed"}`, "spec.appName"},
	} {
		t.Run(name, func(t *testing.T) {
			document := fmt.Sprintf(`{"apiVersion":"queueworker.dev/v1alpha1","kind":%q,"metadata":{"name":"fat"},"spec":%s}`, tc.kind, tc.spec)
			refused(t, ourPath(namespace, resourceOf(tc.kind)), document, tc.sentence)
		})
	}
}

// refused checks that an object is refused with a sentence that names the field.
func refused(t *testing.T, path, document, sentence string) {
	t.Helper()
	err := kube.Discovery().RESTClient().Post().AbsPath(path).Param("dryRun", "All").
		SetHeader("Content-Type", "application/json").Body([]byte(document)).Do(t.Context()).Error()
	if err == nil {
		t.Fatalf("an object of %d bytes was accepted", len(document))
	}
	t.Logf("%d bytes: %.300v", len(document), err)
	if text := err.Error(); !strings.Contains(text, sentence) || len(text) > 4096 {
		t.Errorf("the refusal of %d bytes does not name %s: %.600s", len(text), sentence, text)
	}
}

// TestStoredFatQueueAppsDoNotHurtTheOperator uses objects that were stored before there
// were bounds.
func TestStoredFatQueueAppsDoNotHurtTheOperator(t *testing.T) {
	for name, sizes := range map[string][]int{
		"one of 1.44 MB":         {480_000},
		"two of 720 KB":          {240_000, 240_000},
		"one of 1.44 MB, unused": {480_000, 1},
	} {
		t.Run(name, func(t *testing.T) {
			attacker := newNamespace(t, "attacker")
			for i, n := range sizes {
				storeFat(t, attacker, fmt.Sprintf("fat-%d", i), tolerations(n))
			}
			for i := range 8 {
				mustCreate(t, builders.QueueWorker(attacker, fmt.Sprintf("pool-%d", i)).App(fmt.Sprintf("fat-%d", len(sizes)-1)).Stopped(true).Obj())
			}
			o := startOperator(t)
			o.serves(t)
			for end := time.Now().Add(lasting(8*time.Second, time.Minute)); time.Now().Before(end); {
				if err := annotatePools(t.Context(), map[string][]string{attacker: poolNames(8)}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
			}
			o.survives(t, mostFat)
		})
	}
}

func poolNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("pool-%d", i)
	}
	return names
}

// annotatePools writes an annotation to each pool, by namespace, as kubectl annotate
// --all does.
func annotatePools(ctx context.Context, pools map[string][]string) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"example.com/at":"%d"}}}`, time.Now().UnixNano())
	for namespace, names := range pools {
		for _, name := range names {
			worker := &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
			if err := merge(ctx, worker, patch); err != nil {
				return err
			}
		}
	}
	return nil
}

// touchConfigMaps writes as much to objects that the operator does not watch.
func touchConfigMaps(ctx context.Context, maps map[string][]string) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"example.com/at":"%d"}}}`, time.Now().UnixNano())
	for namespace, names := range maps {
		for _, name := range names {
			if err := merge(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}, patch); err != nil {
				return err
			}
		}
	}
	return nil
}

// TestPoolsOfFatQueueAppsDoNotSlowOthers has 20 apps of 284 KB, each with 8 stopped
// pools. So there are no pods, and a quota of pods counts nothing.
func TestPoolsOfFatQueueAppsDoNotSlowOthers(t *testing.T) {
	apps := 20
	pools := map[string][]string{}
	namespaces := make([]string, 0, apps)
	crowded := newNamespace(t, "attacker")
	for i := range apps {
		if i < apps/2 {
			namespaces = append(namespaces, crowded)
		} else {
			namespaces = append(namespaces, newNamespace(t, "attacker"))
		}
	}
	for i, namespace := range namespaces {
		storeFat(t, namespace, fmt.Sprintf("fat-%d", i), namedTolerations(8_000))
		for j := range 8 {
			name := fmt.Sprintf("pool-%d-%d", i, j)
			pools[namespace] = append(pools[namespace], name)
			mustCreate(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}},
				builders.QueueWorker(namespace, name).App(fmt.Sprintf("fat-%d", i)).Stopped(true).Obj())
		}
	}
	o := startOperator(t)
	o.answers(t)
	v := newVictim(t)
	contest{
		calm:   every(4*time.Second, func(ctx context.Context) error { return touchConfigMaps(ctx, pools) }),
		attack: every(4*time.Second, func(ctx context.Context) error { return annotatePools(ctx, pools) }),
		rounds: 2, span: lasting(8*time.Second, 40*time.Second),
	}.compare(t, o, v)
	o.survives(t, mostFat)
}
