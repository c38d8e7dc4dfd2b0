// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package effective_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// defaults maps each field that has a default in a CRD to the value that this package
// gives to an object without the field.
func defaults() map[string]any {
	worker, app, command := &v1alpha1.QueueWorkerSpec{}, &v1alpha1.QueueApp{}, &v1alpha1.QueueCommandSpec{}
	auto := &v1alpha1.Autoscaling{}
	alerts, batch := effective.AlertsOf(worker), effective.BatchOf(worker)
	return map[string]any{
		"queueapps.spec.agentUpgrade":                        effective.AgentUpgrade(app),
		"queueapps.spec.connection.driver":                   effective.Driver(app),
		"queueapps.spec.connection.retryAfter":               effective.RetryAfter(nil),
		"queueapps.spec.runtime":                             effective.Runtime(app),
		"queuecommands.spec.ttl":                             effective.TTL(command),
		"queueworkers.spec.alerts.crashes":                   alerts.Crashes,
		"queueworkers.spec.alerts.failedMinimum":             alerts.FailedMinimum,
		"queueworkers.spec.alerts.failedPercent":             alerts.FailedPercent,
		"queueworkers.spec.alerts.memoryFor":                 alerts.MemoryFor,
		"queueworkers.spec.alerts.memoryPercent":             alerts.MemoryPercent,
		"queueworkers.spec.alerts.slowJobPercent":            alerts.SlowJobPercent,
		"queueworkers.spec.autoscaling.minProcesses":         effective.MinProcesses(auto),
		"queueworkers.spec.autoscaling.scaleDown.window":     effective.ScaleDownWindow(auto),
		"queueworkers.spec.autoscaling.targetWait":           effective.TargetWait(auto),
		"queueworkers.spec.batch.failedRunsHistoryLimit":     batch.KeepFailed,
		"queueworkers.spec.batch.successfulRunsHistoryLimit": batch.KeepComplete,
		"queueworkers.spec.batch.waitForDelayed":             batch.WaitForDelayed,
		"queueworkers.spec.memory":                           resource.NewQuantity(effective.Memory(worker), resource.BinarySI),
		"queueworkers.spec.mode":                             effective.Mode(worker),
		"queueworkers.spec.onFailing":                        effective.OnFailing(worker),
		"queueworkers.spec.processes":                        effective.SpecProcesses(worker),
		"queueworkers.spec.processesPerPod":                  effective.ProcessesPerPod(worker),
		"queueworkers.spec.recycle":                          effective.Recycle(worker),
		"queueworkers.spec.sleep":                            effective.Sleep(worker),
		"queueworkers.spec.timeout":                          effective.Timeout(worker),
		"queueworkers.spec.tries":                            effective.Tries(worker),
	}
}

func TestDefaultsAreThoseOfTheCRDs(t *testing.T) {
	declared := map[string]any{}
	files, err := filepath.Glob("../../config/crd/bases/*.yaml")
	if err != nil || len(files) != 3 {
		t.Fatalf("found the CRDs %v (%v), want three", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(text, crd); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		spec := crd.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"]
		declare(declared, crd.Spec.Names.Plural+".spec", spec)
	}
	ours := defaults()
	if diff := cmp.Diff(slices.Sorted(maps.Keys(declared)), slices.Sorted(maps.Keys(ours))); diff != "" {
		t.Errorf("fields with a default, in the CRDs (-) and here (+):\n%s", diff)
	}
	for field, want := range declared {
		got, known := ours[field]
		if !known {
			continue
		}
		if span, ok := got.(time.Duration); ok {
			text, _ := want.(string)
			declared, err := time.ParseDuration(text)
			if err != nil || declared != span {
				t.Errorf("%s is %s here and %v in the CRD (%v)", field, span, want, err)
			}
			continue
		}
		document, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		wanted, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if string(document) != string(wanted) {
			t.Errorf("%s is %s here and %s in the CRD", field, document, wanted)
		}
	}
}

// declare collects the defaults of a schema, without the fields of Kubernetes' own types.
func declare(into map[string]any, path string, schema apiextensionsv1.JSONSchemaProps) {
	for name, field := range schema.Properties {
		at := path + "." + name
		if at == "queueapps.spec.template" || at == "queueworkers.spec.env" || at == "queueworkers.spec.tolerations" {
			continue
		}
		if field.Default != nil {
			var value any
			if err := json.Unmarshal(field.Default.Raw, &value); err != nil {
				panic(err) // the API server accepts the document
			}
			into[at] = value
		}
		declare(into, at, field)
	}
}
