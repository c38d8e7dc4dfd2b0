// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// pod has a secret that begins with canary in every place where users put secrets.
const pod = `
apiVersion: v1
kind: Pod
metadata:
  name: emails-worker-abc
  namespace: shop
  annotations:
    queueworker.dev/restartedAt: "2026-11-23T10:00:00Z"
    queueworker.dev/control: '{"version":1,"restartToken":"canary-in-control"}'
    example.com/hook: https://hooks.example.com/canary-in-annotation
    kubectl.kubernetes.io/last-applied-configuration: |
      {"spec":{"containers":[{"name":"worker","env":[{"name":"DB_PASSWORD","value":"canary-last-applied"}]}]}}
  managedFields:
  - manager: kubectl
    operation: Update
    fieldsV1: {"f:metadata": {"f:finalizers": {'v:"canary-in-managed-fields"': {}}}}
spec:
  containers:
  - name: worker
    image: registry.example.com/shop:1.4.2
    command: [sh, -c, "export TOKEN=canary-in-command; exec \"$@\"", --]
    args: [php, artisan, queue:work, --max-jobs=500, --db-password=canary-in-flag, --api-key=1234567, swordfish-canary]
    env:
    - {name: DB_PASSWORD, value: canary-in-env}
    - {name: PIN, value: "1234"}
    - {name: APP_KEY, valueFrom: {secretKeyRef: {name: shop-env, key: app-key}}}
    - {name: PEM, value: "-----BEGIN PRIVATE KEY-----\ncanary-in-pem\n-----END PRIVATE KEY-----"}
    - {name: QUEUEWORKER_QUEUE, value: "high,default"}
    livenessProbe:
      exec: {command: [curl, canary-in-probe]}
      httpGet: {path: "/live?key=canary-in-path", httpHeaders: [{name: Authorization, value: canary-in-header}]}
  volumes:
  - {name: csi, csi: {driver: secrets.example.com, volumeAttributes: {vault: canary-in-volume}}}
  - {name: env, secret: {secretName: shop-env}}
status:
  message: "connect to redis://app:canary-in-url@redis:6379: the password canary-in-env was refused"
  containerStatuses:
  - name: worker
    state: {terminated: {exitCode: 1, message: "Authorization: Bearer canary-in-bearer-1"}}
`

const configMap = `
apiVersion: v1
kind: ConfigMap
metadata: {name: emails-control, namespace: shop}
data: {control.json: '{"restartToken":"canary-in-config-map"}'}
binaryData: {blob: Y2FuYXJ5LWluLWJpbmFyeQ==}
`

// oneOff is the pod of a command; its termination message is the end of its jobs' output.
const oneOff = `
apiVersion: v1
kind: Pod
metadata: {name: once-abc, namespace: shop, labels: {queueworker.dev/command: once-abc}}
status:
  containerStatuses:
  - name: worker
    state: {terminated: {exitCode: 0, message: "canary printed by a job\nProcessed canary"}}
    lastState: {waiting: {message: "Back-off pulling image \"registry.example.com/shop:1\""}}
`

const command = `
apiVersion: queueworker.dev/v1alpha1
kind: QueueCommand
metadata: {name: once-abc, namespace: shop}
status:
  state: Succeeded
  message: Processed canary.
  output: "canary printed before\nProcessed canary"
  conditions:
  - {type: Complete, status: "True", reason: Succeeded, message: Processed canary.}
`

// pool has names in its env that a diagnosis needs.
const pool = `
apiVersion: queueworker.dev/v1alpha1
kind: QueueWorker
spec:
  queue: payments-eu,exports-eu
  connection: {name: redis-cluster}
  template: {spec: {containers: [{name: worker-main}]}}
  env: [{name: QUEUE, value: "payments-eu,exports-eu"}, {name: SLOW, value: exports-eu}, {name: CONNECTION, value: redis-cluster}, {name: POD, value: worker-main}]
status:
  conditions: [{type: Ready, reason: AsWanted, message: exports-eu waits on redis-cluster in worker-main}]
`

