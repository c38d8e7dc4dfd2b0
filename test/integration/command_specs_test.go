// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
)

const someUUID = "0f8fad5b-d9cb-469f-a165-70867728950e"

var refusedQueueCommands = map[string]refusal{
	"action is missing":             {spec: `action: null`, field: "spec.action", phrase: "Required value"},
	"action unknown":                {spec: `action: Exec`, field: "spec.action", phrase: "supported values"},
	"action in lower case":          {spec: `action: retryFailed`, field: "spec.action", phrase: "supported values"},
	"appName in capitals":           {spec: `appName: Shop`, field: "spec.appName", phrase: "appName must be the name of a QueueApp"},
	"workerName with a slash":       {spec: `{action: Once, workerName: a/b}`, field: "spec.workerName", phrase: "workerName must be the name of a QueueWorker"},
	"workerName of a list":          {spec: `workerName: emails`, field: "spec.workerName", phrase: "only be set when action is Once"},
	"workerName beside appName":     {spec: `{action: Once, workerName: emails, appName: shop}`, field: "spec.appName", phrase: "appName may not be set when workerName is"},
	"ids of nothing to forget":      {spec: `action: ForgetFailed`, field: "spec.ids", phrase: "ids must be set when action is ForgetFailed"},
	"ids to forget empty":           {spec: `{action: ForgetFailed, ids: []}`, field: "spec.ids", phrase: "ids must be set when action is ForgetFailed"},
	"ids of a flush":                {spec: `{action: FlushFailed, ids: ["1"]}`, field: "spec.ids", phrase: "may only be set when it is that or RetryFailed"},
	"an id like a flag":             {spec: `{action: RetryFailed, ids: ["--queue=x"]}`, field: "spec.ids", phrase: "ids must be UUIDs or numbers"},
	"the id all":                    {spec: `{action: RetryFailed, ids: ["all"]}`, field: "spec.ids", phrase: "ids must be UUIDs or numbers"},
	"an id with a line break":       {spec: `{action: RetryFailed, ids: ["1\n2"]}`, field: "spec.ids", phrase: "ids must be UUIDs or numbers"},
	"an id that is negative":        {spec: `{action: ForgetFailed, ids: ["-1"]}`, field: "spec.ids", phrase: "ids must be UUIDs or numbers"},
	"an id that is empty":           {spec: `{action: ForgetFailed, ids: [""]}`, field: "spec.ids", phrase: "ids must be UUIDs or numbers"},
	"an id that is no text":         {spec: `{action: ForgetFailed, ids: [1]}`, field: "spec.ids[0]", phrase: "must be of type string"},
	"an id twice":                   {spec: `{action: ForgetFailed, ids: ["1", "1"]}`, field: "spec.ids[1]", phrase: "Duplicate value"},
	"an id too long":                {spec: `{action: ForgetFailed, ids: ["` + someUUID + `0"]}`, field: "spec.ids[0]", phrase: "Too long"},
	"101 ids":                       {spec: manyIDs(101), field: "spec.ids", phrase: "Too many"},
	"a retry of nothing":            {spec: `action: RetryFailed`, field: "spec.all", phrase: "all must be true or ids be set, not both"},
	"a retry of all and some":       {spec: `{action: RetryFailed, all: true, ids: ["1"]}`, field: "spec.all", phrase: "all must be true or ids be set, not both"},
	"all to forget":                 {spec: `{action: ForgetFailed, ids: ["1"], all: true}`, field: "spec.all", phrase: "all may not be set otherwise"},
	"a queue to clear without name": {spec: `action: ClearQueue`, field: "spec.queue", phrase: "queue must be set when action is ClearQueue"},
	"two queues to clear":           {spec: `{action: ClearQueue, queue: "high,low"}`, field: "spec.queue", phrase: "queue must be one name unless action is Once"},
	"a queue like a second option":  {spec: `{action: ClearQueue, queue: "a --force"}`, field: "spec.queue", phrase: "queue must be a queue's name"},
	"a queue of a flush":            {spec: `{action: FlushFailed, queue: emails}`, field: "spec.queue", phrase: "queue may only be set"},
	"a queue of ids":                {spec: `{action: RetryFailed, ids: ["1"], queue: emails}`, field: "spec.queue", phrase: "or RetryFailed with all"},
	"a search of a retry":           {spec: `{action: RetryFailed, all: true, search: smtp}`, field: "spec", phrase: "may only be set when action is ListFailed"},
	"a search of two lines":         {spec: `search: "a\nb"`, field: "spec.search", phrase: "search must be one line"},
	"a search too long":             {spec: `search: ` + strings.Repeat("s", 201), field: "spec.search", phrase: "Too long"},
	"a limit of a flush":            {spec: `{action: FlushFailed, limit: 5}`, field: "spec", phrase: "may only be set when action is ListFailed"},
	"a limit of none":               {spec: `limit: 0`, field: "spec.limit", phrase: "greater than or equal to 1"},
	"a limit above 100":             {spec: `limit: 101`, field: "spec.limit", phrase: "less than or equal to 100"},
	"a token of something else":     {spec: `continue: "1 OR 1=1"`, field: "spec.continue", phrase: "continue must be the status.continue"},
	"hours of a list":               {spec: `hours: 3`, field: "spec.hours", phrase: "only be set when action is FlushFailed"},
	"hours of none":                 {spec: `{action: FlushFailed, hours: 0}`, field: "spec.hours", phrase: "greater than or equal to 1"},
	"a ttl without a unit":          {spec: `ttl: "600"`, field: "spec.ttl", phrase: "whole seconds such as 10m"},
	"a ttl of nothing":              {spec: `ttl: 0s`, field: "spec.ttl", phrase: "from 10s to 168h"},
	"name of 51 characters":         {name: strings.Repeat("n", 51), field: "metadata", phrase: "metadata.name must be at most 50 characters"},
}

