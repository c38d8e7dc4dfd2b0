// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package bundle

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/console/redact"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/plugin/render"
)

// collected is a file of the bundle before it is redacted.
type collected struct {
	name    string
	objects []unstructured.Unstructured
	text    string
	// log is true if text is a log of the operator, prose if it quotes errors.
	log, prose bool
}

// findingsText returns doctor's findings, but without the texts that conditions quote.
func findingsText(redactor *redact.Redactor, in doctor.Input) string {
	for i := range in.Apps {
		in.Apps[i].Conditions = redactor.Conditions(in.Apps[i].Conditions)
	}
	for i := range in.Workers {
		in.Workers[i].Status.Conditions = redactor.Conditions(in.Workers[i].Status.Conditions)
	}
	return render.FindingsText(render.Words(doctor.Examine(in), cli.Told), nil)
}

// clean redacts all files. It learns every secret first, so that no file contains a
// secret of another.
func clean(redactor *redact.Redactor, files []collected, namespace string) map[string]string {
	for _, file := range files {
		for i := range file.objects {
			object := &file.objects[i]
			redactor.Keep(object.GetName(), object.GetNamespace(), string(object.GetUID()))
			redactor.KeepNames(object.Object)
		}
	}
	for _, file := range files {
		for i := range file.objects {
			redactor.Learn(file.objects[i].Object)
		}
		if file.log {
			redactor.Log(file.text, namespace)
		}
	}
	out := map[string]string{}
	for _, file := range files {
		var text strings.Builder
		switch {
		case file.log:
			text.WriteString(redactor.Log(file.text, namespace))
		case file.prose:
			text.WriteString(redactor.Prose(file.text))
		default:
			text.WriteString(redactor.Text(file.text))
		}
		for i := range file.objects {
			document, err := yaml.Marshal(redactor.Object(file.objects[i].Object))
			if err != nil {
				document = []byte("# " + err.Error() + "\n")
			}
			text.WriteString("---\n")
			text.Write(document)
		}
		out[file.name] = text.String()
	}
	return out
}