func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	object := map[string]any{}
	if err := yaml.Unmarshal([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	return object
}

func TestNoCanarySurvives(t *testing.T) {
	r := New()
	objects := []map[string]any{parsed(t, pod), parsed(t, configMap), parsed(t, oneOff), parsed(t, command)}
	for _, object := range objects {
		r.Learn(object)
	}
	for _, object := range objects {
		text, err := yaml.Marshal(r.Object(object))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if strings.Contains(line, "canary") || strings.Contains(line, "Y2FuYXJ5") || strings.Contains(line, `"1234"`) || strings.Contains(line, "1234567") {
				t.Errorf("%s still has %s", object["kind"], line)
			}
		}
	}
	log := r.Text(`{"msg":"Applied","error":"SQLSTATE[28000]: using canary-last-applied","token":"canary-in-log"} canary-in-flag` +
		"\ncanary-in-pem\nit said: canary printed by a job; canary printed before\n")
	if strings.Contains(log, "canary") {
		t.Errorf("a log still has %s", log)
	}
}

func TestWhatADiagnosisNeedsStays(t *testing.T) {
	r := New()
	r.Keep("shop")
	objects := []map[string]any{parsed(t, pod), parsed(t, oneOff), parsed(t, command), parsed(t, pool)}
	var left []any
	for _, object := range objects {
		r.KeepNames(object)
		r.Learn(object)
	}
	for _, object := range objects {
		left = append(left, r.Object(object))
	}
	text, err := json.Marshal(left)
	if err != nil {
		t.Fatal(err)
	}
	for _, phrase := range []string{
		`"registry.example.com/shop:1.4.2"`, `"2026-11-23T10:00:00Z"`, `"secretName":"shop-env"`, `"key":"app-key"`,
		`["sh","-c",`, `["php","artisan","queue:work","--max-jobs=500","--db-password=(removed, 14 bytes)"`, `"name":"DB_PASSWORD"`,
		`"manager":"kubectl"`, `"exitCode":1`, `"/live?(removed)"`,
		`"message":"Back-off pulling image \"registry.example.com/shop:1\""`, `"reason":"Succeeded"`, `"state":"Succeeded"`,
		`"queue":"payments-eu,exports-eu"`, `"name":"redis-cluster"`, `"name":"worker-main"`, `"message":"exports-eu waits on redis-cluster in worker-main"`,
	} {
		if !strings.Contains(string(text), phrase) {
			t.Errorf("lacks %s in %s", phrase, text)
		}
	}
}

func TestFields(t *testing.T) {
	tests := map[string]struct{ name, value, want string }{
		"an address":                  {"url", "https://depth.shop.svc:8080", "https://depth.shop.svc:8080"},
		"one with a token":            {"url", "https://hooks.example.com/T0/B0/abc", "https://hooks.example.com/(removed)"},
		"one with a query":            {"url", "http://depth?key=abc", "http://depth/(removed)"},
		"one with a password":         {"url", "http://shop:abc@depth:80/", "http://(removed)@depth:80/"},
		"one with a user alone":       {"url", "http://abc@depth", "http://(removed)@depth"},
		"no address":                  {"url", "abc", "(removed, 3 bytes)"},
		"an exception":                {"exception", "no mail to ann@example.com", "(removed, 26 bytes)"},
		"what a job printed":          {"output", "Processed", "(removed, 9 bytes)"},
		"what was searched":           {"search", "ann@example.com", "(removed, 15 bytes)"},
		"a field that is a secret":    {"password", "abc", "(removed, 3 bytes)"},
		"a field that names one":      {"secretName", "shop-env", "shop-env"},
		"a field that is no secret":   {"message", "2 pods are ready", "2 pods are ready"},
		"a path":                      {"path", "/healthz", "/healthz"},
		"a path with a query":         {"path", "/healthz?key=abc", "/healthz?(removed)"},
		"a message with a bearer":     {"message", "Bearer abcdefgh12", "Bearer (removed)"},
		"a message with a key of AWS": {"message", "AKIAABCDEFGHIJKLMNOP", "(removed)"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			if got := New().Object(map[string]any{tc.name: tc.value})[tc.name]; got != tc.want {
				t.Errorf("got %v, want %s", got, tc.want)
			}
		})
	}
}

