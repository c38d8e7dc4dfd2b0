// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package stretch

import (
	"encoding/json"
	"syscall"
	"testing"

	appsv1 "k8s.io/api/apps/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/objects"
	"queueworker.dev/queueworker/test/builders"
)

// BenchmarkPool measures what a reconcile computes for the largest QueueApps: it decodes
// the template, builds the Deployment and compares it with the live one. cpu-ms/op is the
// process's own CPU time, whatever else the machine does.
func BenchmarkPool(b *testing.B) {
	worker := builders.QueueWorker("shop", "emails").Obj()
	for app := range load(b).Together() {
		template := app.Template()
		build := func(b *testing.B) objects.Objects {
			b.Helper()
			stored := &v1alpha1.QueueApp{}
			stored.Name, stored.Spec.Runtime = "shop", v1alpha1.RuntimeCustom
			if err := json.Unmarshal(template, &stored.Spec.Template); err != nil {
				b.Fatal(err)
			}
			stored.Spec.Template.Spec.Containers[0].Command = []string{"/worker"}
			built, problem := objects.Build(objects.Input{Worker: worker, App: stored, Most: 1, Replicas: 1, AgentImage: "agent"})
			if problem != nil {
				b.Fatal(problem.Message)
			}
			return built
		}
		document, err := json.Marshal(build(b).Deployment)
		if err != nil {
			b.Fatal(err)
		}
		live := &appsv1.Deployment{}
		if err := json.Unmarshal(document, live); err != nil {
			b.Fatal(err)
		}
		b.Run(app.Name, func(b *testing.B) {
			b.ReportMetric(float64(len(template)), "bytes")
			before := cpu(b)
			for b.Loop() {
				if covered, err := objects.Covers(live, build(b).Deployment); err != nil || !covered {
					b.Fatal(covered, err)
				}
			}
			b.ReportMetric((cpu(b)-before)*1000/float64(b.N), "cpu-ms/op")
		})
	}
}

// cpu returns how many seconds of CPU time this process has used.
func cpu(b *testing.B) float64 {
	b.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		b.Fatal(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}
