// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// stuff fills every text of a status with a megabyte, and lists with one element.
func stuff(value reflect.Value, text string) {
	switch value.Kind() {
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		stuff(value.Elem(), text)
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 1, 1))
		stuff(value.Index(0), text)
	case reflect.Struct:
		for _, field := range value.Fields() {
			if field.CanSet() && value.Type() != reflect.TypeFor[metav1.Time]() {
				stuff(field, text)
			}
		}
	case reflect.String:
		value.SetString(text)
	default:
	}
}

// checkLengths compares the texts of a status with the bounds of its schema.
func checkLengths(t *testing.T, path string, value any, schema map[string]any) (bounded int) {
	t.Helper()
	switch typed := value.(type) {
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		for name, field := range typed {
			of, _ := properties[name].(map[string]any)
			bounded += checkLengths(t, path+"."+name, field, of)
		}
	case []any:
		items, _ := schema["items"].(map[string]any)
		for _, item := range typed {
			bounded += checkLengths(t, path+"[]", item, items)
		}
	case string:
		most, has := schema["maxLength"].(float64)
		if has {
			bounded++
		} else {
			most = maxText
		}
		if !utf8.ValidString(typed) || utf8.RuneCountInString(typed) > int(most) || len(typed) > maxText {
			t.Errorf("%s has %d bytes, of which the API server takes %.0f", path, len(typed), most)
		}
	}
	return bounded
}

// TestFitKeepsToTheSchema: the API server takes a status with any texts. A field that
// gets a bound in the CRD but not here fails.
func TestFitKeepsToTheSchema(t *testing.T) {
	for _, text := range []string{strings.Repeat("x", 1<<20), strings.Repeat("漢", 1<<20/3), strings.Repeat("\xff", 1<<20)} {
		check(t, "queueworkers", 15, text, Fit[v1alpha1.QueueWorkerStatus])
		check(t, "queueapps", 4, text, Fit[v1alpha1.QueueAppStatus])
		check(t, "queuecommands", 1, text, Fit[v1alpha1.QueueCommandStatus])
	}
}

func check[S any](t *testing.T, crd string, atLeast int, text string, fit func(*S)) {
	t.Helper()
	data, err := os.ReadFile("../../config/crd/bases/queueworker.dev_" + crd + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	var definition struct {
		Spec struct {
			Versions []struct {
				Schema struct {
					OpenAPIV3Schema struct {
						Properties map[string]map[string]any `json:"properties"`
					} `json:"openAPIV3Schema"`
				} `json:"schema"`
			} `json:"versions"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(data, &definition); err != nil {
		t.Fatal(err)
	}
	status := new(S)
	stuff(reflect.ValueOf(status).Elem(), text)
	fit(status)
	encoded, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	var document any
	if err := json.Unmarshal(encoded, &document); err != nil {
		t.Fatal(err)
	}
	bounded := checkLengths(t, crd+".status", document, definition.Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"])
	if bounded < atLeast {
		t.Errorf("%s: %d bounds were compared, there are more", crd, bounded)
	}
}

// TestFitCleansSentences: a sentence is one line of printing characters. A text that
// fits stays as it is, so that it is not written again and again.
func TestFitCleansSentences(t *testing.T) {
	status := v1alpha1.QueueCommandStatus{
		Message:    "refused:\n\x1b[2J\u202ename",
		Output:     "two\nlines",
		Conditions: []metav1.Condition{{Type: "Failed", Message: "The image " + strings.Repeat("i", 1<<20) + " cannot be pulled."}},
	}
	Fit(&status)
	if status.Message != "refused: [2Jname" || status.Output != "two\nlines" {
		t.Errorf("message %q, output %q", status.Message, status.Output)
	}
	if length := len(status.Conditions[0].Message); length != MaxMessage {
		t.Errorf("the condition's message has %d bytes", length)
	}
	again := *status.DeepCopy()
	Fit(&again)
	if !reflect.DeepEqual(status, again) {
		t.Errorf("fit again it is %+v", again)
	}
}
