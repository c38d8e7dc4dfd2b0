// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// AdviceCode names what to do about a problem. Each user interface has its own words for
// it, such as a command line or a button.
type AdviceCode string

// What to do about a condition.
const (
	RaiseMemory        AdviceCode = "RaiseMemory"
	RaiseTimeout       AdviceCode = "RaiseTimeout"
	SeeFailedJobs      AdviceCode = "SeeFailedJobs"
	Resume             AdviceCode = "Resume"
	AwaitJobs          AdviceCode = "AwaitJobs"
	AwaitPods          AdviceCode = "AwaitPods"
	CreateApp          AdviceCode = "CreateApp"
	NameApp            AdviceCode = "NameApp"
	CorrectApp         AdviceCode = "CorrectApp"
	CorrectContainer   AdviceCode = "CorrectContainer"
	CorrectImage       AdviceCode = "CorrectImage"
	RunAsOtherUser     AdviceCode = "RunAsOtherUser"
	CorrectConnection  AdviceCode = "CorrectConnection"
	CreateReference    AdviceCode = "CreateReference"
	AddNode            AdviceCode = "AddNode"
	SeeLogsOfCrashes   AdviceCode = "SeeLogsOfCrashes"
	CorrectCommand     AdviceCode = "CorrectCommand"
	CorrectField       AdviceCode = "CorrectField"
	RemoveField        AdviceCode = "RemoveField"
	MoveToApp          AdviceCode = "MoveToApp"
	MakeSmaller        AdviceCode = "MakeSmaller"
	RemoveObject       AdviceCode = "RemoveObject"
	RemoveScaler       AdviceCode = "RemoveScaler"
	SetDriver          AdviceCode = "SetDriver"
	RaiseRetryAfter    AdviceCode = "RaiseRetryAfter"
	RaiseMaximum       AdviceCode = "RaiseMaximum"
	RaiseCap           AdviceCode = "RaiseCap"
	AwaitRestart       AdviceCode = "AwaitRestart"
	AllowOperator      AdviceCode = "AllowOperator"
	AddPcntl           AdviceCode = "AddPcntl"
	ExecInWrapper      AdviceCode = "ExecInWrapper"
	RaiseGracePeriod   AdviceCode = "RaiseGracePeriod"
	SetTimeout         AdviceCode = "SetTimeout"
	RaiseMemoryLimit   AdviceCode = "RaiseMemoryLimit"
	CorrectSettings    AdviceCode = "CorrectSettings"
	CorrectCredentials AdviceCode = "CorrectCredentials"
	CreateMissing      AdviceCode = "CreateMissing"
	MatchDriver        AdviceCode = "MatchDriver"
	AwaitBacklog       AdviceCode = "AwaitBacklog"
	AwaitAgents        AdviceCode = "AwaitAgents"
	Start              AdviceCode = "Start"
	AwaitResume        AdviceCode = "AwaitResume"
	MendAndResume      AdviceCode = "MendAndResume"
	SeeLogsOfProcesses AdviceCode = "SeeLogsOfProcesses"
	SeeExceptions      AdviceCode = "SeeExceptions"
	SeeLogsOfRun       AdviceCode = "SeeLogsOfRun"
	CorrectSchedule    AdviceCode = "CorrectSchedule"
	// SeeEvents: the condition is not known, so its events may tell more.
	SeeEvents AdviceCode = "SeeEvents"
)

// Advice is what to do, with the values that its words need. Without a code, nothing needs
// to be done.
type Advice struct {
	Code AdviceCode `json:"code"`
	// Namespace and Name name the object.
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
}

// Advise returns what to do about a condition. name is the name of the object that has the
// condition.
func Advise(c *metav1.Condition, name string) Advice {
	tone := ConditionTone(c)
	if tone == Good || tone == Faint {
		return Advice{}
	}
	code, known := byType[c.Type]
	if !known {
		code, known = byReason[c.Reason]
	}
	switch {
	case !known:
		code = SeeEvents
	case code == "":
		return Advice{}
	}
	return Advice{Code: code, Name: name}
}

// byType holds the advice for a condition of a type, whatever its reason.
var byType = map[string]AdviceCode{
	v1alpha1.ConditionMemoryHigh:   RaiseMemory,
	v1alpha1.ConditionSlowJobs:     RaiseTimeout,
	v1alpha1.ConditionFailuresHigh: SeeFailedJobs,
}

// byReason holds the advice for a condition that reports a problem, by its reason.
var byReason = map[string]AdviceCode{
	v1alpha1.ReasonPaused:                 Resume,
	v1alpha1.ReasonPausing:                AwaitJobs,
	v1alpha1.ReasonProgressing:            AwaitPods,
	v1alpha1.ReasonAppNotFound:            CreateApp,
	v1alpha1.ReasonAppAmbiguous:           NameApp,
	v1alpha1.ReasonAppInvalid:             CorrectApp,
	v1alpha1.ReasonContainerNotFound:      CorrectContainer,
	v1alpha1.ReasonImagePull:              CorrectImage,
	v1alpha1.ReasonRunsAsRoot:             RunAsOtherUser,
	v1alpha1.ReasonConfigError:            CorrectConnection,
	v1alpha1.ReasonPodFailed:              CreateReference,
	v1alpha1.ReasonUnschedulable:          AddNode,
	v1alpha1.ReasonWorkersCrashing:        SeeLogsOfCrashes,
	v1alpha1.ReasonCommandNotFound:        CorrectCommand,
	v1alpha1.ReasonRejected:               CorrectField,
	v1alpha1.ReasonNotPermitted:           RemoveField,
	v1alpha1.ReasonFromBefore:             MoveToApp,
	v1alpha1.ReasonTooLarge:               MakeSmaller,
	v1alpha1.ReasonForeignObject:          RemoveObject,
	v1alpha1.ReasonForeignScaler:          RemoveScaler,
	v1alpha1.ReasonNoDriver:               SetDriver,
	v1alpha1.ReasonRetryAfterBelowTimeout: RaiseRetryAfter,
	v1alpha1.ReasonMaximum:                RaiseMaximum,
	v1alpha1.ReasonSharedCap:              RaiseCap,
	v1alpha1.ReasonIdleWithWork:           AwaitRestart,
	v1alpha1.ReasonUnreachable:            AllowOperator,
	v1alpha1.ReasonNoPcntl:                AddPcntl,
	v1alpha1.ReasonShellWrapper:           ExecInWrapper,
	v1alpha1.ReasonGraceBelowTimeout:      RaiseGracePeriod,
	v1alpha1.ReasonNoTimeout:              SetTimeout,
	v1alpha1.ReasonMemoryLimitLow:         RaiseMemoryLimit,
	"Misconfigured":                       CorrectSettings,
	"Denied":                              CorrectCredentials,
	"NotFound":                            CreateMissing,
	"Unreadable":                          MatchDriver,
	"BacklogUnknown":                      AwaitBacklog,
	"AgentsUnreadable":                    AwaitAgents,
	"Stopped":                             Start,
	v1alpha1.ReasonPausedUntil:            AwaitResume,
	v1alpha1.ReasonPausedByFailing:        MendAndResume,
	v1alpha1.ReasonCrashes:                SeeLogsOfProcesses,
	v1alpha1.ReasonMaxExceptions:          SeeExceptions,
	v1alpha1.ReasonRunFailed:              SeeLogsOfRun,
	v1alpha1.ReasonNotPassed:              "", // the message of the condition says what to do
	v1alpha1.ReasonScheduleInvalid:        CorrectSchedule,
}