func manyIDs(n int) string {
	var ids []string
	for i := range n {
		ids = append(ids, fmt.Sprintf("%q", fmt.Sprint(i)))
	}
	return "{action: ForgetFailed, ids: [" + strings.Join(ids, ",") + "]}"
}

func TestWrongQueueCommandsAreRefused(t *testing.T) {
	testRefusals(t, "QueueCommand", refusedQueueCommands)
}

func TestQueueCommandsAreAcceptedAndReadBack(t *testing.T) {
	namespace := newNamespace(t)
	for name, tc := range map[string]struct {
		spec string
		want v1alpha1.QueueCommandSpec
	}{
		"a list": {`{}`, v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed}},
		"a page of a search": {`{appName: shop, queue: emails, search: "App\\Jobs%_' \u00fc", limit: 100, continue: aZ-_9, ttl: 1m30s}`, v1alpha1.QueueCommandSpec{
			Action: v1alpha1.ActionListFailed, AppName: "shop", Queue: "emails", Search: `App\Jobs%_' ü`, Limit: new(int32(100)),
			Continue: "aZ-_9", TTL: seconds(90),
		}},
		"a retry by id": {`{action: RetryFailed, ids: ["17", ` + someUUID + `]}`, v1alpha1.QueueCommandSpec{
			Action: v1alpha1.ActionRetryFailed, IDs: []v1alpha1.FailedJobID{"17", someUUID},
		}},
		"a retry of all": {`{action: RetryFailed, all: true}`, v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionRetryFailed, All: true}},
		"a retry of a queue": {`{action: RetryFailed, all: true, queue: emails}`, v1alpha1.QueueCommandSpec{
			Action: v1alpha1.ActionRetryFailed, All: true, Queue: "emails",
		}},
		"one to forget":  {`{action: ForgetFailed, ids: ["1"]}`, v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionForgetFailed, IDs: []v1alpha1.FailedJobID{"1"}}},
		"a flush":        {`action: FlushFailed`, v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionFlushFailed}},
		"an old flush":   {`{action: FlushFailed, hours: 48}`, v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionFlushFailed, Hours: new(int32(48))}},
		"a clear":        {`{action: ClearQueue, queue: "{shop}:emails"}`, v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionClearQueue, Queue: "{shop}:emails"}},
		"one job":        {`action: Once`, v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionOnce}},
		"one of two":     {`{action: Once, queue: "high,low"}`, v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionOnce, Queue: "high,low"}},
		"one of a pool":  {`{action: Once, workerName: emails}`, v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionOnce, WorkerName: "emails"}},
		"a ttl of 10s":   {`ttl: 10s`, v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed, TTL: seconds(10)}},
		"a ttl of weeks": {`ttl: 168h`, v1alpha1.QueueCommandSpec{Action: v1alpha1.ActionListFailed, TTL: seconds(168 * 3600)}},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.want.TTL == nil {
				tc.want.TTL = &metav1.Duration{Duration: 10 * time.Minute}
			}
			object := manifest(t, "QueueCommand", namespace, strings.Repeat("n", 50), tc.spec)
			if err := api.Create(t.Context(), object, client.DryRunAll); err != nil {
				t.Fatal(err)
			}
			var got v1alpha1.QueueCommand
			decode(t, object, &got)
			if diff := cmp.Diff(tc.want, got.Spec); diff != "" {
				t.Errorf("read back differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAQueueCommandCannotBeChanged(t *testing.T) {
	object := manifest(t, "QueueCommand", newNamespace(t), "retry", `{action: RetryFailed, ids: ["1"]}`)
	if err := api.Create(t.Context(), object); err != nil {
		t.Fatal(err)
	}
	for name, spec := range map[string]map[string]any{
		"another id":     {"action": "RetryFailed", "ids": []any{"2"}, "ttl": "10m"},
		"another action": {"action": "FlushFailed", "ttl": "10m"},
		"another ttl":    {"action": "RetryFailed", "ids": []any{"1"}, "ttl": "20m"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := object.DeepCopy()
			changed.Object["spec"] = spec
			requireRefused(t, api.Update(t.Context(), changed), "spec", "spec may not be changed")
		})
	}
	labelled := object.DeepCopy()
	labelled.SetLabels(map[string]string{"team": "checkout"})
	if err := api.Update(t.Context(), labelled); err != nil {
		t.Errorf("a label of the QueueCommand could not be set: %v", err)
	}
}