func TestText(t *testing.T) {
	tests := map[string]struct {
		learn map[string]string
		text  string
		want  string
	}{
		"a plain sentence":             {text: "Scaled Deployment from 3 to 5", want: "Scaled Deployment from 3 to 5"},
		"a digest and a UID":           {text: "sha256:4f2ab1 2f1c9d0e-1111-2222-3333-444455556666", want: "sha256:4f2ab1 2f1c9d0e-1111-2222-3333-444455556666"},
		"a URL with credentials":       {text: "mysql://shop:pa:ss@db/shop", want: "mysql://(removed)@db/shop"},
		"a URL with an @ in it":        {text: "mysql://shop:p@ss@db/a@b is down", want: "mysql://(removed)@db/a@b is down"},
		"an image by its digest":       {text: "docker-pullable://shop@sha256:4f2ab1", want: "docker-pullable://shop@sha256:4f2ab1"},
		"a password with signs":        {text: "DB_PASSWORD=p@ss;w0rd&x is wrong", want: "DB_PASSWORD=(removed) is wrong"},
		"a password of digits":         {learn: map[string]string{"DB_PASSWORD": "83726152"}, text: "refused: 83726152", want: "refused: (removed)"},
		"a short number stays":         {learn: map[string]string{"TOKEN_TTL": "3600", "DB_PASSWORD": "null"}, text: "after 3600 s null", want: "after 3600 s null"},
		"a URL without":                {text: "https://10.0.0.1:6443", want: "https://10.0.0.1:6443"},
		"a path":                       {text: `Get "https://depth.shop.svc/hooks/T0/B0?x=1": dial tcp`, want: `Get "https://depth.shop.svc/(removed)": dial tcp`},
		"a path at the end":            {text: "asked http://depth/T0/B0.", want: "asked http://depth/(removed)."},
		"a path twice":                 {text: "http://depth/(removed) and HTTP://depth:80/a", want: "http://depth/(removed) and HTTP://depth:80/(removed)"},
		"a user alone":                 {text: "http://canary@depth/", want: "http://(removed)@depth/"},
		"a token in JSON":              {text: `"token": "abc"`, want: `"token": "(removed)"`},
		"a password in a command line": {text: "mysql --password=abc -h db", want: "mysql --password=(removed) -h db"},
		"a web token":                  {text: "with eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.sig-nature_1 in it", want: "with (removed) in it"},
		"Laravel's key":                {text: "key base64:" + strings.Repeat("Ab1/", 11) + "=", want: "key (removed)"},
		"the longer secret goes first": {learn: map[string]string{"A_SECRET": "abcd", "B_SECRET": "abcdefgh"}, text: "abcdefgh abcd", want: "(removed) (removed)"},
		"a short value stays":          {learn: map[string]string{"QUEUE": "redis", "REDIS_PORT": "6379000000"}, text: "redis 6379000000", want: "redis 6379000000"},
		"the name of an object stays":  {learn: map[string]string{"NAMESPACE": "queueworker"}, text: "queueworker.dev", want: "queueworker.dev"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			r := New()
			for name, value := range tc.learn {
				r.Learn(map[string]any{"env": []any{map[string]any{"name": name, "value": value}}})
			}
			if got := r.Text(tc.text); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

func FuzzNoEnvSurvives(f *testing.F) {
	for _, seed := range []string{"correct horse battery", "a\nb\nlonger line", "(removed)", "{\"a\":1}", "ab%00\xff"} {
		f.Add(seed)
	}
	const mark = "(removed)" // a secret that is part of the mark cannot be told from it
	f.Fuzz(func(t *testing.T, secret string) {
		if len(strings.TrimSpace(secret)) < shortest || harmless.MatchString(strings.TrimSpace(secret)) || strings.Contains(mark, strings.TrimSpace(secret)) {
			return
		}
		object := map[string]any{
			"env":     []any{map[string]any{"name": "VALUE", "value": "x" + secret + "x"}},
			"message": fmt.Sprintf("refused: x%sx.", secret),
		}
		r := New()
		r.Learn(object)
		if message, ok := r.Object(object)["message"].(string); !ok || strings.Contains(message, "x"+secret+"x") {
			t.Errorf("the message still is %q", message)
		}
	})
}
