// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scraping

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	"golang.org/x/time/rate"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	"k8s.io/utils/lru"
)

// reviews is a fake API server that knows the token good.
type reviews struct {
	authenticationclient.TokenReviewInterface
	mu    sync.Mutex
	asked int
	err   error
}

func (r *reviews) Create(_ context.Context, review *authenticationv1.TokenReview, _ metav1.CreateOptions) (*authenticationv1.TokenReview, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked++
	review.Status.Authenticated = strings.HasPrefix(review.Spec.Token, "good")
	review.Status.User.Username = review.Spec.Token
	if !review.Status.Authenticated {
		review.Status.Error = "[invalid bearer token]"
	}
	return review, r.err
}

// trial is a gate in front of the fake, and its log.
type trial struct {
	gate *checkpoint
	api  *reviews
	// judged is how often the API server was asked whether an account may read the metrics.
	judged int
	log    []string
}

func newTrial() *trial {
	t := &trial{api: &reviews{}}
	may := func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		t.judged++
		if a.GetUser().GetName() == "good" && a.GetVerb() == "get" && a.GetPath() == "/metrics" {
			return authorizer.DecisionAllow, "", nil
		}
		return authorizer.DecisionNoOpinion, "", nil
	}
	t.gate = &checkpoint{
		who:      cache.New(&reviewer{reviews: t.api, budget: rate.NewLimiter(reviewsPerSecond, reviewBurst)}, false, knownFor, unknownFor),
		may:      authorizer.AuthorizerFunc(may),
		failures: lru.New(maxAddresses),
		troubles: rate.Sometimes{Interval: time.Minute},
		log:      funcr.New(func(_, line string) { t.log = append(t.log, line) }, funcr.Options{}),
		next:     http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }),
	}
	return t
}

// get asks for the metrics and returns the status.
func (t *trial) get(address, authorization string) int {
	request := httptest.NewRequest(http.MethodGet, "https://operator/metrics", nil)
	request.RemoteAddr = address + ":40000"
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	recorder := httptest.NewRecorder()
	t.gate.ServeHTTP(recorder, request)
	return recorder.Code
}

func TestWhoMayReadTheMetrics(t *testing.T) {
	tests := map[string]struct {
		authorization string
		want, asked   int
	}{
		"an account that may":        {"Bearer good", http.StatusOK, 1},
		"in other letters":           {"bearer  good", http.StatusOK, 1},
		"an account that may not":    {"Bearer good-for-nothing", http.StatusForbidden, 1},
		"no token":                   {"", http.StatusUnauthorized, 0},
		"an empty token":             {"Bearer ", http.StatusUnauthorized, 0},
		"another scheme":             {"Basic Z29vZDpnb29k", http.StatusUnauthorized, 0},
		"a token that is not known":  {"Bearer bad", http.StatusUnauthorized, 1},
		"a token of a hundred KiB":   {"Bearer " + strings.Repeat("a", 100<<10), http.StatusUnauthorized, 0},
		"no scheme before the token": {"good", http.StatusUnauthorized, 0},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			trial := newTrial()
			if got := trial.get("10.0.0.1", tc.authorization); got != tc.want {
				t.Errorf("status %d, want %d", got, tc.want)
			}
			if trial.api.asked != tc.asked {
				t.Errorf("the API server was asked %d times, want %d", trial.api.asked, tc.asked)
			}
			if len(trial.log) > 0 {
				t.Errorf("it was logged: %q", trial.log)
			}
		})
	}
}

func TestWrongTokensDoNotReachTheAPIServer(t *testing.T) {
	same := newTrial()
	for range 60 {
		same.get("10.0.0.1", "Bearer bad")
	}
	if same.api.asked != 1 {
		t.Errorf("of 60 requests with one wrong token %d reached the API server, want 1", same.api.asked)
	}

	many := newTrial()
	counts := map[int]int{}
	for i := range 60 {
		counts[many.get("10.0.0.1", "Bearer bad"+strconv.Itoa(i))]++
	}
	if many.api.asked > failureBurst+1 || counts[http.StatusTooManyRequests] < 60-failureBurst-1 {
		t.Errorf("of 60 wrong tokens of one address %d reached the API server; statuses %v", many.api.asked, counts)
	}
	if got := many.get("10.0.0.2", "Bearer good"); got != http.StatusOK {
		t.Errorf("another address was answered %d meanwhile, want 200", got)
	}

	spread := newTrial()
	for i := range 600 {
		spread.get("10.0.1."+strconv.Itoa(i%200), "Bearer bad"+strconv.Itoa(i))
	}
	if spread.api.asked > reviewBurst+reviewsPerSecond*5 {
		t.Errorf("of 600 wrong tokens of 200 addresses %d reached the API server, want about %d", spread.api.asked, reviewBurst)
	}
}

// TestAnAccountThatMayNotIsSoonRefusedWithoutAsking: every pod of a cluster has a token
// that the API server knows.
func TestAnAccountThatMayNotIsSoonRefusedWithoutAsking(t *testing.T) {
	trial := newTrial()
	for i := range 60 {
		request := httptest.NewRequest("X"+strconv.Itoa(i), "https://operator/metrics/"+strconv.Itoa(i), nil)
		request.RemoteAddr = "10.0.0.1:40000"
		request.Header.Set("Authorization", "Bearer good-for-nothing")
		trial.gate.ServeHTTP(httptest.NewRecorder(), request)
	}
	if trial.judged > failureBurst+1 {
		t.Errorf("of 60 requests of an account that may not, the API server was asked about %d, want at most %d", trial.judged, failureBurst+1)
	}
	if got := trial.get("10.0.0.2", "Bearer good"); got != http.StatusOK {
		t.Errorf("another address was answered %d meanwhile, want 200", got)
	}
}

func TestAnAPIServerThatCannotBeAskedIsToldOnce(t *testing.T) {
	trial := newTrial()
	trial.api.err = errors.New("connection refused")
	for range 10 {
		if got := trial.get("10.0.0.1", "Bearer good"); got != http.StatusServiceUnavailable {
			t.Errorf("status %d, want 503", got)
		}
	}
	if len(trial.log) != 1 || !strings.Contains(trial.log[0], "connection refused") {
		t.Errorf("the log has %q, want the reason once", trial.log)
	}
	trial.api.err = nil
	if got := trial.get("10.0.0.1", "Bearer good"); got != http.StatusOK {
		t.Errorf("status %d once the API server answers, want 200", got)
	}
}
