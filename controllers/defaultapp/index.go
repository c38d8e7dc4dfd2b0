// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package defaultapp knows which QueueApp the pools of a namespace use if they name none.
package defaultapp

import (
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// fewApps is the largest number of QueueApps in a namespace for which each change of
// them wakes the pools that must name one: their condition names the first five.
const fewApps = 6

// Index knows which QueueApp the pools of each namespace use if they name none.
// It learns of every QueueApp from the cache, so that an event costs the same whether a
// namespace has one QueueApp or thousands. This matters because events are handled one
// after the other, for all namespaces.
type Index struct {
	mu sync.Mutex
	// names are the names of the existing QueueApps, by namespace.
	names map[string]map[string]struct{}
}

// Change is the effect of a QueueApp's creation or deletion on pools that name none.
type Change struct {
	// Before and After are the QueueApps that these pools use; empty if none.
	Before, After string
	// apps is the number of QueueApps in the namespace, before or after, whichever is
	// larger.
	apps int
}

// ConcernsUnnamed reports whether pools that name no QueueApp must be reconciled: they
// use another QueueApp, or their condition lists other names.
func (c Change) ConcernsUnnamed() bool {
	return c.Before != c.After || c.After == "" && c.apps <= fewApps
}

// Note records that a QueueApp exists or no longer exists.
func (d *Index) Note(app client.Object, exists bool) Change {
	d.mu.Lock()
	defer d.mu.Unlock()
	namespace := app.GetNamespace()
	change := Change{Before: d.used(namespace), apps: len(d.names[namespace])}
	names := d.names[namespace]
	switch {
	case !exists:
		delete(names, app.GetName())
		if len(names) == 0 {
			delete(d.names, namespace)
		}
	case names == nil:
		if d.names == nil {
			d.names = map[string]map[string]struct{}{}
		}
		names = map[string]struct{}{}
		d.names[namespace] = names
		fallthrough
	default:
		names[app.GetName()] = struct{}{}
	}
	change.After, change.apps = d.used(namespace), max(change.apps, len(d.names[namespace]))
	return change
}

// Of returns the QueueApp that pools of a namespace use if they name none; empty if
// there is none.
func (d *Index) Of(namespace string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used(namespace)
}

// used chooses as effective.SelectApp does.
func (d *Index) used(namespace string) string {
	names := d.names[namespace]
	if _, ok := names[v1alpha1.DefaultAppName]; ok {
		return v1alpha1.DefaultAppName
	}
	if len(names) == 1 {
		for name := range names {
			return name
		}
	}
	return ""
}
