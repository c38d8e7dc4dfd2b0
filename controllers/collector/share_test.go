// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package collector

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/controllers/workqueue"
	"queueworker.dev/queueworker/test/builders"
)

// crashing makes an agent report a new crashed process each time, which is news.
func crashing(a *fakeAgent, uid types.UID) {
	sequence := int64(0)
	a.answer = func(time.Time) (*protocol.Status, string) {
		sequence++
		s := idle(uid)
		s.RecentExits = []protocol.Exit{{Sequence: sequence, Reason: protocol.ExitCrashed}}
		return s, ""
	}
}

// TestPodsWhoseReportsAreAlwaysNewsArePulledOnceASecond: each report wakes the pool, and
// the reconcile of a run that lacks fresh reports wants them again.
func TestPodsWhoseReportsAreAlwaysNewsArePulledOnceASecond(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 20, time.Millisecond)
	for i, a := range agents {
		crashing(a, pods[i].UID)
	}
	s.track(pods...)
	for range 60 * 200 {
		s.run(5 * time.Millisecond)
		if len(s.wakes) > 0 {
			s.forgetWakes()
			s.core.refresh(s.now, shop)
		}
	}
	for i, a := range agents {
		if n := len(a.pulls); n > 62 || n < 40 {
			t.Errorf("pod %d was pulled %d times in a minute, want about once a second", i, n)
		}
	}
}

func TestFreshReportsComeSoonAndOnce(t *testing.T) {
	s := simulate(t)
	pods, agents := s.add(shop, 4, time.Millisecond)
	s.track(pods...)
	s.run(30 * time.Second)
	for _, a := range agents {
		a.pulls = a.pulls[len(a.pulls)-1:]
	}
	asked := s.now
	s.core.refresh(s.now, shop)
	s.run(2 * time.Second)
	for i, a := range agents {
		pulled := a.pulls[1].Sub(asked)
		if latest := max(refreshDelay, a.pulls[0].Add(refreshGap).Sub(asked)) + minGap; pulled > latest || a.gaps()[0] < refreshGap {
			t.Errorf("pod %d was pulled %s after fresh reports were wanted, and %s after the last pull", i, pulled, a.gaps()[0])
		}
		if len(a.pulls) > 3 {
			t.Errorf("pod %d was pulled at %v", i, since(a.pulls, asked))
		}
	}
}

// TestAnswersTakeTheShareOfTheirNamespace: 300 pods whose reports cost 6.6 ms each would
// take 40 % of a CPU. They take only their namespace's share, and the pods of another
// namespace are pulled as often as before.
func TestAnswersTakeTheShareOfTheirNamespace(t *testing.T) {
	const share, cost, length = 0.1, 6600 * time.Microsecond, 10 * time.Minute
	s := simulate(t)
	budget := workqueue.NewBudget(share, func() time.Time { return s.now })
	s.core.rest = budget.Rest
	crowded := types.NamespacedName{Namespace: "crowd", Name: "large"}
	pods, costly := s.add(crowded, 300, time.Millisecond)
	for _, a := range costly {
		answer := a.answer
		a.answer = func(now time.Time) (*protocol.Status, string) {
			budget.Pay(crowded.Namespace, cost)
			return answer(now)
		}
	}
	few, agents := s.add(shop, 20, time.Millisecond)
	s.core.track(s.now, crowded, pods)
	s.track(few...)
	s.run(length)
	pulls := 0
	for _, a := range costly {
		pulls += len(a.pulls)
	}
	used := time.Duration(pulls) * cost
	// A namespace may use 3 s at once. Pulls that began before it must rest still end.
	if most := time.Duration(share*float64(length)) + 3*time.Second + 272*cost; used > most {
		t.Errorf("%s of CPU in %s, want at most %s", used, length, most)
	}
	if least := time.Duration(share * float64(length)); used < least {
		t.Errorf("%s of CPU in %s, though %s are its share", used, length, least)
	}
	if _, longest := meanGap(agents); longest > 6*time.Second+10*time.Millisecond {
		t.Errorf("a pod of another namespace waited %s", longest)
	}
	t.Logf("%d pulls in %s, %.1f %% of a CPU", pulls, length, 100*used.Seconds()/length.Seconds())
}

// spent returns a budget whose burst a namespace has used up, and a function that returns
// how much the namespace has been charged since.
func spent(namespace string) (budget *workqueue.Budget, charged func() time.Duration) {
	const share = 0.5
	budget = workqueue.NewBudget(share, func() time.Time { return epoch })
	for budget.Rest(namespace) == 0 {
		budget.Pay(namespace, time.Millisecond)
	}
	before := budget.Rest(namespace)
	return budget, func() time.Duration { return (budget.Rest(namespace) - before) / 2 }
}

func TestAPullIsChargedToItsNamespace(t *testing.T) {
	document := encode(t, builders.LargestStatus("uid"))
	for name, answer := range map[string][]byte{"a report": document, "what cannot be read": document[:len(document)-1]} {
		budget, charged := spent("ns")
		transport := &cannedTransport{documents: map[string][]byte{"10.0.0.1:1": answer}}
		p := &puller{transport: transport, timeout: time.Minute, budget: budget}
		_, _ = p.pull(t.Context(), question{namespace: "ns", uid: "uid", address: "10.0.0.1:1"})
		if got := charged(); got <= exchangeCost {
			t.Errorf("%s: %s are charged, want more than the %s of an exchange", name, got, exchangeCost)
		}
	}
}

