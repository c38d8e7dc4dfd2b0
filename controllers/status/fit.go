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

// MaxMessage bounds a message in a status, in bytes. The API server takes 32 KiB in a
// condition and refuses the whole status for a longer one. So a long text from
// elsewhere would stop a pool: a refusal of the API server, an image's name, the output
// of a pod. The operator's own sentences are far shorter.
const MaxMessage = 4096

// maxText bounds every other text, such as the end of a command's output.
const maxText = 8 << 10

// lines holds the fields that are one line of text, with their bounds in bytes. A field
// that has a bound in the CRD has the same bound here.
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

// Fit cuts every text of a status to the length that the API server takes, and removes
// characters that do not print from sentences. It runs last, just before a status is
// compared with the present one and written. So no text can keep a status from being
// written.
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
			continue // a part of a time or a quantity
		}
		if field.Kind() != reflect.String {
			fit(field)
			continue
		}
		if most, isLine := bounds[value.Type().Field(i).Name]; isLine {
			field.SetString(printable.Line(field.String(), most))
		} else if field.Len() > maxText {
			text := strings.ToValidUTF8(printable.Cut(field.String(), 2*maxText), "\ufffd") // JSON replaces an invalid byte by three
			field.SetString(printable.Cut(text, maxText))
		}
	}
}
