// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeapiserver

import (
	"encoding/json"
	"fmt"
	"regexp"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/controllers/cached"
)

// Cached returns a QueueApp as the operator's cache reads it.
func Cached(app *v1alpha1.QueueApp) *cached.QueueApp {
	document, err := json.Marshal(app)
	if err != nil {
		panic(err) // an API object always encodes
	}
	out := &cached.QueueApp{}
	if err := json.Unmarshal(document, out); err != nil {
		panic(err) // the two types have one schema
	}
	return out
}

// stored returns an object as the cluster stores it.
func stored(object client.Object) client.Object {
	if app, ok := object.(*v1alpha1.QueueApp); ok {
		return Cached(app)
	}
	return object.DeepCopyObject().(client.Object)
}

// Put writes an object as another client does: it creates the object, or replaces the one
// that exists with its status. Put is not among Writes.
func (c *Cluster) Put(object client.Object) {
	c.t.Helper()
	object = stored(object)
	object.SetResourceVersion("")
	status := object.DeepCopyObject().(client.Object)
	ctx := c.t.Context()
	err := c.api.Create(ctx, object)
	if apierrors.IsAlreadyExists(err) {
		live := status.DeepCopyObject().(client.Object)
		if err := c.api.Get(ctx, client.ObjectKeyFromObject(object), live); err != nil {
			c.t.Fatal(err)
		}
		object.SetResourceVersion(live.GetResourceVersion())
		err = c.api.Update(ctx, object)
	}
	if err != nil {
		c.t.Fatal(err)
	}
	status.SetResourceVersion(object.GetResourceVersion())
	if err := c.api.Status().Update(ctx, status); err != nil && !apierrors.IsNotFound(err) {
		c.t.Fatal(err)
	}
}

// Remove deletes an object as another client does.
func (c *Cluster) Remove(object client.Object) {
	c.t.Helper()
	if err := c.api.Delete(c.t.Context(), object); err != nil {
		c.t.Fatal(err)
	}
}

// Read returns an object of the cluster, past the cache; nil if there is none.
func Read[T any, P interface {
	*T
	client.Object
}](c *Cluster, namespace, name string) P {
	c.t.Helper()
	object := P(new(T))
	err := c.api.Get(c.t.Context(), types.NamespacedName{Namespace: namespace, Name: name}, object)
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		c.t.Fatal(err)
	}
	return object
}

// Change changes an object of the cluster as another client does.
func Change[T any, P interface {
	*T
	client.Object
}](c *Cluster, namespace, name string, change func(P)) {
	c.t.Helper()
	object := Read[T, P](c, namespace, name)
	if object == nil {
		c.t.Fatalf("there is no %T %s", object, name)
	}
	before := object.DeepCopyObject().(client.Object)
	change(object)
	status := object.DeepCopyObject().(client.Object)
	if err := c.api.Patch(c.t.Context(), object, client.MergeFrom(before)); err != nil {
		c.t.Fatal(err)
	}
	if err := c.api.Status().Patch(c.t.Context(), status, client.MergeFrom(before)); err != nil && !apierrors.IsNotFound(err) {
		c.t.Fatal(err)
	}
}

// times matches the times in JSON.
var times = regexp.MustCompile(`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z`)

// Dump returns all objects by kind and name, as JSON without what differs between two
// ways to one state: UIDs, versions, times and the managers of fields.
func (c *Cluster) Dump() map[string]string {
	c.t.Helper()
	out := map[string]string{}
	for _, object := range c.objects() {
		name := c.name(object.GetNamespace(), object)
		object.SetUID("")
		object.SetResourceVersion("")
		object.SetManagedFields(nil)
		owners := object.GetOwnerReferences()
		for i := range owners {
			owners[i].UID = ""
		}
		object.SetOwnerReferences(owners)
		document, err := json.MarshalIndent(object, "", " ")
		if err != nil {
			c.t.Fatal(fmt.Errorf("encode %s: %w", name, err))
		}
		out[name] = times.ReplaceAllString(string(document), "a time")
	}
	return out
}
