// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/test/lab"
)

// TestMetricsAreReadByWhoMay reads the installed operator's metrics as Prometheus does.
func TestMetricsAreReadByWhoMay(t *testing.T) {
	t.Parallel()
	l := lab.New(t)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: "scraper"}}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "scraper-" + l.Namespace},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "queueworker-metrics-reader"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: l.Namespace, Name: "scraper"}},
	}
	l.Create(account, binding)
	t.Cleanup(func() {
		if err := l.Client.Delete(context.WithoutCancel(l.Ctx), binding); err != nil {
			t.Errorf("remove the binding: %v", err)
		}
	})
	kube, err := kubernetes.NewForConfig(l.Config)
	if err != nil {
		t.Fatal(err)
	}
	token, err := kube.CoreV1().ServiceAccounts(l.Namespace).CreateToken(l.Ctx, "scraper", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	scraper := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the operator of this cluster signs its own certificate
	}}
	get := func(token string) (int, error) {
		pods := &corev1.PodList{}
		if err := l.Client.List(l.Ctx, pods, client.InNamespace(operatorNamespace), client.MatchingLabels{"app.kubernetes.io/component": "manager"}); err != nil {
			return 0, err
		}
		for _, pod := range pods.Items {
			if pod.Status.PodIP == "" || pod.DeletionTimestamp != nil {
				continue
			}
			request, err := http.NewRequestWithContext(l.Ctx, http.MethodGet, "https://"+pod.Status.PodIP+":8443/metrics", nil)
			if err != nil {
				return 0, err
			}
			request.Header.Set("Authorization", "Bearer "+token)
			response, err := scraper.Do(request)
			if err != nil {
				return 0, err
			}
			return response.StatusCode, response.Body.Close()
		}
		return 0, fmt.Errorf("none of %d operator pods runs", len(pods.Items))
	}
	for name, tc := range map[string]struct {
		token string
		want  int
	}{"a scraper": {token.Status.Token, http.StatusOK}, "a wrong token": {"wrong", http.StatusUnauthorized}} {
		// Another test may just be replacing the operator.
		l.Eventually(name, time.Minute, func() (bool, string) {
			got, err := get(tc.token)
			return err == nil && got == tc.want, fmt.Sprintf("status %d (%v), want %d", got, err, tc.want)
		})
	}
}
