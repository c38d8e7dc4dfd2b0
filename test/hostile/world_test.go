// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// newNamespace creates a namespace, which is removed with everything in it before the
// next test starts its operator.
func newNamespace(t *testing.T, purpose string) string {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: purpose + "-"}}
	if err := api.Create(t.Context(), namespace); err != nil {
		t.Fatalf("create a namespace: %v", err)
	}
	t.Cleanup(func() { removeNamespace(t, namespace.Name) })
	return namespace.Name
}

func removeNamespace(t *testing.T, name string) {
	t.Helper()
	ctx := context.Background() // the test's own context is over
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := api.Delete(ctx, namespace); err != nil {
		t.Errorf("delete namespace %s: %v", name, err)
		return
	}
	err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, 5*time.Minute, true, func(ctx context.Context) (bool, error) {
		return apierrors.IsNotFound(api.Get(ctx, client.ObjectKeyFromObject(namespace), namespace)), nil
	})
	if err != nil {
		t.Errorf("namespace %s is not gone: %v", name, err)
	}
}

// eventually polls until check returns no error. After a minute it fails the test with
// the last error.
func eventually(t *testing.T, what string, check func(context.Context) error) {
	t.Helper()
	var last error
	err := wait.PollUntilContextTimeout(t.Context(), 50*time.Millisecond, time.Minute, true,
		func(ctx context.Context) (bool, error) {
			err := check(ctx)
			if err != nil && ctx.Err() == nil {
				last = err
			}
			return err == nil, nil
		})
	if err != nil {
		t.Fatalf("%s: not within a minute: %v", what, last)
	}
}

// post creates an object from JSON that no client has checked. A large object may take
// the API server longer than the time limit of a request, but is still stored.
func post(ctx context.Context, path string, document []byte) error {
	var err error
	for try := range 5 {
		err = kube.Discovery().RESTClient().Post().AbsPath(path).
			SetHeader("Content-Type", "application/json").Body(document).Do(ctx).Error()
		if try > 0 && apierrors.IsAlreadyExists(err) {
			return nil
		}
		if err == nil || !apierrors.IsTimeout(err) {
			return err
		}
	}
	return err
}

// ourPath returns the path of the objects of a resource of queueworker.dev, such as
// queueapps.
func ourPath(namespace, resource string) string {
	return fmt.Sprintf("/apis/queueworker.dev/v1alpha1/namespaces/%s/%s", namespace, resource)
}

// mustPost creates an object or fails the test.
func mustPost(t *testing.T, path string, document string) {
	t.Helper()
	if err := post(t.Context(), path, []byte(document)); err != nil {
		t.Fatalf("create an object of %d bytes: %.600v", len(document), err)
	}
}

// mustCreate creates objects or fails the test.
func mustCreate(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := api.Create(t.Context(), object); err != nil {
			t.Fatalf("create %T %s: %.600v", object, object.GetName(), err)
		}
	}
}

// merge applies a JSON merge patch to an object.
func merge(ctx context.Context, object client.Object, patch string) error {
	return api.Patch(ctx, object, client.RawPatch(types.MergePatchType, []byte(patch)))
}

// inParallel calls do for every number below n, eight at a time, and fails the test with
// the first error.
func inParallel(t *testing.T, n int, do func(int) error) {
	t.Helper()
	var group sync.WaitGroup
	slots, failures := make(chan struct{}, 8), make(chan error, n)
	for i := range n {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if err := do(i); err != nil {
				failures <- err
			}
		})
	}
	group.Wait()
	close(failures)
	for err := range failures {
		t.Fatalf("%.600v", err)
	}
}

// repeated returns a row of JSON elements of at least size bytes, with % replaced by the
// number of the element.
func repeated(element string, size int) string {
	var out strings.Builder
	for i := 0; out.Len() < size; i++ {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(strings.ReplaceAll(element, "%", strconv.Itoa(i)))
	}
	return out.String()
}

// freePort returns a port on which no program listens.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}
