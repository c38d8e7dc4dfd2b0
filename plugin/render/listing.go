// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package render

import "k8s.io/apimachinery/pkg/runtime"

// Column is a column of a table.
type Column struct {
	Name string
	// Wide columns are shown with -o wide only.
	Wide bool
}

// Listing is the result of a command, in every form that a user may ask for.
type Listing struct {
	// Columns and Rows are the table; each row has one cell per column.
	Columns []Column
	Rows    [][]string
	// Object is the object or list that -o json, yaml, jsonpath and similar formats
	// print.
	Object runtime.Object
	// Names are the lines that -o name prints, such as pod/emails-abc; if nil, the names
	// of Object.
	Names []string
	// Empty is printed to the error output instead of a table without rows.
	Empty string
}
