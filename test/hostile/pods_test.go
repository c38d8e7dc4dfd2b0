// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
)

// TestHeldConnectionsDoNotMakeAPodNotReady holds 48 connections from each of five
// addresses to every port of an agent and of a backlog probe.
func TestHeldConnectionsDoNotMakeAPodNotReady(t *testing.T) {
	site := newSite(t)
	span := lasting(15*time.Second, 2*time.Minute)
	for name, how := range manners {
		if !long() && name != "asks once and keeps the connection" && name != "sends its header byte by byte" {
			continue
		}
		for _, prefix := range []string{"agents-worker-", "shop-backlog-"} {
			t.Run(prefix+" "+name, func(t *testing.T) {
				pod := site.node.pod(prefix)
				if pod == nil {
					t.Fatalf("there is no pod %s", prefix)
				}
				eventually(t, "the pod is ready", func(context.Context) error {
					if pod.mu.Lock(); !pod.ready {
						defer pod.mu.Unlock()
						return errors.New("it is not")
					}
					pod.mu.Unlock()
					return nil
				})
				askedBefore, failedBefore, notReadyBefore := pod.readiness()
				ctx, cancel := context.WithTimeout(t.Context(), span)
				defer cancel()
				opened := besiege(ctx, pod.ip, pod.ports(), how)
				asked, failed, notReady := pod.readiness()
				t.Logf("%d connections opened in %s; %d of %d readiness probes failed, NotReady %d times",
					opened, span, failed-failedBefore, asked-askedBefore, notReady-notReadyBefore)
				if asked == askedBefore {
					t.Error("the readiness was not asked for")
				}
				if failed > failedBefore {
					t.Errorf("%d readiness probes failed", failed-failedBefore)
				}
				site.reports(t)
			})
		}
	}
}

// TestInventedQueuesDoNotHideAnothersQueues lets five pods of another namespace ask the
// victim's probe for 1,000 names each, every five seconds.
func TestInventedQueuesDoNotHideAnothersQueues(t *testing.T) {
	site := newSite(t)
	probe := site.node.pod("shop-backlog-")
	if probe == nil {
		t.Fatal("there is no probe")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	answered := make(chan map[int]int, 1)
	go func() { answered <- inventQueues(ctx, probe) }()
	time.Sleep(6 * time.Second) // a round of names, and the next
	// A queue that the operator has never asked for must get in now.
	site.addQueue(t, "late")
	worked := site.lasts(lasting(10*time.Second, 2*time.Minute))
	cancel()
	t.Logf("what the probe answered the attackers, by status: %v", <-answered)
	if worked != nil {
		t.Errorf("the victim's queues: %v", worked)
	}
}

// inventQueues asks for invented names until ctx ends, and returns how often it got each
// status; 0 means no answer.
func inventQueues(ctx context.Context, probe *runningPod) map[int]int {
	answers := map[int]int{}
	for round := 0; ctx.Err() == nil; round++ {
		for attacker := range attackers {
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 66, 0, byte(1+attacker))}}
			caller := &http.Client{Timeout: 4 * time.Second, Transport: &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}}
			request := protocol.BacklogRequest{}
			for i := range protocol.MaxBacklogQueues {
				request.Queues = append(request.Queues, fmt.Sprintf("invented-%d-%d", attacker, i))
			}
			body, err := json.Marshal(request)
			if err != nil {
				return answers
			}
			answers[statusOf(ctx, caller, "http://"+net.JoinHostPort(probe.ip, strconv.Itoa(protocol.Port))+protocol.BacklogPath, body)]++
		}
		pause(ctx, 5*time.Second)
	}
	return answers
}

func statusOf(ctx context.Context, caller *http.Client, url string, body []byte) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0
	}
	response, err := caller.Do(request)
	if err != nil {
		return 0
	}
	defer func() { _, _ = io.Copy(io.Discard, response.Body); _ = response.Body.Close() }()
	return response.StatusCode
}

// site is a victim whose agent and probe are real programs, with a real Redis.
type site struct {
	namespace string
	node      *node
	queue     string
}

// newSite runs the operator, and a pool with a measured backlog until it is ready.
func newSite(t *testing.T) *site {
	t.Helper()
	port := startRedis(t)
	s := &site{namespace: newNamespace(t, "victim"), queue: "emails"}
	app := builders.QueueApp(s.namespace, "shop").Driver(v1alpha1.DriverRedis).Template(func(p *corev1.PodTemplateSpec) {
		p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "REDIS_HOST", Value: "127.0.0.1"}, {Name: "REDIS_PORT", Value: strconv.Itoa(port)}}
	}).Obj()
	// The pool whose queues are measured has no pods, because there is no Laravel to run.
	mustCreate(t, app, builders.QueueWorker(s.namespace, "emails").App("shop").Queue(s.queue).Processes(0).Obj(),
		builders.QueueApp(s.namespace, "plain").Custom("/worker").Obj(),
		builders.QueueWorker(s.namespace, "agents").App("plain").Processes(1).Obj())
	startOperator(t).answers(t)
	s.node = startNode(t, s.namespace)
	eventually(t, "the victim works", func(ctx context.Context) error { return s.works(ctx) })
	return s
}

// works returns what is wrong with the victim's pools, or nil.
func (s *site) works(ctx context.Context) error {
	for pool, kind := range map[string]string{"emails": v1alpha1.ConditionBacklogKnown, "agents": v1alpha1.ConditionAgentsReporting} {
		worker := &v1alpha1.QueueWorker{}
		if err := api.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: pool}, worker); err != nil {
			return err
		}
		condition := meta.FindStatusCondition(worker.Status.Conditions, kind)
		if condition == nil || condition.Status != metav1.ConditionTrue || condition.ObservedGeneration != worker.Generation {
			return fmt.Errorf("%s of generation %d is not True: %+v", kind, worker.Generation, condition)
		}
	}
	return nil
}

// reports checks that the operator hears from the victim's agent and probe.
func (s *site) reports(t *testing.T) {
	t.Helper()
	if err := s.works(t.Context()); err != nil {
		t.Errorf("after the attack: %v", err)
	}
}

// addQueue gives the pool one more queue.
func (s *site) addQueue(t *testing.T, name string) {
	t.Helper()
	s.queue += "," + name
	worker := &v1alpha1.QueueWorker{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "emails"}}
	if err := merge(t.Context(), worker, fmt.Sprintf(`{"spec":{"queue":%q}}`, s.queue)); err != nil {
		t.Fatal(err)
	}
}

// lasts waits until the victim works, and then returns the first problem within a time.
func (s *site) lasts(span time.Duration) error {
	ctx := context.Background()
	var last error
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		if last = s.works(ctx); last == nil {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("not known within 30 s: %w", last)
		}
	}
	for end := time.Now().Add(span); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if err := s.works(ctx); err != nil {
			return err
		}
	}
	return nil
}

// startRedis starts an empty Redis and returns its port.
func startRedis(t *testing.T) int {
	t.Helper()
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Fatal("redis-server is not installed; run hack/install-servers.sh")
	}
	port := freePort(t)
	dir := t.TempDir()
	server := exec.Command("redis-server", "--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir, "--save", "", "--appendonly", "no")
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	atInterrupt(func() { _ = server.Process.Kill() })
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		_ = log.Close()
	})
	return port
}
