// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// redisLoop keeps a Redis running that keeps its data, except while the file stop exists.
// Meanwhile connections are refused, as by a Redis that has died.
const redisLoop = `cd /tmp; trap 'kill $!; exit' TERM
while :; do
  if [ -e stop ]; then sleep 0.1; continue; fi
  redis-server --save "" --appendonly yes --appendfsync no --dir /tmp --protected-mode no & wait $!
done`

// StopRedis stops Redis until ResumeRedis.
func (l *Lab) StopRedis() {
	l.Helper()
	if output, err := l.Exec("redis", "sh", "-c", "touch /tmp/stop; redis-cli shutdown nosave"); err != nil {
		l.Fatalf("stop Redis: %v: %s", err, output)
	}
}

// ResumeRedis starts Redis again with the data it had.
func (l *Lab) ResumeRedis() {
	l.Helper()
	if output, err := l.Exec("redis", "rm", "/tmp/stop"); err != nil {
		l.Fatalf("start Redis: %v: %s", err, output)
	}
}

// StartRedis starts a real Redis in the lab's namespace, under the Service name redis.
func (l *Lab) StartRedis() {
	l.Helper()
	labels := map[string]string{"app": "redis"}
	pod := l.DemoPod("redis", labels, []string{"sh", "-c", redisLoop})
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "redis"}, Spec: corev1.ServiceSpec{
		Selector: labels,
		Ports:    []corev1.ServicePort{{Port: 6379, TargetPort: intstr.FromInt32(6379)}},
	}}
	l.Create(pod, service)
	l.Redis = redis.NewClient(&redis.Options{
		Addr: net.JoinHostPort(l.PodIP("redis"), "6379"),
		// Redis shares the node with many pods that start at once.
		DialTimeout: 30 * time.Second, ReadTimeout: 30 * time.Second,
	})
	l.Cleanup(func() {
		if err := l.Redis.Close(); err != nil {
			l.Logf("close the connection to Redis: %v", err)
		}
	})
	l.Eventually("Redis answers", time.Minute, func() (bool, string) {
		err := l.Redis.Ping(l.Ctx).Err()
		return err == nil, errorText(err)
	})
}

// PodIP waits for a pod's address and returns it.
func (l *Lab) PodIP(name string) string {
	l.Helper()
	pod := &corev1.Pod{}
	l.Eventually("pod "+name+" runs", time.Minute, func() (bool, string) {
		l.Get(name, pod)
		return pod.Status.Phase == corev1.PodRunning && pod.Status.PodIP != "", string(pod.Status.Phase)
	})
	return pod.Status.PodIP
}

// DemoPod returns a pod of the demo image that satisfies the restricted standard.
func (l *Lab) DemoPod(name string, labels map[string]string, command []string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels},
		Spec: corev1.PodSpec{
			EnableServiceLinks:            new(false),
			TerminationGracePeriodSeconds: new(int64(1)),
			SecurityContext:               &corev1.PodSecurityContext{RunAsNonRoot: new(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault}},
			Containers: []corev1.Container{{
				Name: "main", Image: DemoImage, Command: command, Env: DemoEnv(), ImagePullPolicy: corev1.PullNever,
				SecurityContext: &corev1.SecurityContext{AllowPrivilegeEscalation: new(false), Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}}},
			}},
		},
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