func TestAQuestionIsChargedToItsNamespace(t *testing.T) {
	var queues []string
	for i := range 1000 {
		queues = append(queues, fmt.Sprintf("queue-%04d", i))
	}
	server := newFakeProbe(t)
	budget, charged := spent(theApp.Namespace)
	b := NewBacklogs(BacklogOptions{Budget: budget})
	b.Track(theApp, server.where())
	b.Use(emails, BacklogUse{App: theApp, Queues: queues})
	if _, err := b.asker.askAll(t.Context(), theApp.Namespace, server.where(), protocol.BacklogRequest{Queues: queues}); err != nil {
		t.Fatal(err)
	}
	read := charged()
	if read <= exchangeCost {
		t.Errorf("%s are charged for an answer, want more than the %s of an exchange", read, exchangeCost)
	}
	b.options.Budget, charged = spent(theApp.Namespace)
	b.asker.budget = nil
	if asked, answered := b.ask(t.Context(), theApp, b.probes[theApp]); !asked || !answered {
		t.Fatal("the probe was not asked, or did not answer")
	}
	if got := charged(); got <= 0 {
		t.Error("the question, and what the answer changes, are not charged")
	}
}

// TestAHandshakeIsChargedToo: otherwise a pod that closes its connections would cost the
// operator several times the CPU time that it is charged.
func TestAHandshakeIsChargedToo(t *testing.T) {
	identity := newIdentity(t)
	address, pins := secured(t, func(w http.ResponseWriter, _ *http.Request) { answerJSON(w, encode(t, idle("uid"))) })
	know(t, pins, identity)
	for name, tc := range map[string]struct {
		once bool
		want time.Duration
	}{"a new connection each": {true, 3 * (exchangeCost + handshakeCost)}, "a kept connection": {false, 3*exchangeCost + handshakeCost}} {
		budget, charged := spent("ns")
		p := &puller{transport: newTransport(time.Minute, identity), timeout: time.Minute, budget: budget}
		for range 3 {
			if err := p.ask(t.Context(), question{namespace: "ns", uid: "uid", address: address, secure: true, once: tc.once}, new(bytes.Buffer)); err != nil {
				t.Fatal(err)
			}
		}
		if got := charged(); got != tc.want {
			t.Errorf("%s: %s are charged, want %s", name, got, tc.want)
		}
	}
}

// TestAProbeOfANamespaceThatRestsIsNotAsked: not even if Ask wants it again and again.
func TestAProbeOfANamespaceThatRestsIsNotAsked(t *testing.T) {
	tired, other := newFakeProbe(t), newFakeProbe(t)
	budget, _ := spent("tired")
	b := NewBacklogs(BacklogOptions{Interval: 5 * time.Millisecond, Budget: budget})
	app := types.NamespacedName{Namespace: "tired", Name: "shop"}
	b.Track(app, tired.where())
	b.Use(types.NamespacedName{Namespace: "tired", Name: "emails"}, BacklogUse{App: app, Queues: []string{"q"}})
	b.Track(theApp, other.where())
	b.Use(emails, BacklogUse{App: theApp, Queues: []string{"q"}})
	budget.Pay("tired", time.Hour)
	done := make(chan error, 1)
	go func() { done <- b.Start(t.Context()) }()
	t.Cleanup(func() {
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	eventually(t, "10 questions to the probe of another namespace", func() bool {
		b.Ask(app)
		return other.count() >= 10
	})
	if n := tired.count(); n != 0 {
		t.Errorf("the probe of a namespace that rests was asked %d times", n)
	}
}

// TestAProbeThatIsAlwaysWantedIsAskedOnceASecond: a probe reports an old measurement with
// new figures each time. So each answer wakes the pool, and the reconcile of a run asks
// again. A user who changes the queues of a pool can make the operator ask at most twice
// a second.
func TestAProbeThatIsAlwaysWantedIsAskedOnceASecond(t *testing.T) {
	for name, tc := range map[string]struct {
		gap  time.Duration
		want func(b *Backlogs, turn int)
	}{
		"by a run": {askGap, func(b *Backlogs, _ int) { b.Ask(theApp) }},
		"by other queues": {leastGap, func(b *Backlogs, turn int) {
			b.Use(images, BacklogUse{App: theApp, Queues: []string{fmt.Sprint(turn)}})
			b.Use(emails, BacklogUse{App: theApp, Queues: []string{"a"}, Eager: true})
			b.Forget(images)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, `{"version":1,"podUID":"probe-uid","ageSeconds":1000000,"queues":[{"queue":"a","ready":%d}]}`, asked.Add(1))
			}))
			t.Cleanup(server.Close)
			b := NewBacklogs(BacklogOptions{Interval: time.Hour})
			b.Track(theApp, Probe{UID: "probe-uid", Address: server.Listener.Addr().String()})
			b.Use(emails, BacklogUse{App: theApp, Queues: []string{"a"}, Eager: true})
			done := make(chan error, 1)
			go func() { done <- b.Start(t.Context()) }()
			t.Cleanup(func() {
				if err := <-done; err != nil {
					t.Error(err)
				}
			})
			began, turn := time.Now(), 0
			for asked.Load() < 3 {
				turn++
				tc.want(b, turn)
				select {
				case <-b.Wakes():
				case <-time.After(time.Millisecond):
				}
			}
			if took := time.Since(began); took < 2*tc.gap {
				t.Errorf("3 questions in %s, want %s between two of them", took, tc.gap)
			}
		})
	}
}
