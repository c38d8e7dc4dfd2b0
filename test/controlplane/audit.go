// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
)

// auditPolicy keeps the body of every write of OperatorGroup, and the fact of its reads
// and of all other writes. It drops all other reads except the markers.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  verbs: [get]
  resources: [{group: "", resources: [configmaps]}]
  namespaces: [` + markerNamespace + `]
- level: Request
  userGroups: ["` + OperatorGroup + `"]
  verbs: [create, update, patch, delete, deletecollection]
- level: Metadata
  userGroups: ["` + OperatorGroup + `"]
- level: Metadata
  verbs: [create, update, patch, delete, deletecollection]
- level: None
`

const (
	markerNamespace = "queueworker-audit-marker"

	// OperatorGroup is the group of users all of whose requests are in the audit log.
	OperatorGroup = "queueworker-test:operators"
)

// Request is one line of the audit log.
type Request struct {
	Verb string `json:"verb"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`
	UserAgent string `json:"userAgent"`
	ObjectRef struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
		APIGroup    string `json:"apiGroup"`
	} `json:"objectRef"`
	RequestURI     string `json:"requestURI"`
	ResponseStatus struct {
		Code    int32  `json:"code"`
		Message string `json:"message"`
	} `json:"responseStatus"`
	RequestObject json.RawMessage `json:"requestObject,omitempty"`
}

// Write reports whether the request was meant to change something.
func (r Request) Write() bool {
	return slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, r.Verb)
}

// Resource returns the resource with its subresource, such as deployments/scale.
func (r Request) Resource() string {
	if r.ObjectRef.Subresource != "" {
		return r.ObjectRef.Resource + "/" + r.ObjectRef.Subresource
	}
	return r.ObjectRef.Resource
}

// String returns the request in one line.
func (r Request) String() string {
	return fmt.Sprintf("%s %s %s/%s by %s (%d)", r.Verb, r.Resource(), r.ObjectRef.Namespace,
		r.ObjectRef.Name, r.User.Username, r.ResponseStatus.Code)
}

// Audit reads the apiserver's audit log.
type Audit struct {
	path string
	next atomic.Int64
	// last is the newest mark; the next marker must come after it.
	last atomic.Int64
}

// newAudit writes the policy to dir and returns the apiserver's flags for it.
func newAudit(dir string) (*Audit, map[string]string, error) {
	policy := filepath.Join(dir, "audit-policy.yaml")
	if err := os.WriteFile(policy, []byte(auditPolicy), 0o600); err != nil {
		return nil, nil, fmt.Errorf("write the audit policy: %w", err)
	}
	audit := &Audit{path: filepath.Join(dir, "audit.log")}
	return audit, map[string]string{
		"audit-policy-file": policy,
		"audit-log-path":    audit.path,
		"audit-log-mode":    "blocking",
	}, nil
}

// Mark is a position in the audit log.
type Mark int64

// Mark returns the present end of the log. Every request that was answered before the call
// is before the mark. Mark sends a marker request and waits until the log contains it.
func (a *Audit) Mark(ctx context.Context, client kubernetes.Interface) (Mark, error) {
	after := Mark(a.last.Load())
	name := "marker-" + strconv.FormatInt(a.next.Add(1), 10) + "-" + strconv.Itoa(os.Getpid())
	_, err := client.CoreV1().ConfigMaps(markerNamespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return 0, fmt.Errorf("send the audit marker: %w", err)
	}
	var mark Mark
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 30*time.Second, true,
		func(context.Context) (bool, error) {
			found := false
			err := a.read(after, func(offset Mark, line []byte) error {
				if bytes.Contains(line, []byte(name)) {
					mark, found = offset, true
				}
				return nil
			})
			return found, err
		})
	if err != nil {
		return 0, fmt.Errorf("wait for marker %s in the audit log: %w", name, err)
	}
	a.last.Store(int64(mark))
	return mark, nil
}

// Between returns the requests between two marks for which keep is true.
func (a *Audit) Between(from, to Mark, keep func(Request) bool) ([]Request, error) {
	var requests []Request
	err := a.read(from, func(offset Mark, line []byte) error {
		if offset > to {
			return nil
		}
		var request Request
		if err := json.Unmarshal(line, &request); err != nil {
			return fmt.Errorf("understand the audit log at byte %d: %w", offset, err)
		}
		if request.ObjectRef.Namespace != markerNamespace && keep(request) {
			requests = append(requests, request)
		}
		return nil
	})
	return requests, err
}

// read calls each for every complete line after from, with the mark at the end of the line.
func (a *Audit) read(from Mark, each func(end Mark, line []byte) error) error {
	file, err := os.Open(a.path)
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.Seek(int64(from), io.SeekStart); err != nil {
		return fmt.Errorf("read the audit log: %w", err)
	}
	reader := bufio.NewReaderSize(file, 1<<20)
	for end := from; ; {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the audit log: %w", err)
		}
		end += Mark(len(line))
		if err := each(end, line); err != nil {
			return err
		}
	}
}

// ByUser keeps requests of the named user.
func ByUser(name string) func(Request) bool {
	return func(r Request) bool { return r.User.Username == name }
}

// Summary counts requests by user, verb and resource, one group per line.
func Summary(requests []Request) string {
	counts := map[string]int{}
	for _, r := range requests {
		counts[r.User.Username+" "+r.Verb+" "+r.Resource()]++
	}
	lines := make([]string, 0, len(counts))
	for group, count := range counts {
		lines = append(lines, fmt.Sprintf("%6d %s", count, group))
	}
	slices.SortFunc(lines, func(a, b string) int { return strings.Compare(b, a) })
	return strings.Join(lines, "\n")
}
