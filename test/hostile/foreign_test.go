// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"
)

// mostForeign is how much memory the operator may use while the cluster is full of
// objects that have its label but are not its own.
const mostForeign = 96 * mebibyte

// mostDecoded is the same for Deployments of many empty volumes, which are decoded whole
// before they are cut: 1 MiB of JSON takes up to 30 MiB for a moment.
const mostDecoded = 144 * mebibyte

// borrowed is the label by which the operator finds its own objects, and which any user
// may set.
const borrowed = `"app.kubernetes.io/managed-by":"queueworker"`

// foreign is an object with the operator's label and a size in bytes.
type foreign struct {
	path string
	// document has the variables %NS, %NAME, %LABELS and %FAT.
	document string
	// entry is an entry of the list %MANY; % in it is a number.
	entry string
}

// foreigners are the kinds of which the operator watches its own objects. In each kind a
// tenant can fill labels, and another field, up to etcd's limit.
var foreigners = map[string]foreign{
	"ConfigMaps": {path: "/api/v1/namespaces/%NS/configmaps",
		document: `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"%NAME","labels":{%LABELS}},"data":{"fat":"%FAT"}}`},
	"Pods": {path: "/api/v1/namespaces/%NS/pods",
		document: `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%NAME","labels":{%LABELS}},"spec":{"containers":[{"name":"c","image":"i","args":["%FAT"]}]}}`},
	"Jobs": {path: "/apis/batch/v1/namespaces/%NS/jobs",
		document: `{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"%NAME","labels":{%LABELS}},"spec":{"suspend":true,"manualSelector":true,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i","args":["%FAT"]}]}}}}`},
	"Deployments": {path: "/apis/apps/v1/namespaces/%NS/deployments",
		document: `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"%NAME","labels":{%LABELS}},"spec":{"replicas":0,"paused":true,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i","args":["%FAT"]}]}}}}`},
	"ReplicaSets": {path: "/apis/apps/v1/namespaces/%NS/replicasets",
		document: `{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"%NAME","labels":{%LABELS}},"spec":{"replicas":0,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"c","image":"i","args":["%FAT"]}]}}}}`},
	"PodDisruptionBudgets": {path: "/apis/policy/v1/namespaces/%NS/poddisruptionbudgets",
		document: `{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"%NAME","labels":{%LABELS}},"spec":{"minAvailable":1,"selector":{"matchExpressions":[{"key":"a","operator":"In","values":["b"]}]}}}`},
	"NetworkPolicies": {path: "/apis/networking.k8s.io/v1/namespaces/%NS/networkpolicies",
		document: `{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"%NAME","labels":{%LABELS}},"spec":{"podSelector":{}}}`},
}

// invented is an owner that does not exist. The API server does not check it, and the
// garbage collector of a whole cluster takes a while.
const invented = `"ownerReferences":[{"apiVersion":"queueworker.dev/v1alpha1","kind":"QueueWorker","name":"invented","uid":"00000000-0000-4000-8000-000000000000","controller":true}]`

// owned returns the object with that owner.
func (f foreign) owned() foreign {
	f.document = strings.Replace(f.document, `"labels":`, invented+`,"labels":`, 1)
	return f
}

// render returns the object's path and JSON. Of its size in bytes, labels bytes are in
// labels and the rest is in the kind's other field.
func (f foreign) render(namespace, name string, labels, size int) (path, document string) {
	tags := borrowed
	if labels > 0 {
		// A name and a value may have at most 63 bytes.
		value := strings.Repeat("v", 63)
		tags += "," + repeated(`"`+strings.Repeat("k", 50)+`-%":"`+value+`"`, labels)
	}
	many := ""
	if f.entry != "" {
		many = repeated(f.entry, size)
	}
	document = strings.NewReplacer("%NAME", name, "%LABELS", tags, "%FAT", strings.Repeat("f", size), "%MANY", many).Replace(f.document)
	return strings.ReplaceAll(f.path, "%NS", namespace), document
}

