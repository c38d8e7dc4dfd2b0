// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers"
	"queueworker.dev/queueworker/controllers/cachefilter"
	"queueworker.dev/queueworker/controllers/collector"
	"queueworker.dev/queueworker/test/controlplane"
	"queueworker.dev/queueworker/trust"
)

// agentImage is the agent image of operators whose options name no other.
const agentImage = "registry.example.com/queueworker/agent:1"

// probeImage is the image of the operators' backlog probes.
const probeImage = "registry.example.com/queueworker/backlog:1.0.0"

// pullInterval is how often the operators of the tests ask the agents, so that tests need
// not wait for the real interval.
const pullInterval = 300 * time.Millisecond

// operatorOptions describe how an operator of a test differs from the usual one.
type operatorOptions struct {
	// namespaces are the namespaces it works in; empty means all.
	namespaces []string
	agentImage string
	// clock is the operator's clock; the real clock if nil.
	clock *offsetClock
	// pullClock is the collector's clock; the real clock if nil. The events that a fake
	// agent reports happen in real time.
	pullClock *offsetClock
	// interval is the collector's interval; pullInterval if zero.
	interval time.Duration
	// namespaceCPU is the share of a CPU for each namespace; no bound if zero.
	namespaceCPU float64
	// identity is the key pair with which it proves its identity; keptIdentity if nil.
	identity *trust.Identity
	// transport is between the operator and the API server.
	transport func(http.RoundTripper) http.RoundTripper
}

// operator is a running operator, wired as in cmd/manager, with only the rights of the
// shipped ClusterRole.
type operator struct {
	user string
	// before is how many reconciles this process had done when the operator was started.
	before float64
	cancel context.CancelFunc
	done   chan struct{}
	once   sync.Once
	err    error
}

var operators atomic.Int64

// operatorPrefix begins the name of every operator's user.
const operatorPrefix = "operator-"

// startOperator starts an operator and stops it at the end of the test.
func startOperator(t *testing.T, options operatorOptions) *operator {
	t.Helper()
	before := reconciles(t)
	o, err := launchOperator(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	o.before = before
	t.Cleanup(func() {
		o.stop()
		if o.err != nil {
			t.Errorf("the operator ended with an error: %v", o.err)
		}
	})
	return o
}

// launchOperator starts an operator, which runs until it is stopped. It returns when the
// operator's cache is filled.
func launchOperator(ctx context.Context, options operatorOptions) (*operator, error) {
	// Its own user distinguishes the writes of this operator from those of other
	// operators.
	o := &operator{user: operatorPrefix + strconv.FormatInt(operators.Add(1), 10), done: make(chan struct{})}
	config, err := cluster.User(o.user, controlplane.OperatorGroup)
	if err != nil {
		return nil, err
	}
	config.UserAgent = o.user
	if options.transport != nil {
		config.Wrap(options.transport)
	}
	mgr, err := newManager(config, options)
	if err != nil {
		return nil, err
	}
	// Not the test's context, because that ends before the cleanups that need the
	// operator.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	o.cancel = cancel
	go func() {
		defer close(o.done)
		o.err = mgr.Start(running)
	}()
	if !mgr.GetCache().WaitForCacheSync(ctx) {
		o.stop()
		return nil, errors.New("the operator's cache was not filled")
	}
	return o, nil
}

// stop ends the operator gracefully and waits for its end.
func (o *operator) stop() {
	o.once.Do(o.cancel)
	<-o.done
}

func newManager(config *rest.Config, options operatorOptions) (ctrl.Manager, error) {
	operators := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(operators), controllers.AddToScheme(operators)); err != nil {
		return nil, err
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:  operators,
		Cache:   cachefilter.Options(options.namespaces),
		Client:  client.Options{FieldOwner: v1alpha1.FieldManager, FieldValidation: "Strict"},
		Metrics: metricsserver.Options{BindAddress: "0"},
		Logger:  operatorLog,
	})
	if err != nil {
		return nil, err
	}
	interval := options.interval
	if interval == 0 {
		interval = pullInterval
	}
	identity := options.identity
	if identity == nil {
		identity = keptIdentity()
	}
	backlogs := collector.BacklogOptions{Interval: interval, QuietInterval: time.Second, Identity: identity}
	pulls := collector.Options{Interval: interval, ReportInterval: time.Second, Log: operatorLog.WithName("collector"), Identity: identity}
	if options.clock != nil {
		backlogs.Clock = options.clock
	}
	if options.pullClock != nil {
		pulls.Clock = offsetTicker{offset: options.pullClock}
	}
	setup := controllers.Options{
		Identity:           identity,
		AgentImage:         options.agentImage,
		ProbeImage:         probeImage,
		Namespace:          "queueworker-system",
		Backlogs:           collector.NewBacklogs(backlogs),
		Concurrency:        8,
		NamespaceCPU:       options.namespaceCPU,
		Collector:          collector.New(pulls),
		SkipNameValidation: true,
	}
	if setup.AgentImage == "" {
		setup.AgentImage = agentImage
	}
	if options.clock != nil {
		setup.Clock = options.clock
	}
	return mgr, controllers.Setup(mgr, setup)
}

// keptIdentity is the identity of all operators of the tests whose options give no other.
// They behave like one operator with a key file.
var keptIdentity = sync.OnceValue(func() *trust.Identity {
	identity, err := trust.NewIdentity()
	if err != nil {
		panic(err)
	}
	return identity
})

// operatorLog keeps what the operators log, for a test that fails.
var operatorLog = newOperatorLog()

func newOperatorLog() logr.Logger {
	return funcr.New(func(prefix, args string) { logLines.add(prefix + " " + args) },
		funcr.Options{LogTimestamp: true, TimestampFormat: "15:04:05.000"})
}

// lines holds the last lines of a log.
type lines struct {
	mu   sync.Mutex
	last []string
}

var logLines lines

func (l *lines) add(line string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last = append(l.last, line)
	if len(l.last) > 4000 {
		l.last = append([]string(nil), l.last[2000:]...)
	}
}

// tail returns the last n lines of the operators' log that contain a word.
func (l *lines) tail(word string, n int) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []string
	for i := len(l.last) - 1; i >= 0 && len(found) < n; i-- {
		if strings.Contains(l.last[i], word) {
			found = append([]string{l.last[i][:min(len(l.last[i]), 400)]}, found...)
		}
	}
	return found
}

// offsetClock is the real clock, which a test can set forward.
type offsetClock struct{ offset atomic.Int64 }

func (c *offsetClock) Now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *offsetClock) Since(at time.Time) time.Duration { return c.Now().Sub(at) }

// offsetTicker has the time of an offsetClock, but its timers follow real time.
type offsetTicker struct {
	clock.RealClock
	offset *offsetClock
}

func (c offsetTicker) Now() time.Time { return c.offset.Now() }

func (c offsetTicker) Since(at time.Time) time.Duration { return c.offset.Since(at) }

// forward sets the clock forward.
func (c *offsetClock) forward(d time.Duration) { c.offset.Add(int64(d)) }
