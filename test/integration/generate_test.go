// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

// generator makes random specs, the same for the same seed.
type generator struct{ *rand.Rand }

// newGenerator uses the seed of the environment variable SEED, which a failed test logs,
// or 1.
func newGenerator(t *testing.T) generator {
	seed, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64)
	if err != nil {
		seed = 1
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with SEED=%d", seed)
		}
	})
	return generator{rand.New(rand.NewPCG(seed, 0))}
}

// chance is true in n of ten cases.
func (g generator) chance(n int) bool { return g.IntN(10) < n }

// pick returns one of several values at random.
func pick[T any](g generator, values ...T) T { return values[g.IntN(len(values))] }

// worker makes a QueueWorker anywhere within the bounds of the API, but with few pods.
func (g generator) worker(namespace, name string, apps []string) *v1alpha1.QueueWorker {
	return builders.QueueWorker(namespace, name).App(pick(g, apps...)).Spec(func(s *v1alpha1.QueueWorkerSpec) {
		s.Queue = pick(g, "default", "high,default,low", "{shop}:emails", "https://sqs.example.com/1/q")
		s.ProcessesPerPod = pick(g, int32(1), 1, 2, 5, 64)
		s.Processes = new(pick(g, int32(0), 1, 1, 2, 3) * s.ProcessesPerPod)
		s.Stopped, s.Paused = g.chance(1), g.chance(2)
		s.Force, s.Verbose = g.chance(3), g.chance(3)
		if g.chance(3) {
			s.Autoscaling = g.autoscaling(s.ProcessesPerPod)
		}
		if g.chance(3) {
			s.Priority = pick(g, int32(-1000), -1, 1, 1000)
		}
		g.options(s)
		g.placement(s)
	}).Obj()
}

// autoscaling makes a spec of few pods, as long as no jobs wait.
func (g generator) autoscaling(perPod int32) *v1alpha1.Autoscaling {
	auto := &v1alpha1.Autoscaling{MinProcesses: new(pick(g, int32(0), 0, 1)), MaxProcesses: pick(g, int32(1), 2, 15) * perPod}
	if g.chance(5) {
		auto.TargetWait = &metav1.Duration{Duration: pick(g, time.Second, 5*time.Minute, 24*time.Hour)}
	}
	if g.chance(3) {
		auto.ExpectedJobTime = &metav1.Duration{Duration: pick(g, time.Millisecond, 2500*time.Millisecond, time.Hour)}
	}
	if g.chance(5) {
		auto.ScaleDown = &v1alpha1.ScaleDown{Window: &metav1.Duration{Duration: pick(g, 0, time.Minute)}, Step: pick(g, int32(0), 1, 64)}
	}
	return auto
}

func (g generator) options(s *v1alpha1.QueueWorkerSpec) {
	some := func(probability int, d ...time.Duration) *metav1.Duration {
		if !g.chance(probability) {
			return nil
		}
		return &metav1.Duration{Duration: pick(g, d...)}
	}
	s.Timeout = some(6, 0, 4*time.Second, time.Minute, 90*time.Minute, 24*time.Hour)
	s.Sleep = some(4, 0, 500*time.Millisecond, 1500*time.Millisecond, 3*time.Second)
	s.Rest = some(3, 0, 250*time.Millisecond, time.Hour)
	s.MaxTime = some(4, 0, time.Hour, 168*time.Hour)
	s.GracePeriod = some(3, time.Second, 90*time.Second, 48*time.Hour)
	if g.chance(6) {
		s.Memory = quantity(pick(g, "32Mi", "33554432", "0.5Gi", "256M", "1e9", "1Ti"))
	}
	if g.chance(4) {
		s.CPU = quantity(pick(g, "1m", "0.25", "1", "1500m", "256"))
	}
	if g.chance(5) {
		s.Tries = new(pick(g, int32(0), 3, 10000))
	}
	if g.chance(5) {
		s.MaxJobs = pick(g, int32(0), 500, 10_000_000)
	}
	if s.MaxJobs > 0 && s.Mode != v1alpha1.ModeBatch && g.chance(2) {
		s.Recycle, s.MaxUnavailable = v1alpha1.RecyclePod, pick(g, int32(0), 1, 100)
	}
	if g.chance(10) {
		s.PausedUntil = &metav1.Time{Time: pick(g, time.Unix(1, 0), time.Now().AddDate(5, 0, 0)).Truncate(time.Second)}
	}
	for range g.IntN(4) {
		s.Backoff = append(s.Backoff, metav1.Duration{Duration: time.Duration(g.IntN(86400)) * time.Second})
	}
}