// TestForeignObjectsWithOurLabelCostNothing fills the cluster with objects that have the
// operator's label, as any user who may create ConfigMaps can do.
func TestForeignObjectsWithOurLabelCostNothing(t *testing.T) {
	const size = 1 << 20
	objects := maps.Clone(foreigners)
	for kind, object := range foreigners {
		objects["owned "+kind] = object.owned()
	}
	budgets, deployments := foreigners["PodDisruptionBudgets"].owned(), foreigners["Deployments"].owned()
	budgets.document, budgets.entry = strings.Replace(budgets.document, `"values":["b"]`, `"values":[%MANY]`, 1), `"v%"`
	deployments.document = strings.Replace(deployments.document, `"containers":[`, `"volumes":[%MANY],"containers":[`, 1)
	deployments.document, deployments.entry = strings.Replace(deployments.document, "%FAT", "", 1), `{"name":"v%","emptyDir":{}}`
	objects["owned PodDisruptionBudgets of many values"], objects["owned Deployments of many volumes"] = budgets, deployments
	for kind, object := range objects {
		if !long() && kind != "ConfigMaps" && kind != "Deployments" && kind != "owned Deployments" {
			continue
		}
		for _, where := range []string{"labels", "data"} {
			count := 40
			if kind == "ConfigMaps" {
				count = 200
			}
			if !long() {
				count /= 5
			}
			if where == "data" && object.entry == "" && !strings.Contains(object.document, "%FAT") {
				continue
			}
			t.Run(fmt.Sprintf("%d %s with 1 MB of %s", count, kind, where), func(t *testing.T) {
				namespace := newNamespace(t, "attacker")
				o := startOperator(t)
				o.answers(t)
				v := newVictim(t)
				labels, rest := 0, size-1024
				if where == "labels" {
					labels, rest = size-1024, 1
				}
				inParallel(t, count, func(i int) error {
					path, document := object.render(namespace, fmt.Sprintf("foreign-%d", i), labels, rest)
					return post(t.Context(), path, []byte(document))
				})
				most := int64(mostForeign)
				if object.entry == deployments.entry {
					most = mostDecoded
				}
				v.change(t)
				o.survives(t, most)
				o.stop()
				restartsWith(t, most)
			})
		}
	}
}

// TestManyForeignPoliciesCostNothing creates policies of empty rules. Each rule has 2
// bytes on the wire, and many more in the heap.
func TestManyForeignPoliciesCostNothing(t *testing.T) {
	const policies, rules = 1000, 2000
	namespace := newNamespace(t, "attacker")
	o := startOperator(t)
	o.answers(t)
	v := newVictim(t)
	object := foreign{path: "/apis/networking.k8s.io/v1/namespaces/%NS/networkpolicies", entry: "{}",
		document: `{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"%NAME","labels":{%LABELS}},"spec":{"podSelector":{},"ingress":[%MANY]}}`}.owned()
	object.document = strings.Replace(object.document, `"kind":"QueueWorker"`, `"kind":"QueueApp"`, 1)
	inParallel(t, policies, func(i int) error {
		path, document := object.render(namespace, fmt.Sprintf("foreign-%d", i), 0, 3*rules)
		return post(t.Context(), path, []byte(document))
	})
	v.change(t)
	o.survives(t, mostForeign)
	o.stop()
	restartsWith(t, mostForeign)
}

// restartsWith starts a second operator, which finds the objects in lists instead of one
// by one, and checks that it uses no more memory.
func restartsWith(t *testing.T, limit int64) {
	t.Helper()
	t.Run("and after a restart", func(t *testing.T) {
		o := startOperator(t)
		o.answers(t)
		newVictim(t)
		o.survives(t, limit)
	})
}

// TestAFloodOfForeignChangesDoesNotSlowOthers writes 200 times a second to 50 objects with
// the operator's label.
func TestAFloodOfForeignChangesDoesNotSlowOthers(t *testing.T) {
	for kind, object := range foreigners {
		if !long() && kind != "Pods" {
			continue
		}
		t.Run(kind, func(t *testing.T) {
			attacker := newNamespace(t, "attacker")
			for _, name := range []string{"ours", "decoy"} {
				inParallel(t, 50, func(i int) error {
					path, document := object.render(attacker, fmt.Sprintf("%s-%d", name, i), 0, 1024)
					if name == "decoy" {
						document = strings.Replace(document, borrowed, `"a":"b"`, 1)
					}
					return post(t.Context(), path, []byte(document))
				})
			}
			o := startOperator(t)
			o.answers(t)
			flood := func(name string) func(context.Context) error {
				i := 0
				return every(5*time.Millisecond, func(ctx context.Context) error {
					i++
					path, _ := object.render(attacker, "", 0, 0)
					return kube.Discovery().RESTClient().Patch("application/merge-patch+json").AbsPath(path, fmt.Sprintf("%s-%d", name, i%50)).
						Body(fmt.Appendf(nil, `{"metadata":{"labels":{"queueworker.dev/name":"pool-%d","round":"%d"}}}`, i%50, i)).Do(ctx).Error()
				})
			}
			contest{calm: flood("decoy"), attack: flood("ours"), rounds: 3, span: lasting(3*time.Second, 20*time.Second)}.compare(t, o, newVictim(t))
			o.survives(t, mostForeign)
		})
	}
}
