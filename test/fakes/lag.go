// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package fakes

import (
	"math/rand/v2"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/tools/cache"
)

// later runs f after a random part of the kubelet's lag.
func (k *Kubelet) later(f func()) {
	time.AfterFunc(time.Duration(rand.Int64N(int64(k.options.Lag))), f)
}

// laggingConfigMaps holds the ConfigMaps as a kubelet knows them. The kubelet watches
// them separately, so it may see a pod change before its ConfigMap does.
type laggingConfigMaps struct {
	mu    sync.Mutex
	known map[string]*corev1.ConfigMap
}

func newLaggingConfigMaps(factory informers.SharedInformerFactory, lag time.Duration) *laggingConfigMaps {
	l := &laggingConfigMaps{known: map[string]*corev1.ConfigMap{}}
	learn := func(object any) {
		configMap := object.(*corev1.ConfigMap)
		time.AfterFunc(time.Duration(rand.Int64N(int64(lag))), func() { l.learn(configMap) })
	}
	// Adding a handler cannot fail, because the informer has not started.
	_, _ = factory.Core().V1().ConfigMaps().Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    learn,
		UpdateFunc: func(_, object any) { learn(object) },
		DeleteFunc: func(object any) {
			if configMap, ok := object.(*corev1.ConfigMap); ok {
				l.mu.Lock()
				delete(l.known, configMap.Namespace+"/"+configMap.Name)
				l.mu.Unlock()
			}
		},
	})
	return l
}

// learn stores a ConfigMap, unless a newer version is known.
func (l *laggingConfigMaps) learn(configMap *corev1.ConfigMap) {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := configMap.Namespace + "/" + configMap.Name
	if known := l.known[key]; known != nil && known.UID == configMap.UID && newer(known.ResourceVersion, configMap.ResourceVersion) {
		return
	}
	l.known[key] = configMap
}

// newer compares resource versions, which are decimal numbers without leading zeros.
func newer(a, b string) bool {
	return len(a) > len(b) || len(a) == len(b) && a > b
}

func (l *laggingConfigMaps) get(namespace, name string) *corev1.ConfigMap {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.known[namespace+"/"+name]
}