func (g generator) placement(s *v1alpha1.QueueWorkerSpec) {
	for i := range g.IntN(3) {
		variable := corev1.EnvVar{Name: fmt.Sprintf("OPTION_%d", i), Value: pick(g, "", "x", `{"a": "$b"}`, "$(HOME)")}
		if g.chance(3) {
			variable.Value, variable.ValueFrom = "", &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}
		}
		s.Env = append(s.Env, variable)
	}
	if g.chance(3) {
		s.NodeSelector = map[string]string{corev1.LabelOSStable: "linux"}
	}
	if g.chance(3) {
		s.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}, {Key: "spot", Value: "yes", Effect: corev1.TaintEffectNoSchedule}}
	}
}

// app makes a QueueApp whose template sets whatever people write, or leaves it to
// Kubernetes' defaults.
func (g generator) app(namespace, name string) *v1alpha1.QueueApp {
	b := builders.QueueApp(namespace, name)
	if g.chance(3) {
		b.Custom("/bin/worker", "--queue=$(QUEUEWORKER_QUEUE)")
		b.Args("--loop")
		if g.chance(5) {
			b.HTTP("http://queues.example.com/backlog")
		}
	} else if g.chance(7) {
		b.Connection("redis").Driver(pick(g, v1alpha1.DriverRedis, v1alpha1.DriverDatabase, v1alpha1.DriverNone))
	}
	if g.chance(4) {
		b.MaxProcesses(pick(g, int32(1), 7, 100, 100000))
	}
	app := b.Template(g.template).Obj()
	if g.chance(5) {
		app.Spec.PoolsMay = []v1alpha1.PoolField{v1alpha1.PoolTolerations, v1alpha1.PoolEnv, v1alpha1.PoolNodeSelector, v1alpha1.PoolPriorityClassName}
	}
	return app
}

func (g generator) template(template *corev1.PodTemplateSpec) {
	if g.chance(5) {
		template.Labels = map[string]string{"team": "checkout", "app.kubernetes.io/name": "shop"}
		template.Annotations = map[string]string{"example.com/inject": "true"}
	}
	pod, worker := &template.Spec, &template.Spec.Containers[0]
	if g.chance(5) {
		pod.Volumes = append(pod.Volumes,
			corev1.Volume{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			corev1.Volume{Name: "ini", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{
				LocalObjectReference: corev1.LocalObjectReference{Name: "ini"}, Optional: new(true),
			}}})
		worker.VolumeMounts = append(worker.VolumeMounts, corev1.VolumeMount{Name: "scratch", MountPath: "/tmp"})
	}
	if g.chance(4) {
		worker.Ports = append(worker.Ports, corev1.ContainerPort{ContainerPort: 9000}, corev1.ContainerPort{Name: "metrics", ContainerPort: 9001})
	}
	if g.chance(4) {
		worker.Resources.Requests = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("0.1")}
	}
	if g.chance(3) {
		worker.Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1.5Gi")}
	}
	if g.chance(3) {
		worker.LivenessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Port: intstr.FromInt32(9000)}}}
	}
	if g.chance(4) {
		worker.Env = append(worker.Env, corev1.EnvVar{Name: "APP_ENV", Value: "production"}, corev1.EnvVar{Name: "EMPTY"})
	}
	g.surroundings(pod)
}

// surroundings adds what a pod may have in addition to its worker.
func (g generator) surroundings(pod *corev1.PodSpec) {
	if g.chance(3) {
		pod.Containers = append(pod.Containers, corev1.Container{
			Name: "sidecar", Image: "registry.example.com/sidecar:1", SecurityContext: &corev1.SecurityContext{},
			Lifecycle: &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 1}}},
		})
	}
	if g.chance(3) {
		pod.InitContainers = []corev1.Container{{Name: "migrate", Image: builders.Image, Command: []string{"php", "artisan", "migrate"}}}
	}
	if g.chance(3) {
		pod.SecurityContext = &corev1.PodSecurityContext{RunAsUser: new(int64(33)), FSGroup: new(int64(33))}
	}
	if g.chance(3) {
		pod.TerminationGracePeriodSeconds = new(pick(g, int64(0), 30, 600))
	}
	if g.chance(3) {
		pod.AutomountServiceAccountToken, pod.ServiceAccountName = new(true), "shop"
	}
	if g.chance(3) {
		pod.Affinity = &corev1.Affinity{}
		pod.NodeSelector = map[string]string{corev1.LabelArchStable: "amd64"}
	}
	if g.chance(2) {
		pod.HostAliases = []corev1.HostAlias{{IP: "127.0.0.1", Hostnames: []string{"redis"}}}
		pod.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "registry"}}
	}
	if g.chance(2) {
		pod.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{}
		pod.DNSConfig = &corev1.PodDNSConfig{Options: []corev1.PodDNSConfigOption{{Name: "ndots", Value: new("1")}}}
	}
}
