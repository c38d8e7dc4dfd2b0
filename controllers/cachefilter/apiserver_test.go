// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cachefilter

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kruntime "k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
)

// fakeAPIServer answers the lists and watches of a cache with copies of one object, or
// of a few.
type fakeAPIServer struct {
	// objects are JSON documents without a name, count how often each exists.
	objects [][]byte
	count   int
	// old makes it answer like a server that does not stream lists, such as 1.31 and 1.33.
	old bool
	// largest is the largest list it has sent, in bytes.
	largest atomic.Int64
}

func (s *fakeAPIServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	query := r.URL.Query()
	switch {
	case query.Get("watch") != "true":
		s.list(w, query.Get("resourceVersion"), query.Get("limit"), query.Get("continue"))
		return
	case query.Get("sendInitialEvents") == "true" && s.old:
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprint(w, `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Invalid","code":422,"message":"sendInitialEvents is forbidden"}`)
		return
	case query.Get("sendInitialEvents") == "true":
		for i := range s.total() {
			fmt.Fprintf(w, `{"type":"ADDED","object":%s}`+"\n", s.object(i))
		}
		version, kind := s.kind()
		fmt.Fprintf(w, `{"type":"BOOKMARK","object":{"apiVersion":%q,"kind":%q,"metadata":{"resourceVersion":"9","annotations":{"k8s.io/initial-events-end":"true"}}}}`+"\n",
			version, kind)
	}
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

func (s *fakeAPIServer) total() int { return s.count * len(s.objects) }

// nameMark stands for the name of an object.
const nameMark = "the-name"

// object returns the object of this number.
func (s *fakeAPIServer) object(i int) []byte {
	return bytes.Replace(s.objects[i%len(s.objects)], []byte(`"name":"`+nameMark), []byte(`"name":"object-`+strconv.Itoa(i)), 1)
}

func (s *fakeAPIServer) kind() (apiVersion, kind string) {
	var of metav1.TypeMeta
	if err := json.Unmarshal(s.objects[0], &of); err != nil {
		panic(err) // document made it
	}
	return of.APIVersion, of.Kind
}

// list pages as an API server does: not for version 0.
func (s *fakeAPIServer) list(w http.ResponseWriter, at, limit, from string) {
	first, _ := strconv.Atoi(from)
	end, more := s.total(), ""
	if most, _ := strconv.Atoi(limit); most > 0 && at != "0" && first+most < end {
		end = first + most
		more = strconv.Itoa(end)
	}
	version, kind := s.kind()
	written, _ := fmt.Fprintf(w, `{"apiVersion":%q,"kind":%q,"metadata":{"resourceVersion":"9","continue":%q},"items":[`, version, kind+"List", more)
	for i := first; i < end; i++ {
		if i > first {
			fmt.Fprint(w, ",")
		}
		n, _ := w.Write(s.object(i))
		written += n
	}
	fmt.Fprint(w, `]}`)
	s.largest.Store(max(s.largest.Load(), int64(written)))
}

// cachedKinds are the kinds of the cache, by the names of their resources.
var cachedKinds = map[string]client.Object{
	"pods": &corev1.Pod{}, "configmaps": &corev1.ConfigMap{}, "deployments": &appsv1.Deployment{}, "jobs": &batchv1.Job{},
	"poddisruptionbudgets": &policyv1.PodDisruptionBudget{}, "networkpolicies": &networkingv1.NetworkPolicy{},
	"queueapps": &cached.QueueApp{}, "queueworkers": &v1alpha1.QueueWorker{},
	"queuecommands": &v1alpha1.QueueCommand{}, "replicasets": setMetadata(),
}

func setMetadata() client.Object {
	set := &metav1.PartialObjectMetadata{}
	set.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
	return set
}

// fill fills a cache like the operator's from the server. It returns the cache, the
// heap that it takes, and the most that the heap took meanwhile, in bytes.
func fill(t testing.TB, server *fakeAPIServer, resource string) (filled cache.Cache, heap, peak int64) {
	t.Helper()
	scheme := kruntime.NewScheme()
	mapper := meta.NewDefaultRESTMapper(nil)
	for _, add := range []func(*kruntime.Scheme) error{clientgoscheme.AddToScheme, cached.AddToScheme} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	for name, kind := range cachedKinds {
		gvk, err := apiutil.GVKForObject(kind, scheme)
		if err != nil {
			t.Fatal(err)
		}
		mapper.AddSpecific(gvk, gvk.GroupVersion().WithResource(name), gvk.GroupVersion().WithResource(name), meta.RESTScopeNamespace)
	}
	listener := httptest.NewServer(server)
	t.Cleanup(listener.Close)
	t.Cleanup(listener.CloseClientConnections)
	options := Options(nil)
	options.Scheme, options.Mapper = scheme, mapper
	config := &rest.Config{Host: listener.URL, QPS: -1}
	LimitLists(config)
	filled, err := cache.New(config, options)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := filled.GetInformer(t.Context(), cachedKinds[resource]); err != nil {
		t.Fatal(err)
	}
	before := live()
	top := watchHeap(t)
	go func() { _ = filled.Start(t.Context()) }()
	if !filled.WaitForCacheSync(t.Context()) {
		t.Fatal("the cache was not filled")
	}
	peak = top() - before
	return filled, live() - before, peak
}

// live returns the heap in use, in bytes.
func live() int64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}

// watchHeap looks at the heap every millisecond. The function it returns stops that and
// returns the largest value.
func watchHeap(t testing.TB) func() int64 {
	t.Helper()
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	stop, most := make(chan struct{}), make(chan int64)
	go func() {
		var top uint64
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				most <- int64(top)
				return
			case <-ticker.C:
				metrics.Read(sample)
				top = max(top, sample[0].Value.Uint64())
			}
		}
	}()
	return func() int64 { close(stop); return <-most }
}

// document returns an object as JSON, named by the mark of the fake API server.
func document(t testing.TB, apiVersion, kind string, metadata, object map[string]any) []byte {
	t.Helper()
	whole := map[string]any{"apiVersion": apiVersion, "kind": kind}
	maps.Copy(whole, object)
	whole["metadata"] = map[string]any{
		"name": nameMark, "namespace": "shop", "uid": "4f2d6a0e-55f3-4f0e-8e0a-5a4d1ff5c0de", "resourceVersion": "7", "generation": 1,
		"creationTimestamp": "2026-11-23T12:00:00Z",
	}
	maps.Copy(whole["metadata"].(map[string]any), metadata)
	out, err := json.Marshal(whole)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
