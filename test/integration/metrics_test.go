// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/controllers/scraping"
	"queueworker.dev/queueworker/test/controlplane"
)

// metricsHost is the host of the certificates of these tests.
const metricsHost = "queueworker-metrics.queueworker-system.svc"

// serveMetrics serves metrics as cmd/manager does, with the rights of the shipped role.
func serveMetrics(t *testing.T, user string, serving scraping.Serving) string {
	t.Helper()
	config, err := cluster.User(user, controlplane.OperatorGroup)
	if err != nil {
		t.Fatal(err)
	}
	role := &rbacv1.ClusterRole{}
	raw, err := os.ReadFile("../../config/rbac/metrics_auth_role.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(raw, role); err != nil {
		t.Fatal(err)
	}
	role.Name = user
	grant(t, role, rbacv1.Subject{APIGroup: rbacv1.GroupName, Kind: "User", Name: user})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	serving.Address = listener.Addr().String()
	_ = listener.Close()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	servers, err := scraping.Servers(serving, config, client, logr.Discard())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running errgroup.Group
	for _, server := range servers {
		running.Go(func() error { return server.Start(ctx) })
	}
	t.Cleanup(func() {
		cancel()
		if err := running.Wait(); err != nil {
			t.Errorf("the metrics server ended with: %v", err)
		}
	})
	return serving.Address
}

// grant creates a role and binds it.
func grant(t *testing.T, role *rbacv1.ClusterRole, subject rbacv1.Subject) {
	t.Helper()
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{subject},
	}
	create(t, role, binding)
	t.Cleanup(func() {
		for _, err := range []error{api.Delete(context.Background(), binding), api.Delete(context.Background(), role)} {
			if err != nil {
				t.Errorf("remove %s: %v", role.Name, err)
			}
		}
	})
}

// tokenOf creates a service account and returns a token for it.
func tokenOf(t *testing.T, namespace, account string) string {
	t.Helper()
	create(t, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: account}})
	request, err := kube.CoreV1().ServiceAccounts(namespace).CreateToken(t.Context(), account, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return request.Status.Token
}

// scrape requests the metrics from one of the machine's loopback addresses, and returns
// the status and the server's certificate.
func scrape(ctx context.Context, address, from, token string, roots *x509.CertPool) (int, *x509.Certificate, error) {
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: 10 * time.Second}
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "tcp", address)
		},
		TLSClientConfig:   &tls.Config{RootCAs: roots, InsecureSkipVerify: roots == nil}, //nolint:gosec // the tests of tokens verify no certificate
		DisableKeepAlives: true,
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+metricsHost+"/metrics", nil)
	if err != nil {
		return 0, nil, err
	}
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, nil, err
	}
	_ = response.Body.Close()
	return response.StatusCode, response.TLS.PeerCertificates[0], nil
}

func TestMetricsTokensAreCheckedAndCached(t *testing.T) {
	namespace := newNamespace(t)
	address := serveMetrics(t, "scraped", scraping.Serving{Secure: true, Host: metricsHost})
	scraper, stranger := tokenOf(t, namespace, "scraper"), tokenOf(t, namespace, "stranger")
	grant(t, &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: "scraper"},
		Rules:      []rbacv1.PolicyRule{{NonResourceURLs: []string{"/metrics"}, Verbs: []string{"get"}}},
	}, rbacv1.Subject{Kind: "ServiceAccount", Namespace: namespace, Name: "scraper"})
	eventually(t, "the scraper reads the metrics", func(ctx context.Context) error {
		// This is another address than the one of the wrong tokens below.
		status, _, err := scrape(ctx, address, "127.0.0.2", scraper, nil)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("status %d", status)
		}
		return err
	})
	get := func(from, token string) int {
		t.Helper()
		status, _, err := scrape(t.Context(), address, from, token, nil)
		if err != nil {
			t.Fatal(err)
		}
		return status
	}
	if got := get("127.0.0.2", stranger); got != http.StatusForbidden {
		t.Errorf("a token without the right: %d, want 403", got)
	}
	reviews := func(n int, token func(int) string) (int, map[int]int) {
		t.Helper()
		from, statuses := mark(t), map[int]int{}
		for i := range n {
			statuses[get("127.0.0.3", token(i))]++
		}
		asked, err := cluster.Audit.Between(from, mark(t), func(r controlplane.Request) bool {
			return r.User.Username == "scraped" && r.ObjectRef.Resource == "tokenreviews"
		})
		if err != nil {
			t.Fatal(err)
		}
		return len(asked), statuses
	}
	if asked, statuses := reviews(60, func(int) string { return "" }); asked != 0 || statuses[http.StatusUnauthorized] != 60 {
		t.Errorf("60 requests without a token: %d TokenReviews, statuses %v; want none and 401", asked, statuses)
	}
	if asked, statuses := reviews(60, func(int) string { return "wrong" }); asked > 5 || statuses[http.StatusUnauthorized]+statuses[http.StatusTooManyRequests] != 60 {
		t.Errorf("60 requests with one wrong token: %d TokenReviews, statuses %v; want at most one in 10 seconds, 401 and 429", asked, statuses)
	}
	if asked, statuses := reviews(60, func(i int) string { return "wrong" + strconv.Itoa(i) }); asked > 20 || statuses[http.StatusInternalServerError] != 0 {
		t.Errorf("60 requests with 60 wrong tokens: %d TokenReviews, statuses %v; want at most 10 at once and one in 6 seconds, never 500", asked, statuses)
	}
	if got := get("127.0.0.2", scraper); got != http.StatusOK {
		t.Errorf("the scraper meanwhile: %d, want 200", got)
	}
}

func TestMetricsAreServedWithTheirOwnCertificate(t *testing.T) {
	dir := t.TempDir()
	write := func() (*x509.Certificate, *x509.CertPool) {
		t.Helper()
		// Each self-signed certificate has its own key and serial number, so two of them
		// differ.
		made, err := scraping.NewSelfSigned(metricsHost, clock.RealClock{}).GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		key, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		for name, block := range map[string]*pem.Block{
			"tls.key": {Type: "PRIVATE KEY", Bytes: key}, "tls.crt": {Type: "CERTIFICATE", Bytes: made.Leaf.Raw},
		} {
			if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		roots := x509.NewCertPool()
		roots.AddCert(made.Leaf)
		return made.Leaf, roots
	}
	serves := func(address string, want *x509.Certificate, roots *x509.CertPool) func(context.Context) error {
		return func(ctx context.Context) error {
			status, got, err := scrape(ctx, address, "127.0.0.2", "", roots)
			if err != nil {
				return err
			}
			if !got.Equal(want) || status != http.StatusUnauthorized {
				return fmt.Errorf("certificate %s, status %d", got.SerialNumber, status)
			}
			return nil
		}
	}
	first, roots := write()
	address := serveMetrics(t, "certified", scraping.Serving{Secure: true, CertDir: dir})
	eventually(t, "the certificate is served and verified", serves(address, first, roots))
	second, newRoots := write()
	eventually(t, "the changed certificate is served", serves(address, second, newRoots))
	if _, _, err := scrape(t.Context(), address, "127.0.0.2", "", roots); err == nil {
		t.Error("a scraper that trusts the old certificate alone was served")
	}
}
