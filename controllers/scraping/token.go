// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package scraping

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/time/rate"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	authenticationclient "k8s.io/client-go/kubernetes/typed/authentication/v1"
)

// errBusy reports that too many questions about unknown tokens are asked.
var errBusy = errors.New("too many unknown tokens")

// reviewer asks the API server who holds a token.
type reviewer struct {
	reviews authenticationclient.TokenReviewInterface
	budget  *rate.Limiter
}

// AuthenticateToken reports who holds a token. It is an answer, which may be cached,
// that the API server does not know a token. An error means that there is no answer.
func (r *reviewer) AuthenticateToken(ctx context.Context, token string) (*authenticator.Response, bool, error) {
	if !r.budget.Allow() {
		return nil, false, errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: token}}
	review, err := r.reviews.Create(ctx, review, metav1.CreateOptions{})
	if err != nil {
		return nil, false, fmt.Errorf("ask the API server about a token: %w", err)
	}
	if !review.Status.Authenticated {
		return nil, false, nil
	}
	from := review.Status.User
	extra := map[string][]string{}
	for key, values := range from.Extra {
		extra[key] = values
	}
	who := &user.DefaultInfo{Name: from.Username, UID: from.UID, Groups: from.Groups, Extra: extra}
	return &authenticator.Response{User: who}, true, nil
}
