// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

// Package stretch makes QueueApps that are as large as their CustomResourceDefinition
// permits. It reads the generated CRD, so it also stretches every field that is added to
// the CRD.
//
//	apps, err := stretch.Load("../../config/crd/bases")
//	for app := range apps.EachBound() {}  // one list, map or string at its bound
//	for app := range apps.Together() {}   // as much of everything as the totals leave room for
package stretch
