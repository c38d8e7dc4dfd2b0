// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"time"

	"queueworker.dev/queueworker/console/view"
)

// Level says how bad a finding is.
type Level string

const (
	// Wrong means that something does not work, or will do harm.
	Wrong Level = "Wrong"
	// Warning means that a look is worthwhile; the state may be intended.
	Warning Level = "Warning"
	// Unchecked means that there is no result yet, or that the caller may not look.
	Unchecked Level = "Unchecked"
	// Fine means that a check was made and found no problem.
	Fine Level = "Fine"
)

// A Finding is the result of one check.
type Finding struct {
	Level Level   `json:"level"`
	About Subject `json:"about"`
	// Check names the check, such as TimeoutChain.
	Check string `json:"check"`
	// Cause describes the finding.
	Cause Cause `json:"cause"`
	// Cure is what to do. It has no code if nothing needs to be done, or if the cause also
	// says what to do.
	Cure view.Advice `json:"cure,omitzero"`
}

// Kind is the kind of object that a finding is about.
type Kind string

// The kinds.
const (
	OfCluster  Kind = "Cluster"
	OfOperator Kind = "Operator"
	// OfCaller: the finding is about the rights of the caller.
	OfCaller      Kind = "Caller"
	OfQueueApp    Kind = "QueueApp"
	OfQueueWorker Kind = "QueueWorker"
)

// Subject is the object that a finding is about. Without a name, the finding is about all
// objects of the kind.
type Subject struct {
	Kind Kind   `json:"kind"`
	Name string `json:"name,omitempty"`
}

// Code names a cause. Each user interface has its own words for it.
type Code string

// The causes.
const (
	// Reported: the condition of the object has Message.
	Reported Code = "Reported"
	// NotRead: Err kept the check from being made.
	NotRead Code = "NotRead"

	// KindsMissing: the cluster does not know Names.
	KindsMissing Code = "KindsMissing"
	// KindsServed: the cluster knows Names.
	KindsServed Code = "KindsServed"

	NoOperator Code = "NoOperator"
	// NoneProven: Count Deployments have the operator's label, but not its rights.
	NoneProven Code = "NoneProven"
	// NamespacesShared: there are Count operators, and the two in Names work in the same
	// namespaces.
	NamespacesShared Code = "NamespacesShared"
	// NamespacesUnwatched: no operator works in the namespaces Names.
	NamespacesUnwatched Code = "NamespacesUnwatched"
	// OperatorRuns: Available of Replicas pods run Image, which is empty if it is unknown.
	OperatorRuns Code = "OperatorRuns"
	// OperatorDown: none of Replicas pods is available. Names are the messages of the
	// Deployment's conditions.
	OperatorDown Code = "OperatorDown"

	// RightsHeld: the caller may do everything in Namespace.
	RightsHeld Code = "RightsHeld"
	// RightsMissing: the caller lacks Rights in Namespace, which Uses need.
	RightsMissing      Code = "RightsMissing"
	OperatorRightsHeld Code = "OperatorRightsHeld"
	// OperatorRightsMissing: the operator lacks Rights in Namespace.
	OperatorRightsMissing Code = "OperatorRightsMissing"

	// ImageUnseen: no agent has looked into the image of the QueueApp yet.
	ImageUnseen Code = "ImageUnseen"
	// ImageInOrder: all Count checks of the image and the settings passed.
	ImageInOrder Code = "ImageInOrder"

	// NoPool: there is no QueueWorker in Namespace.
	NoPool Code = "NoPool"
	// NoPoolSelected: no QueueWorker in Namespace has the labels Selector.
	NoPoolSelected Code = "NoPoolSelected"
	PoolInOrder    Code = "PoolInOrder"
	// NotObserved: the spec was changed Age ago, and the operator has not observed it yet.
	NotObserved Code = "NotObserved"
	// NeverUsed: the pool never had a job, and no job waits on Queue.
	NeverUsed Code = "NeverUsed"
)

// Cause is a code with the values that its words need. A value that a code does not need
// is empty.
type Cause struct {
	Code    Code   `json:"code"`
	Message string `json:"message,omitempty"`
	Err     error  `json:"-"`
	// Namespace is where the cause holds; empty means all namespaces.
	Namespace string        `json:"namespace,omitempty"`
	Selector  string        `json:"selector,omitempty"`
	Names     []string      `json:"names,omitempty"`
	Image     string        `json:"image,omitempty"`
	Queue     string        `json:"queue,omitempty"`
	Rights    []string      `json:"rights,omitempty"`
	Uses      []Use         `json:"uses,omitempty"`
	Count     int           `json:"count,omitempty"`
	Available int32         `json:"available,omitempty"`
	Replicas  int32         `json:"replicas,omitempty"`
	Age       time.Duration `json:"age,omitempty"`
}

// What to do about a finding, in addition to package view's advice about conditions.
const (
	UpgradeKinds         view.AdviceCode = "UpgradeKinds"
	InstallChart         view.AdviceCode = "InstallChart"
	InstallOrBindRole    view.AdviceCode = "InstallOrBindRole"
	KeepOneOperator      view.AdviceCode = "KeepOneOperator"
	WatchNamespace       view.AdviceCode = "WatchNamespace"
	DescribeOperator     view.AdviceCode = "DescribeOperator"
	CheckOperator        view.AdviceCode = "CheckOperator"
	AskWhoSeesOperators  view.AdviceCode = "AskWhoSeesOperators"
	AskWhoSeesRights     view.AdviceCode = "AskWhoSeesRights"
	AskForEdit           view.AdviceCode = "AskForEdit"
	AskForApps           view.AdviceCode = "AskForApps"
	UpgradeRole          view.AdviceCode = "UpgradeRole"
	RunOneProcess        view.AdviceCode = "RunOneProcess"
	CreatePool           view.AdviceCode = "CreatePool"
	SeeLabels            view.AdviceCode = "SeeLabels"
	CompareQueue         view.AdviceCode = "CompareQueue"
	InstallPcntl         view.AdviceCode = "InstallPcntl"
	UseExec              view.AdviceCode = "UseExec"
	RunAbout             view.AdviceCode = "RunAbout"
	CorrectName          view.AdviceCode = "CorrectName"
	RemoveMemoryLimit    view.AdviceCode = "RemoveMemoryLimit"
	RaiseRetryAfterOfApp view.AdviceCode = "RaiseRetryAfterOfApp"
	LowerBlockFor        view.AdviceCode = "LowerBlockFor"
	LogToStderr          view.AdviceCode = "LogToStderr"
	ShareCache           view.AdviceCode = "ShareCache"
	ChangeImage          view.AdviceCode = "ChangeImage"
)

// cure returns advice that needs no values.
func cure(code view.AdviceCode) view.Advice { return view.Advice{Code: code} }
