// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakecluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/plugin/cli"
)

// Claiming returns a Deployment with the operator's label.
func Claiming(namespace string, available int32, arguments ...string) *appsv1.Deployment {
	claim := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "queueworker", Labels: doctor.OperatorLabels}}
	claim.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "queueworker"}}
	claim.Spec.Template.Spec.ServiceAccountName = "queueworker"
	claim.Spec.Template.Spec.Containers = []corev1.Container{{Name: "manager", Image: "queueworker:" + namespace, Args: arguments}}
	claim.Status.AvailableReplicas = available
	return claim
}

// Trusting returns a cluster where these service accounts, as NAMESPACE/NAME, have every
// right. It counts the questions for rights.
func Trusting(t *testing.T, accounts []string, objects ...client.Object) (*cli.Cluster, *int) {
	t.Helper()
	questions := new(int)
	return New(t, interceptor.Funcs{
		Create: func(_ context.Context, _ client.WithWatch, object client.Object, _ ...client.CreateOption) error {
			review, ok := object.(*authorizationv1.SubjectAccessReview)
			if !ok {
				return fmt.Errorf("a %T is created", object)
			}
			*questions++
			if accounts == nil {
				return apierrors.NewForbidden(schema.GroupResource{Group: "authorization.k8s.io", Resource: "subjectaccessreviews"}, "", nil)
			}
			if strings.Contains(review.Spec.ResourceAttributes.Namespace, "/") {
				return apierrors.NewBadRequest("a namespace has no slash")
			}
			account := strings.ReplaceAll(strings.TrimPrefix(review.Spec.User, "system:serviceaccount:"), ":", "/")
			review.Status.Allowed = slices.Contains(accounts, account)
			return nil
		},
	}, objects...), questions
}
