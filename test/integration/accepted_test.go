// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
)

func seconds(n int) *metav1.Duration {
	return &metav1.Duration{Duration: time.Duration(n) * time.Second}
}

func quantity(text string) *resource.Quantity { return new(resource.MustParse(text)) }

// acceptedSpecs are at the edge of what the schema accepts. want is what the operator
// must read from the spec, relative to the defaults.
var acceptedSpecs = map[string]struct {
	spec string
	want func(*v1alpha1.QueueWorkerSpec)
}{
	"only a queue":               {`{}`, func(*v1alpha1.QueueWorkerSpec) {}},
	"a list of queues":           {`queue: high,default,low`, func(s *v1alpha1.QueueWorkerSpec) { s.Queue = "high,default,low" }},
	"a queue for a cluster slot": {`queue: "{shop}:emails"`, func(s *v1alpha1.QueueWorkerSpec) { s.Queue = "{shop}:emails" }},
	"a queue that is a URL":      {`queue: "https://sqs.example.com/1234/emails"`, func(s *v1alpha1.QueueWorkerSpec) { s.Queue = "https://sqs.example.com/1234/emails" }},
	"a queue of every character": {`queue: "Az09_.:/@{}-"`, func(s *v1alpha1.QueueWorkerSpec) { s.Queue = "Az09_.:/@{}-" }},
	"twenty queues": {`queue: ` + strings.Repeat("q,", 19) + "q", func(s *v1alpha1.QueueWorkerSpec) {
		s.Queue = strings.Repeat("q,", 19) + "q"
	}},
	"two queues of 255 characters": {`queue: "` + strings.Repeat("q", 255) + "," + strings.Repeat("r", 255) + `"`, func(s *v1alpha1.QueueWorkerSpec) {
		s.Queue = strings.Repeat("q", 255) + "," + strings.Repeat("r", 255)
	}},
	"appName of 50 characters": {`appName: ` + strings.Repeat("a", 50), func(s *v1alpha1.QueueWorkerSpec) { s.AppName = strings.Repeat("a", 50) }},
	"appName with dots":        {`appName: shop.v2`, func(s *v1alpha1.QueueWorkerSpec) { s.AppName = "shop.v2" }},
	"batch with nothing said": {"mode: Batch\nbatch: {}", func(s *v1alpha1.QueueWorkerSpec) {
		s.Mode, s.Batch = v1alpha1.ModeBatch, defaultBatch()
	}},
	"mode Batch alone": {`mode: Batch`, func(s *v1alpha1.QueueWorkerSpec) { s.Mode = v1alpha1.ModeBatch }},
	"a schedule with all there is": {"mode: Batch\nbatch: {schedule: \"*/5,7 0-6 ? JAN-MAR mon-FRI\", timeZone: America/Argentina/Buenos_Aires, waitForDelayed: false, successfulRunsHistoryLimit: 0, failedRunsHistoryLimit: 100}", func(s *v1alpha1.QueueWorkerSpec) {
		s.Mode = v1alpha1.ModeBatch
		s.Batch = &v1alpha1.Batch{
			Schedule: "*/5,7 0-6 ? JAN-MAR mon-FRI", TimeZone: "America/Argentina/Buenos_Aires", WaitForDelayed: new(false),
			SuccessfulRunsHistoryLimit: new(int32(0)), FailedRunsHistoryLimit: new(int32(100)),
		}
	}},
	"a schedule by name": {"mode: Batch\nbatch: {schedule: \"@daily\", timeZone: Etc/GMT+5}", func(s *v1alpha1.QueueWorkerSpec) {
		s.Mode, s.Batch = v1alpha1.ModeBatch, defaultBatch()
		s.Batch.Schedule, s.Batch.TimeZone = "@daily", "Etc/GMT+5"
	}},
	"no processes":              {`processes: 0`, func(s *v1alpha1.QueueWorkerSpec) { s.Processes = new(int32(0)) }},
	"a thousand processes":      {`processes: 1000`, func(s *v1alpha1.QueueWorkerSpec) { s.Processes = new(int32(1000)) }},
	"64 processes a pod":        {`processesPerPod: 64`, func(s *v1alpha1.QueueWorkerSpec) { s.ProcessesPerPod = 64 }},
	"stopped and paused":        {`{stopped: true, paused: true}`, func(s *v1alpha1.QueueWorkerSpec) { s.Stopped, s.Paused = true, true }},
	"timeout 60s":               {`timeout: 60s`, func(*v1alpha1.QueueWorkerSpec) {}},
	"timeout as Go writes it":   {`timeout: 1m0s`, func(*v1alpha1.QueueWorkerSpec) {}},
	"timeout in minutes":        {`timeout: 90m`, func(s *v1alpha1.QueueWorkerSpec) { s.Timeout = seconds(5400) }},
	"timeout in two units":      {`timeout: 1h30m`, func(s *v1alpha1.QueueWorkerSpec) { s.Timeout = seconds(5400) }},
	"timeout of a day":          {`timeout: 24h`, func(s *v1alpha1.QueueWorkerSpec) { s.Timeout = seconds(86400) }},
	"timeout of a day, seconds": {`timeout: 86400s`, func(s *v1alpha1.QueueWorkerSpec) { s.Timeout = seconds(86400) }},
	"timeout off, long sleep": {"timeout: 0s\nsleep: 1h", func(s *v1alpha1.QueueWorkerSpec) {
		s.Timeout, s.Sleep = seconds(0), seconds(3600)
	}},
	"sleep just below timeout": {"timeout: 4s\nsleep: 3999ms", func(s *v1alpha1.QueueWorkerSpec) {
		s.Timeout, s.Sleep = seconds(4), &metav1.Duration{Duration: 3999 * time.Millisecond}
	}},
	"sleep 0s":             {`sleep: 0s`, func(s *v1alpha1.QueueWorkerSpec) { s.Sleep = seconds(0) }},
	"sleep 500ms":          {`sleep: 500ms`, func(s *v1alpha1.QueueWorkerSpec) { s.Sleep = &metav1.Duration{Duration: 500 * time.Millisecond} }},
	"sleep as Go writes":   {`sleep: 1.5s`, func(s *v1alpha1.QueueWorkerSpec) { s.Sleep = &metav1.Duration{Duration: 1500 * time.Millisecond} }},
	"rest 250ms":           {`rest: 250ms`, func(s *v1alpha1.QueueWorkerSpec) { s.Rest = &metav1.Duration{Duration: 250 * time.Millisecond} }},
	"rest 1h":              {`rest: 1h`, func(s *v1alpha1.QueueWorkerSpec) { s.Rest = seconds(3600) }},
	"memory 32Mi":          {`memory: 32Mi`, func(s *v1alpha1.QueueWorkerSpec) { s.Memory = quantity("32Mi") }},
	"memory in bytes":      {`memory: 33554432`, func(s *v1alpha1.QueueWorkerSpec) { s.Memory = quantity("33554432") }},
	"memory in bytes text": {`memory: "33554432"`, func(s *v1alpha1.QueueWorkerSpec) { s.Memory = quantity("33554432") }},
	"memory in half gibis": {`memory: "0.5Gi"`, func(s *v1alpha1.QueueWorkerSpec) { s.Memory = quantity("512Mi") }},
	"memory in megabytes":  {`memory: 256M`, func(s *v1alpha1.QueueWorkerSpec) { s.Memory = quantity("256M") }},
	"memory with exponent": {`memory: "1e9"`, func(s *v1alpha1.QueueWorkerSpec) { s.Memory = quantity("1e9") }},
	"memory 1Ti":           {`memory: 1Ti`, func(s *v1alpha1.QueueWorkerSpec) { s.Memory = quantity("1Ti") }},
	"tries without limit":  {`tries: 0`, func(s *v1alpha1.QueueWorkerSpec) { s.Tries = new(int32(0)) }},
	"tries 10000":          {`tries: 10000`, func(s *v1alpha1.QueueWorkerSpec) { s.Tries = new(int32(10000)) }},
	"backoff in steps": {`backoff: [0s, 10s, 1m30s, 24h]`, func(s *v1alpha1.QueueWorkerSpec) {
		s.Backoff = []metav1.Duration{*seconds(0), *seconds(10), *seconds(90), *seconds(86400)}
	}},
	"backoff of 20 entries": {`backoff: [` + strings.Repeat("1s,", 20) + `]`, func(s *v1alpha1.QueueWorkerSpec) {
		for range 20 {
			s.Backoff = append(s.Backoff, *seconds(1))
		}
	}},
	"maxJobs 10000000":    {`maxJobs: 10000000`, func(s *v1alpha1.QueueWorkerSpec) { s.MaxJobs = 10000000 }},
	"recycle Pod by jobs": {`{recycle: Pod, maxJobs: 500}`, func(s *v1alpha1.QueueWorkerSpec) { s.Recycle, s.MaxJobs = v1alpha1.RecyclePod, 500 }},
	"recycle Pod by time": {`{recycle: Pod, maxTime: 1h, maxUnavailable: 100}`, func(s *v1alpha1.QueueWorkerSpec) {
		s.Recycle, s.MaxTime, s.MaxUnavailable = v1alpha1.RecyclePod, seconds(3600), 100
	}},
	"paused until a time": {`pausedUntil: "2030-01-02T03:04:05Z"`, func(s *v1alpha1.QueueWorkerSpec) {
		s.PausedUntil = &metav1.Time{Time: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
	}},
	"maxTime a week":    {`maxTime: 168h`, func(s *v1alpha1.QueueWorkerSpec) { s.MaxTime = seconds(7 * 86400) }},
	"alerts by default": {`alerts: {}`, func(s *v1alpha1.QueueWorkerSpec) { s.Alerts = defaultAlerts() }},
	"alerts all off": {`alerts: {memoryPercent: 0, memoryFor: 0s, slowJobPercent: 0, failedPercent: 0, failedMinimum: 0, crashes: 0}`, func(s *v1alpha1.QueueWorkerSpec) {
		s.Alerts = &v1alpha1.Alerts{
			MemoryPercent: new(int32(0)), MemoryFor: seconds(0), SlowJobPercent: new(int32(0)),
			FailedPercent: new(int32(0)), FailedMinimum: new(int32(0)), Crashes: new(int32(0)),
		}
	}},
	"memory above what it may use": {`alerts: {memoryPercent: 200, memoryFor: 1h}`, func(s *v1alpha1.QueueWorkerSpec) {
		s.Alerts = defaultAlerts()
		s.Alerts.MemoryPercent, s.Alerts.MemoryFor = new(int32(200)), seconds(3600)
	}},
	"maxExceptions 10000": {`maxExceptions: 10000`, func(s *v1alpha1.QueueWorkerSpec) { s.MaxExceptions = 10000 }},
	"onFailing Pause":     {`onFailing: Pause`, func(s *v1alpha1.QueueWorkerSpec) { s.OnFailing = v1alpha1.OnFailingPause }},
	"force, verbose":      {`{force: true, verbose: true}`, func(s *v1alpha1.QueueWorkerSpec) { s.Force, s.Verbose = true, true }},
	"a priority class":    {`priorityClassName: high.example`, func(s *v1alpha1.QueueWorkerSpec) { s.PriorityClassName = "high.example" }},
	"cpu 1m":              {`cpu: 1m`, func(s *v1alpha1.QueueWorkerSpec) { s.CPU = quantity("1m") }},
	"cpu 256":             {`cpu: 256`, func(s *v1alpha1.QueueWorkerSpec) { s.CPU = quantity("256") }},
	"cpu half a core":     {`cpu: "0.5"`, func(s *v1alpha1.QueueWorkerSpec) { s.CPU = quantity("500m") }},
	"env from a field": {`env: [{name: POD, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}}]`, func(s *v1alpha1.QueueWorkerSpec) {
		s.Env = []corev1.EnvVar{{Name: "POD", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}}}
	}},
	"env from a limit": {`env: [{name: LIMIT, valueFrom: {resourceFieldRef: {resource: limits.memory, divisor: "1"}}}]`, func(s *v1alpha1.QueueWorkerSpec) {
		s.Env = []corev1.EnvVar{{Name: "LIMIT", ValueFrom: &corev1.EnvVarSource{ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.memory", Divisor: *quantity("1")}}}}
	}},
	"a node selector": {`nodeSelector: {topology.kubernetes.io/zone: a, Spot_1: ""}`, func(s *v1alpha1.QueueWorkerSpec) {
		s.NodeSelector = map[string]string{"topology.kubernetes.io/zone": "a", "Spot_1": ""}
	}},
	"tolerations": {`tolerations: [{operator: Exists}, {key: spot, value: "yes", effect: NoExecute, tolerationSeconds: 60}]`, func(s *v1alpha1.QueueWorkerSpec) {
		s.Tolerations = []corev1.Toleration{
			{Operator: corev1.TolerationOpExists},
			{Key: "spot", Value: "yes", Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(int64(60))},
		}
	}},
	"gracePeriod 1s":  {`gracePeriod: 1s`, func(s *v1alpha1.QueueWorkerSpec) { s.GracePeriod = seconds(1) }},
	"gracePeriod 48h": {`gracePeriod: 48h`, func(s *v1alpha1.QueueWorkerSpec) { s.GracePeriod = seconds(48 * 3600) }},
}

// defaultSpec returns what the API server makes of a spec with only a queue.
func defaultSpec() v1alpha1.QueueWorkerSpec {
	return v1alpha1.QueueWorkerSpec{
		Queue: "default", Processes: new(int32(1)), ProcessesPerPod: 1, Timeout: seconds(60),
		Memory: quantity("128Mi"), Sleep: seconds(3), Tries: new(int32(1)), OnFailing: v1alpha1.OnFailingContinue,
		Mode: v1alpha1.ModeContinuous, Recycle: v1alpha1.RecycleProcess,
	}
}

// defaultBatch returns what the API server makes of an empty batch.
func defaultBatch() *v1alpha1.Batch {
	return &v1alpha1.Batch{WaitForDelayed: new(true), SuccessfulRunsHistoryLimit: new(int32(3)), FailedRunsHistoryLimit: new(int32(1))}
}

// defaultAlerts returns what the API server makes of empty alerts.
func defaultAlerts() *v1alpha1.Alerts {
	return &v1alpha1.Alerts{
		MemoryPercent: new(int32(80)), MemoryFor: seconds(120), SlowJobPercent: new(int32(80)),
		FailedPercent: new(int32(10)), FailedMinimum: new(int32(10)), Crashes: new(int32(3)),
	}
}

func TestEdgeValuesAreAcceptedAndReadBack(t *testing.T) {
	namespace := newNamespace(t)
	for name, tc := range acceptedSpecs {
		t.Run(name, func(t *testing.T) {
			want := defaultSpec()
			tc.want(&want)
			object := manifest(t, "QueueWorker", namespace, strings.Repeat("n", 50), tc.spec)
			if err := api.Create(t.Context(), object, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			var got v1alpha1.QueueWorker
			decode(t, object, &got)
			if diff := cmp.Diff(want, got.Spec); diff != "" {
				t.Errorf("read back differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAQueueAppHasItsDefaults(t *testing.T) {
	object := manifest(t, "QueueApp", newNamespace(t), "shop.example", `{}`)
	if err := api.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	var got v1alpha1.QueueApp
	decode(t, object, &got)
	want := v1alpha1.QueueAppSpec{
		Runtime: v1alpha1.RuntimeLaravel, AgentUpgrade: v1alpha1.AgentUpgradeWithTemplate,
		Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: []corev1.Container{
			{Name: "worker", Image: "registry.example.com/shop:1"},
		}}},
	}
	if diff := cmp.Diff(want, got.Spec); diff != "" {
		t.Errorf("read back differs (-want +got):\n%s", diff)
	}
}

func TestARedisQueueAppMaySayWhereItsFailedJobsAre(t *testing.T) {
	object := manifest(t, "QueueApp", newNamespace(t), "shop", `connection: {driver: Redis, database: {failedTable: shop_failed_jobs}}`)
	if err := api.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

func TestACustomQueueAppIsAccepted(t *testing.T) {
	object := manifest(t, "QueueApp", newNamespace(t), "mailer", `
runtime: Custom
agentUpgrade: Now
patterns: {started: '^start (?P<id>\S+) (?P<class>\S+)$', done: '^done (?P<id>\S+) in (?P<milliseconds>\d+) ms$', failed: '^failed', released: ""}
`)
	if err := api.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
}

// TestTemplateLabelsAndAnnotationsAreKept: the template keeps its metadata. Without a
// schema for embedded metadata the API server would prune it.
func TestTemplateLabelsAndAnnotationsAreKept(t *testing.T) {
	object := manifest(t, "QueueApp", newNamespace(t), "shop", `
template:
  metadata:
    labels: {team: checkout}
    annotations: {sidecar.example.com/inject: "true"}
  spec: {containers: [{name: worker, image: "registry.example.com/shop:1"}]}
`)
	if err := api.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	var got v1alpha1.QueueApp
	decode(t, object, &got)
	want := metav1.ObjectMeta{
		Labels:      map[string]string{"team": "checkout"},
		Annotations: map[string]string{"sidecar.example.com/inject": "true"},
	}
	if diff := cmp.Diff(want, got.Spec.Template.ObjectMeta); diff != "" {
		t.Errorf("read back differs (-want +got):\n%s", diff)
	}
}
