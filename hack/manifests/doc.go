// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Command manifests writes every manifest that follows from the Go sources, so that the
// kustomize tree and the Helm chart cannot contradict each other:
//
//  1. controller-gen writes the deepcopy code. It reads the CRDs from api/ and the
//     operator's rights from the markers above Reconcile.
//  2. Descriptions below embedded Kubernetes types (a whole PodTemplateSpec) are
//     removed from the CRDs. With them, a CRD would be larger than the annotation that
//     client-side `kubectl apply` keeps on each object may be.
//  3. The CRDs go to config/crd/bases and, as templates, to the chart. The rules
//     of every role in config/rbac, and the policies of config/admission, become
//     named templates of the chart.
//
// Run it from the top of the checkout: go run ./hack/manifests
package main
