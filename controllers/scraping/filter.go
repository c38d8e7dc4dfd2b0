// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scraping

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/time/rate"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/token/cache"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/lru"
)

const (
	// reviewTimeout bounds one question to the API server.
	reviewTimeout = 10 * time.Second
	// knownFor and unknownFor are how long the answer about a token is cached: for a
	// token that the API server knows, and for one that it does not know.
	knownFor   = time.Minute
	unknownFor = 10 * time.Second
	// maxToken is more bytes than any token has.
	maxToken = 16 << 10
	// reviewsPerSecond and reviewBurst bound how often the API server is asked.
	reviewsPerSecond, reviewBurst = 5, 20
	// failureEvery and failureBurst bound how many refused tokens one address may try:
	// wrong tokens, and tokens of accounts without the permission. Beyond that the
	// address gets an answer without a question to the API server.
	failureEvery, failureBurst = 6 * time.Second, 10
	// maxAddresses is how many addresses are remembered.
	maxAddresses = 1000
)

// filter returns a handler that passes requests on to next if their token belongs to an
// account that may get the metrics.
func filter(config *rest.Config, httpClient *http.Client, log logr.Logger, next http.Handler) (http.Handler, error) {
	tokens, err := authenticationclient.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("make a client for token reviews: %w", err)
	}
	access, err := authorizationclient.NewForConfigAndClient(config, httpClient)
	if err != nil {
		return nil, fmt.Errorf("make a client for access reviews: %w", err)
	}
	authorization := authorizerfactory.DelegatingAuthorizerConfig{
		SubjectAccessReviewClient: access,
		AllowCacheTTL:             5 * time.Minute,
		DenyCacheTTL:              30 * time.Second,
		WebhookRetryBackoff:       &wait.Backoff{Duration: 500 * time.Millisecond, Factor: 1.5, Jitter: 0.2, Steps: 5},
	}
	may, err := authorization.New()
	if err != nil {
		return nil, fmt.Errorf("make the authorizer: %w", err)
	}
	review := &reviewer{reviews: tokens.TokenReviews(), budget: rate.NewLimiter(reviewsPerSecond, reviewBurst)}
	return &checkpoint{
		// The cache asks once about a token that several requests carry at the same
		// time, and keeps hashes of a bounded number of tokens.
		who:      cache.New(review, false, knownFor, unknownFor),
		may:      may,
		failures: lru.New(maxAddresses),
		troubles: rate.Sometimes{Interval: time.Minute},
		log:      log,
		next:     next,
	}, nil
}

// checkpoint lets authorized requests through.
type checkpoint struct {
	who authenticator.Token
	may authorizer.Authorizer
	// failures holds the limiter of each address that was refused.
	failures *lru.Cache
	// troubles bounds how often an unreachable API server is logged.
	troubles rate.Sometimes
	log      logr.Logger
	next     http.Handler
}

func (c *checkpoint) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	switch status := c.judge(request); status {
	case http.StatusOK:
		c.next.ServeHTTP(w, request)
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", "Bearer")
		http.Error(w, "The metrics need the bearer token of an account that may get /metrics.", status)
	case http.StatusForbidden:
		http.Error(w, "The account of this token may not get /metrics; bind the metrics-reader ClusterRole to it.", status)
	case http.StatusTooManyRequests:
		w.Header().Set("Retry-After", "6")
		http.Error(w, "Too many tokens from this address were refused; try again in a few seconds.", status)
	default:
		http.Error(w, "The API server could not be asked about this token; try again.", status)
	}
}

// judge returns the status of the answer to a request; OK lets the request through.
func (c *checkpoint) judge(request *http.Request) int {
	token := bearer(request)
	if token == "" || len(token) > maxToken {
		return http.StatusUnauthorized
	}
	failures := c.failuresOf(request.RemoteAddr)
	if failures != nil && failures.Tokens() < 1 {
		return http.StatusTooManyRequests
	}
	response, known, err := c.who.AuthenticateToken(request.Context(), token)
	switch {
	case errors.Is(err, errBusy):
		return http.StatusTooManyRequests
	case err != nil:
		c.trouble(err)
		return http.StatusServiceUnavailable
	case !known:
		c.failed(request.RemoteAddr)
		return http.StatusUnauthorized
	}
	decision, _, err := c.may.Authorize(request.Context(), authorizer.AttributesRecord{
		// The request's own verb and path are not used, because each new one would be a
		// new question.
		User: response.User, Verb: "get", Path: metricsPath,
	})
	switch {
	case err != nil:
		c.trouble(err)
		return http.StatusServiceUnavailable
	case decision != authorizer.DecisionAllow:
		c.failed(request.RemoteAddr)
		return http.StatusForbidden
	}
	return http.StatusOK
}

// trouble logs why the API server could not be asked, at most once a minute.
func (c *checkpoint) trouble(err error) {
	c.troubles.Do(func() { c.log.Info("Could not ask the API server who reads the metrics", "reason", err.Error()) })
}

// failuresOf returns the limiter of an address, or nil if it was never refused.
func (c *checkpoint) failuresOf(address string) *rate.Limiter {
	if limiter, ok := c.failures.Get(host(address)); ok {
		return limiter.(*rate.Limiter)
	}
	return nil
}

// failed counts a refused token from an address.
func (c *checkpoint) failed(address string) {
	limiter := c.failuresOf(address)
	if limiter == nil {
		limiter = rate.NewLimiter(rate.Every(failureEvery), failureBurst)
		c.failures.Add(host(address), limiter)
	}
	limiter.Allow()
}

// host returns an address without its port.
func host(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// bearer returns the token of a request, or nothing.
func bearer(request *http.Request) string {
	scheme, token, found := strings.Cut(strings.TrimSpace(request.Header.Get("Authorization")), " ")
	if !found || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
