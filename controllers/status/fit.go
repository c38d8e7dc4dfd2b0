// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/printable"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// MaxMessage bounds a message that stands in a status, in bytes. The API server takes
// 32 KiB in a condition and refuses the whole status for one that is longer, so a pool
// would stand still for a text that came from elsewhere: a refusal of the API server, an
// image's name, what a pod printed. A sentence of ours is far shorter.
const MaxMessage = 4096

// maxText bounds any other text, such as the end of a command's output.
const maxText = 8 << 10

// lines are the fields that are one line of text, with their bounds in bytes. A field
// that has a bound in the CRD has that one here.
var lines = map[reflect.Type]map[string]int{
	reflect.TypeFor[metav1.Condition]():            {"Message": MaxMessage, "Reason": 1024, "Type": 316},
	reflect.TypeFor[v1alpha1.QueueCommandStatus](): {"Message": MaxMessage, "JobName": 253, "JobUID": 128, "Continue": 512},
	reflect.TypeFor[v1alpha1.FailedJob]():          {"ID": 64, "Class": 256, "Connection": 255, "Queue": 512, "Exception": 900},
	reflect.TypeFor[v1alpha1.QueueWorkerStatus]():  {"AppName": 253, "Selector": 512},
	reflect.TypeFor[v1alpha1.Throughput]():         {"JobsPerMinute": 64, "AverageTime": 64, "FailedShare": 64},
	reflect.TypeFor[v1alpha1.FailurePause]():       {"Cause": 1024, "ResumedAt": 256},
	reflect.TypeFor[v1alpha1.Exit]():               {"Message": 512, "Reason": 63},
	reflect.TypeFor[v1alpha1.CurrentJob]():         {"Class": 256, "ID": 128},
	reflect.TypeFor[v1alpha1.Worker]():             {"Name": 260, "Queue": 512},
	reflect.TypeFor[v1alpha1.QueueBacklog]():       {"Queue": 512},
	reflect.TypeFor[v1alpha1.RestartCount]():       {"Reason": 63},
	reflect.TypeFor[v1alpha1.AccountedPod]():       {"UID": 128, "Name": 253},
	reflect.TypeFor[v1alpha1.AutoscalingStatus](): {
		"Message": 512, "Reason": 63, "LimitedBy": 63, "ArrivalRate": 64, "ServiceTime": 64, "Utilisation": 64, "TimeToClear": 64,
	},
	reflect.TypeFor[v1alpha1.ScalingDecision](): {"Message": 512, "Reason": 63},
	reflect.TypeFor[v1alpha1.BatchStatus]():     {"ActiveRun": 63, "RequestedRun": 63, "Schedule": 330},
	reflect.TypeFor[v1alpha1.Run]():             {"Name": 63},
	reflect.TypeFor[v1alpha1.CheckedImage]():    {"Image": 1024, "ImageID": 1024, "Version": 64},
}

// Fit cuts every text of a status to what the API server takes, and takes out of
// sentences what does not print. It is the last thing done before a status is compared
// with the one that stands and written, so no text can keep a status from being written.
func Fit[S v1alpha1.QueueWorkerStatus | v1alpha1.QueueAppStatus | v1alpha1.QueueCommandStatus](status *S) {
	fit(reflect.ValueOf(status).Elem())
}

func fit(value reflect.Value) {
	switch value.Kind() {
	case reflect.Pointer:
		if !value.IsNil() {
			fit(value.Elem())
		}
	case reflect.Slice:
		for i := range value.Len() {
			fit(value.Index(i))
		}
	case reflect.Struct:
		fitFields(value)
	default:
	}
}

func fitFields(value reflect.Value) {
	bounds := lines[value.Type()]
	for i := range value.NumField() {
		field := value.Field(i)
		if !field.CanSet() {
			continue // of a time or a quantity
		}
		if field.Kind() != reflect.String {
			fit(field)
			continue
		}
		if most, isLine := bounds[value.Type().Field(i).Name]; isLine {
			field.SetString(printable.Line(field.String(), most))
		} else if field.Len() > maxText {
			text := strings.ToValidUTF8(printable.Cut(field.String(), 2*maxText), "\ufffd") // JSON makes three bytes of a wrong one
			field.SetString(printable.Cut(text, maxText))
		}
	}
}
