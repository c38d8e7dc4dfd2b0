// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"queueworker.dev/queueworker/console/view"
)

// Group is the API group of the documents that the plugin itself makes. No cluster serves
// it.
var Group = schema.GroupVersion{Group: "cli.queueworker.dev", Version: "v1alpha1"}

// workerList converts workers to a document for programs.
func workerList(workers []view.Worker) runtime.Object {
	list := &unstructured.UnstructuredList{Items: []unstructured.Unstructured{}}
	list.SetGroupVersionKind(Group.WithKind("WorkerList"))
	for i := range workers {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&workers[i])
		if err != nil {
			continue // a struct of strings and numbers converts
		}
		item := unstructured.Unstructured{Object: fields}
		item.SetGroupVersionKind(Group.WithKind("Worker"))
		list.Items = append(list.Items, item)
	}
	return list
}
