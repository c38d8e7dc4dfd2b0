// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// TestTextsStayTexts writes texts that some version of YAML reads as another type, and
// reads them as kubectl does.
func TestTextsStayTexts(t *testing.T) {
	var want []corev1.EnvVar
	for word := range strings.FieldsSeq(`y Y n N yes Yes YES no No NO on On ON off Off OFF yEs true True false null ~ Null
		1 -1 +1 0777 0o7 0x1F 0b1 1_000 1.5 .5 1e3 .inf .nan 12:30 1:30:00 2026-11-26 2026-11-26T10:00:00Z << = - ? : # & * ! | > % @ yes, a:b [] {}`) {
		want = append(want, corev1.EnvVar{Name: "A", Value: word})
	}
	want = append(want, corev1.EnvVar{Name: "no", Value: "a\nb: c"}, corev1.EnvVar{Name: "A", Value: " a "}, corev1.EnvVar{Name: "A", Value: "a # b"})
	app := App{Name: "on"}
	app.Spec.Template.Spec.Containers = []corev1.Container{{Name: "off", Env: want}}
	pool := Pool{Name: "yes", Labels: map[string]string{"y": "n"}, Spec: v1alpha1.QueueWorkerSpec{AppName: "on", Queue: "no"}}
	app.Pools = []Pool{pool}
	printed, err := Write(Result{Apps: []App{app}})
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(string(printed), "---\n")
	readApp, readPool := &v1alpha1.QueueApp{}, &v1alpha1.QueueWorker{}
	for at, into := range map[int]any{1: readApp, 2: readPool} {
		if err := yaml.UnmarshalStrict([]byte(documents[at]), into); err != nil {
			t.Fatalf("%v in\n%s", err, documents[at])
		}
	}
	if diff := cmp.Diff(want, readApp.Spec.Template.Spec.Containers[0].Env); diff != "" || readApp.Name != "on" {
		t.Errorf("it is read otherwise (-want +read):\n%s", diff)
	}
	if diff := cmp.Diff(pool.Labels, readPool.Labels); diff != "" || readPool.Spec.Queue != "no" || readPool.Name != "yes" {
		t.Errorf("the pool became %+v, its labels (-want +read):\n%s", readPool, diff)
	}
}
