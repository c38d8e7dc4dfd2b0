// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakeapiserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// kindOf returns the kind of an object, or of the objects of a list.
func (c *Cluster) kindOf(object runtime.Object) string {
	kind, err := apiutil.GVKForObject(object, c.scheme)
	if err != nil {
		c.t.Error(err)
	}
	return strings.TrimSuffix(kind.Kind, "List")
}

func (c *Cluster) name(verb string, object client.Object) string {
	return fmt.Sprintf("%s %s %s", verb, c.kindOf(object), object.GetName())
}

func (c *Cluster) get(ctx context.Context, inner client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	kind := c.kindOf(object)
	if err := c.call("get " + kind + " " + key.Name); err != nil {
		return err
	}
	c.mu.Lock()
	cache, hidden := c.cache, c.hidden[kind+" "+key.Name]
	c.mu.Unlock()
	switch {
	case hidden:
		return apierrors.NewNotFound(schema.GroupResource{Resource: kind}, key.Name)
	case cache != nil:
		return cache.Get(ctx, key, object, options...)
	}
	return inner.Get(ctx, key, object, options...)
}

func (c *Cluster) read(ctx context.Context, inner client.WithWatch, key client.ObjectKey, object client.Object, options ...client.GetOption) error {
	if err := c.call("read " + c.kindOf(object) + " " + key.Name); err != nil {
		return err
	}
	return inner.Get(ctx, key, object, options...)
}

func (c *Cluster) list(ctx context.Context, inner client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
	kind := c.kindOf(list)
	if err := c.call("list " + kind); err != nil {
		return err
	}
	c.mu.Lock()
	reader := c.cache
	c.mu.Unlock()
	if reader == nil {
		reader = inner
	}
	if err := reader.List(ctx, list, options...); err != nil {
		return err
	}
	return c.hide(kind, list)
}

// hide removes the objects that the cache does not have from a list.
func (c *Cluster) hide(kind string, list client.ObjectList) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	items, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	seen := make([]runtime.Object, 0, len(items))
	for _, item := range items {
		if object, ok := item.(client.Object); ok && !c.hidden[kind+" "+object.GetName()] {
			seen = append(seen, item)
		}
	}
	if len(seen) == len(items) {
		return nil
	}
	return meta.SetList(list, seen)
}

func (c *Cluster) create(ctx context.Context, inner client.WithWatch, object client.Object, options ...client.CreateOption) error {
	return c.write(c.name("create", object), func() error {
		object.SetUID(c.uid(object.GetName()))
		object.SetCreationTimestamp(metav1.NewTime(c.Now()))
		return inner.Create(ctx, object, options...)
	})
}

// uid returns the UID of a new object.
func (c *Cluster) uid(name string) types.UID {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.uids++
	return types.UID(fmt.Sprintf("%s-%d", name, c.uids))
}

// delete checks the precondition of the UID, which the fake client does not.
func (c *Cluster) delete(ctx context.Context, inner client.WithWatch, object client.Object, options ...client.DeleteOption) error {
	how := client.DeleteOptions{}
	how.ApplyOptions(options)
	name := c.name("delete", object)
	if how.PropagationPolicy != nil && *how.PropagationPolicy == metav1.DeletePropagationForeground {
		name += " in the foreground"
	}
	return c.write(name, func() error {
		if how.Preconditions != nil && how.Preconditions.UID != nil {
			if err := c.checkUID(ctx, object, *how.Preconditions.UID); err != nil {
				return err
			}
		}
		return inner.Delete(ctx, object, options...)
	})
}

// checkUID refuses a write to an object that has another UID than the client believes.
func (c *Cluster) checkUID(ctx context.Context, object client.Object, uid types.UID) error {
	live := &metav1.PartialObjectMetadata{}
	kind, err := apiutil.GVKForObject(object, c.scheme)
	if err != nil {
		return err
	}
	live.SetGroupVersionKind(kind)
	if err := c.api.Get(ctx, client.ObjectKeyFromObject(object), live); err != nil {
		return err
	}
	if live.UID != uid {
		return apierrors.NewConflict(schema.GroupResource{Group: kind.Group, Resource: kind.Kind}, object.GetName(), errors.New("the UID is "+string(live.UID)))
	}
	return nil
}

// patch checks the UID in a patch, which the fake client would write.
func (c *Cluster) patch(ctx context.Context, inner client.WithWatch, object client.Object, patch client.Patch, options ...client.PatchOption) error {
	return c.write(c.name("patch", object), func() error {
		document, err := patch.Data(object)
		if err != nil {
			return err
		}
		var claimed struct {
			Metadata struct {
				UID types.UID `json:"uid"`
			} `json:"metadata"`
		}
		if err := json.Unmarshal(document, &claimed); err != nil {
			return err
		}
		if claimed.Metadata.UID != "" {
			if err := c.checkUID(ctx, object, claimed.Metadata.UID); err != nil {
				return err
			}
		}
		return inner.Patch(ctx, object, patch, options...)
	})
}

func (c *Cluster) patchStatus(ctx context.Context, inner client.Client, sub string, object client.Object, patch client.Patch, options ...client.SubResourcePatchOption) error {
	return c.write(c.name("patch "+sub, object), func() error {
		return inner.SubResource(sub).Patch(ctx, object, patch, options...)
	})
}

func (c *Cluster) apply(ctx context.Context, inner client.WithWatch, wanted runtime.ApplyConfiguration, options ...client.ApplyOption) error {
	document, err := json.Marshal(wanted)
	if err != nil {
		return err
	}
	object := &metav1.PartialObjectMetadata{}
	if err := json.Unmarshal(document, object); err != nil {
		return err
	}
	return c.write(c.name("apply", object), func() error {
		if object.Kind == "NetworkPolicy" {
			return c.replacePolicy(ctx, document)
		}
		if err := inner.Apply(ctx, wanted, options...); err != nil {
			return err
		}
		return c.identify(ctx, object)
	})
}

// identify gives an object that an apply has created its UID and its time.
func (c *Cluster) identify(ctx context.Context, object *metav1.PartialObjectMetadata) error {
	kind := object.GroupVersionKind()
	live := &metav1.PartialObjectMetadata{}
	live.SetGroupVersionKind(kind)
	if err := c.api.Get(ctx, client.ObjectKeyFromObject(object), live); err != nil || live.UID != "" {
		return err
	}
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": c.uid(object.Name), "creationTimestamp": metav1.NewTime(c.Now()),
	}})
	if err != nil {
		return err
	}
	return c.api.Patch(ctx, live, client.RawPatch(types.MergePatchType, patch))
}

// replacePolicy writes a NetworkPolicy as a whole, because the fake client cannot merge one.
func (c *Cluster) replacePolicy(ctx context.Context, document []byte) error {
	wanted, live := &networkingv1.NetworkPolicy{}, &networkingv1.NetworkPolicy{}
	if err := json.Unmarshal(document, wanted); err != nil {
		return err
	}
	err := c.api.Get(ctx, client.ObjectKeyFromObject(wanted), live)
	switch {
	case apierrors.IsNotFound(err):
		wanted.UID, wanted.CreationTimestamp = c.uid(wanted.Name), metav1.NewTime(c.Now())
		return c.api.Create(ctx, wanted)
	case err != nil:
		return err
	}
	wanted.UID, wanted.CreationTimestamp, wanted.ResourceVersion = live.UID, live.CreationTimestamp, live.ResourceVersion
	return c.api.Update(ctx, wanted)
}
