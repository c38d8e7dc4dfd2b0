// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import "k8s.io/apimachinery/pkg/runtime"

// Column is a column of a table.
type Column struct {
	Name string
	// Wide columns are shown with -o wide only.
	Wide bool
}

// Listing is what a command found, in all forms it may be asked for.
type Listing struct {
	// Columns and Rows are the table; a row has a cell for each column.
	Columns []Column
	Rows    [][]string
	// Object is what -o json, yaml, jsonpath and the like print: an object or a list.
	Object runtime.Object
	// Names are what -o name prints, such as pod/emails-abc; where nil, the names
	// of Object.
	Names []string
	// Empty is said on the error output instead of a table without rows.
	Empty string
}
