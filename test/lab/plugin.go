// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Plugin is kubectl queueworker as one user runs it, in the lab's namespace.
type Plugin struct {
	lab        *Lab
	kubeconfig string
}

// Said is the output and the exit code of a program.
type Said struct {
	Out, Err string
	Code     int
}

// Plugin returns the plugin for the cluster's administrator.
func (l *Lab) Plugin() *Plugin {
	l.Helper()
	return &Plugin{l, l.kubeconfig(l.Config)}
}

// Viewer returns the plugin for a user who has the chart's viewer role in the lab's
// namespace and no other right.
func (l *Lab) Viewer() *Plugin {
	l.Helper()
	roles := &rbacv1.ClusterRoleList{}
	if err := l.Client.List(l.Ctx, roles, client.MatchingLabels{
		"app.kubernetes.io/name": "queueworker", "rbac.authorization.k8s.io/aggregate-to-view": "true",
	}); err != nil || len(roles.Items) != 1 {
		l.Fatalf("find the chart's viewer role: %d roles, %v", len(roles.Items), err)
	}
	return l.User(roles.Items[0].Name)
}

// User returns the plugin for a new user who has the named ClusterRoles in the lab's
// namespace and no other right.
func (l *Lab) User(clusterRoles ...string) *Plugin {
	l.Helper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{GenerateName: "user-"}}
	l.Create(account)
	clients, err := kubernetes.NewForConfig(l.Config)
	if err != nil {
		l.Fatal(err)
	}
	token, err := clients.CoreV1().ServiceAccounts(l.Namespace).CreateToken(l.Ctx, account.Name,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: new(int64(3600))}}, metav1.CreateOptions{})
	if err != nil {
		l.Fatalf("make a token for %s: %v", account.Name, err)
	}
	config := rest.AnonymousClientConfig(l.Config)
	config.BearerToken = token.Status.Token
	before := l.rules(config)
	for _, role := range clusterRoles {
		l.Create(&rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{GenerateName: account.Name + "-"},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: l.Namespace, Name: account.Name}},
		})
		l.Eventually("the role "+role+" counts", 20*time.Second, func() (bool, string) {
			now := l.rules(config)
			met := now > before
			if met {
				before = now
			}
			return met, fmt.Sprintf("%d rules", now)
		})
	}
	return &Plugin{l, l.kubeconfig(config)}
}

// rules returns the number of rules that a user has in the lab's namespace.
func (l *Lab) rules(config *rest.Config) int {
	l.Helper()
	clients, err := kubernetes.NewForConfig(config)
	if err != nil {
		l.Fatal(err)
	}
	review, err := clients.AuthorizationV1().SelfSubjectRulesReviews().Create(l.Ctx, &authorizationv1.SelfSubjectRulesReview{
		Spec: authorizationv1.SelfSubjectRulesReviewSpec{Namespace: l.Namespace},
	}, metav1.CreateOptions{})
	if err != nil {
		l.Fatalf("ask for a user's rules: %v", err)
	}
	return len(review.Status.ResourceRules)
}

// kubeconfig writes a kubeconfig file for a cluster, with the lab's namespace.
func (l *Lab) kubeconfig(config *rest.Config) string {
	l.Helper()
	const name = "lab"
	file := clientcmdapi.NewConfig()
	file.Clusters[name] = &clientcmdapi.Cluster{
		Server: config.Host, CertificateAuthority: config.CAFile, CertificateAuthorityData: config.CAData,
	}
	file.AuthInfos[name] = &clientcmdapi.AuthInfo{
		Token:             config.BearerToken,
		ClientCertificate: config.CertFile, ClientCertificateData: config.CertData,
		ClientKey: config.KeyFile, ClientKeyData: config.KeyData,
	}
	file.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: l.Namespace}
	file.CurrentContext = name
	path := filepath.Join(l.TempDir(), "kubeconfig")
	if err := clientcmd.WriteToFile(*file, path); err != nil {
		l.Fatalf("write %s: %v", path, err)
	}
	return path
}

// Run runs the plugin, for at most two minutes.
func (p *Plugin) Run(arguments ...string) Said {
	p.lab.Helper()
	return p.RunIn(p.lab.TempDir(), arguments...)
}

// RunIn runs the plugin in a directory.
func (p *Plugin) RunIn(directory string, arguments ...string) Said {
	p.lab.Helper()
	return p.run(directory, p.lab.program(), arguments)
}

// Kubectl runs kubectl itself, which finds the plugin.
func (p *Plugin) Kubectl(arguments ...string) Said {
	p.lab.Helper()
	return p.run(p.lab.TempDir(), "kubectl", arguments)
}

func (p *Plugin) run(directory, program string, arguments []string) Said {
	p.lab.Helper()
	ctx, cancel := context.WithTimeout(p.lab.Ctx, 2*time.Minute)
	defer cancel()
	var out, errOut bytes.Buffer
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir, command.Env = directory, p.environment()
	command.Stdout, command.Stderr = &out, &errOut
	err := command.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		p.lab.Fatalf("run %s %v: %v", program, arguments, err)
	}
	return Said{Out: out.String(), Err: errOut.String(), Code: command.ProcessState.ExitCode()}
}

// OK runs the plugin and returns its output. The test fails unless the exit code is 0.
func (p *Plugin) OK(arguments ...string) string {
	p.lab.Helper()
	said := p.Run(arguments...)
	if said.Code != 0 {
		p.lab.Fatalf("kubectl queueworker %v ended with %d: %s%s", arguments, said.Code, said.Out, said.Err)
	}
	return said.Out
}

// environment returns an environment in which kubectl finds the plugin and its completer.
func (p *Plugin) environment() []string {
	directory := filepath.Dir(p.lab.program())
	return append(os.Environ(), "KUBECONFIG="+p.kubeconfig, "PATH="+directory+":"+os.Getenv("PATH"), "TERM=xterm-256color")
}

// builtIn is the directory of the built program; empty if nothing was built.
var builtIn string

// built returns the path of the plugin's program, which is built once for all tests.
var built = sync.OnceValues(func() (string, error) {
	directory, err := os.MkdirTemp("", "queueworker-plugin-")
	if err != nil {
		return "", err
	}
	builtIn = directory
	path := filepath.Join(directory, "kubectl-queueworker")
	build := exec.Command("go", "build", "-o", path, "queueworker.dev/queueworker/cmd/kubectl-queueworker")
	if output, err := build.CombinedOutput(); err != nil {
		return path, fmt.Errorf("build the plugin: %w: %s", err, output)
	}
	return path, os.Symlink(path, filepath.Join(directory, "kubectl_complete-queueworker"))
})

func (l *Lab) program() string {
	l.Helper()
	path, err := built()
	if err != nil {
		l.Fatal(err)
	}
	return path
}

// RemovePlugin removes the built program after the tests of this process.
func RemovePlugin() error {
	if builtIn == "" {
		return nil
	}
	return os.RemoveAll(builtIn)
}
