// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package builders makes QueueApps and QueueWorkers for tests, in one line each:
//
//	builders.QueueWorker("shop", "emails").Queue("emails,default").Processes(4).Obj()
package builders

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Image is the application image of a QueueApp that names no other image.
const Image = "registry.example.com/shop:1.4.2"

// App builds a QueueApp.
type App struct{ obj v1alpha1.QueueApp }

// QueueApp starts a QueueApp for Laravel whose template has one container, worker.
func QueueApp(namespace, name string) *App {
	return &App{v1alpha1.QueueApp{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "QueueApp"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec: v1alpha1.QueueAppSpec{
			Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "worker", Image: Image}},
			}},
		},
	}}
}

// Obj returns a copy of the QueueApp built so far.
func (b *App) Obj() *v1alpha1.QueueApp { return b.obj.DeepCopy() }

// Custom makes it an app of the runtime Custom that runs the given command.
func (b *App) Custom(command ...string) *App {
	b.obj.Spec.Runtime = v1alpha1.RuntimeCustom
	b.obj.Spec.Template.Spec.Containers[0].Command = command
	return b
}

// UID sets the UID, by which the children of the QueueApp know their owner.
func (b *App) UID(uid types.UID) *App { b.obj.UID = uid; return b }

// Connection names the queue connection.
func (b *App) Connection(name string) *App {
	b.connection().Name = name
	return b
}

// Driver sets the driver that measures the backlog.
func (b *App) Driver(driver v1alpha1.Driver) *App {
	b.connection().Driver = driver
	return b
}

// HTTP lets an endpoint measure the backlog.
func (b *App) HTTP(url string) *App {
	b.Driver(v1alpha1.DriverHTTP).obj.Spec.Connection.HTTP = &v1alpha1.HTTPBackend{URL: url}
	return b
}

// MaxProcesses limits the processes of all QueueWorkers together.
func (b *App) MaxProcesses(n int32) *App { b.obj.Spec.MaxProcesses = &n; return b }

func (b *App) connection() *v1alpha1.Connection {
	if b.obj.Spec.Connection == nil {
		b.obj.Spec.Connection = &v1alpha1.Connection{}
	}
	return b.obj.Spec.Connection
}

// Container names the worker container.
func (b *App) Container(name string) *App {
	b.obj.Spec.Container = name
	return b
}

// Image sets the image of the first container.
func (b *App) Image(image string) *App {
	b.obj.Spec.Template.Spec.Containers[0].Image = image
	return b
}

// Args sets the args of the first container.
func (b *App) Args(args ...string) *App {
	b.obj.Spec.Template.Spec.Containers[0].Args = args
	return b
}

// AgentUpgrade sets when pods move to a newer agent.
func (b *App) AgentUpgrade(when v1alpha1.AgentUpgrade) *App {
	b.obj.Spec.AgentUpgrade = when
	return b
}

// Template lets a function change the pod template.
func (b *App) Template(change func(*corev1.PodTemplateSpec)) *App {
	change(&b.obj.Spec.Template)
	return b
}

// Worker builds a QueueWorker.
type Worker struct{ obj v1alpha1.QueueWorker }

// QueueWorker starts a QueueWorker on the queue "default" with the API's defaults.
func QueueWorker(namespace, name string) *Worker {
	return &Worker{v1alpha1.QueueWorker{
		TypeMeta:   metav1.TypeMeta{APIVersion: v1alpha1.GroupVersion.String(), Kind: "QueueWorker"},
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       v1alpha1.QueueWorkerSpec{Queue: "default"},
	}}
}

// Obj returns a copy of the QueueWorker built so far.
func (b *Worker) Obj() *v1alpha1.QueueWorker { return b.obj.DeepCopy() }

// UID sets the UID, by which the children of the QueueWorker know their owner.
func (b *Worker) UID(uid types.UID) *Worker { b.obj.UID = uid; return b }

// Created sets the time of its creation.
func (b *Worker) Created(at time.Time) *Worker {
	b.obj.CreationTimestamp = metav1.NewTime(at)
	return b
}

// App names the QueueApp.
func (b *Worker) App(name string) *Worker { b.obj.Spec.AppName = name; return b }

// Queue sets the comma-separated list of queues.
func (b *Worker) Queue(queue string) *Worker { b.obj.Spec.Queue = queue; return b }

// Processes sets the number of processes.
func (b *Worker) Processes(n int32) *Worker { b.obj.Spec.Processes = &n; return b }

// PerPod sets the number of processes in a pod.
func (b *Worker) PerPod(n int32) *Worker { b.obj.Spec.ProcessesPerPod = n; return b }

// Paused sets spec.paused.
func (b *Worker) Paused(paused bool) *Worker { b.obj.Spec.Paused = paused; return b }

// Stopped sets spec.stopped.
func (b *Worker) Stopped(stopped bool) *Worker { b.obj.Spec.Stopped = stopped; return b }

// Timeout sets how long a job may run.
func (b *Worker) Timeout(d time.Duration) *Worker {
	b.obj.Spec.Timeout = &metav1.Duration{Duration: d}
	return b
}

// Sleep sets how long an idle worker waits.
func (b *Worker) Sleep(d time.Duration) *Worker {
	b.obj.Spec.Sleep = &metav1.Duration{Duration: d}
	return b
}

// Memory sets the memory of one process, such as 256Mi.
func (b *Worker) Memory(quantity string) *Worker {
	b.obj.Spec.Memory = new(resource.MustParse(quantity))
	return b
}

// Annotation sets an annotation.
func (b *Worker) Annotation(key, value string) *Worker {
	metav1.SetMetaDataAnnotation(&b.obj.ObjectMeta, key, value)
	return b
}

// Spec lets a function change the spec.
func (b *Worker) Spec(change func(*v1alpha1.QueueWorkerSpec)) *Worker {
	change(&b.obj.Spec)
	return b
}

// Autoscaling sets the bounds between which the pool is scaled.
func (b *Worker) Autoscaling(lowest, highest int32, change func(*v1alpha1.Autoscaling)) *Worker {
	auto := &v1alpha1.Autoscaling{MinProcesses: &lowest, MaxProcesses: highest}
	if change != nil {
		change(auto)
	}
	b.obj.Spec.Autoscaling = auto
	return b
}

// Alerts lets a function change the thresholds of alerts.
func (b *Worker) Alerts(change func(*v1alpha1.Alerts)) *Worker {
	if b.obj.Spec.Alerts == nil {
		b.obj.Spec.Alerts = &v1alpha1.Alerts{}
	}
	change(b.obj.Spec.Alerts)
	return b
}

// MaxExceptions sets the number of failures in a row after which a process is replaced.
func (b *Worker) MaxExceptions(n int32) *Worker { b.obj.Spec.MaxExceptions = n; return b }

// OnFailing sets what happens to a pool whose jobs fail.
func (b *Worker) OnFailing(what v1alpha1.OnFailing) *Worker { b.obj.Spec.OnFailing = what; return b }

// MaxJobs sets the number of jobs after which a process is replaced.
func (b *Worker) MaxJobs(n int32) *Worker { b.obj.Spec.MaxJobs = n; return b }

// MaxTime sets the time after which a process is replaced.
func (b *Worker) MaxTime(d time.Duration) *Worker {
	b.obj.Spec.MaxTime = &metav1.Duration{Duration: d}
	return b
}
