// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// refusal is a spec that the API server must refuse, with the field that its message
// names and a phrase of the broken rule.
type refusal struct {
	name   string // the name of the object; default: emails
	spec   string
	field  string
	phrase string
}

var refusedQueueWorkers = map[string]refusal{
	"queue is missing":                     {spec: `queue: null`, field: "spec.queue", phrase: "Required value"},
	"queue is empty":                       {spec: `queue: ""`, field: "spec.queue", phrase: "at least 1 char"},
	"queue has a space":                    {spec: `queue: "high, default"`, field: "spec.queue", phrase: "comma list"},
	"queue begins with a comma":            {spec: `queue: ",default"`, field: "spec.queue", phrase: "comma list"},
	"queue ends with a comma":              {spec: `queue: "high,"`, field: "spec.queue", phrase: "comma list"},
	"queue has an empty name":              {spec: `queue: "high,,low"`, field: "spec.queue", phrase: "comma list"},
	"queue has 21 names":                   {spec: `queue: "` + strings.Repeat("q,", 20) + `q"`, field: "spec.queue", phrase: "at most 20"},
	"queue has a line break":               {spec: `queue: "high\nlow"`, field: "spec.queue", phrase: "comma list"},
	"queue has a semicolon":                {spec: `queue: "a;rm"`, field: "spec.queue", phrase: "comma list"},
	"queue is 513 characters":              {spec: `queue: "` + strings.Repeat("q", 513) + `"`, field: "spec.queue", phrase: "Too long"},
	"queue has a name of 256 characters":   {spec: `queue: "high,` + strings.Repeat("q", 256) + `"`, field: "spec.queue", phrase: "at most 255 characters"},
	"queue is a list":                      {spec: `queue: [high, low]`, field: "spec.queue", phrase: "must be of type string"},
	"queue is a number":                    {spec: `queue: 7`, field: "spec.queue", phrase: "must be of type string"},
	"appName in capitals":                  {spec: `appName: Shop`, field: "spec.appName", phrase: "appName must be the name of a QueueApp"},
	"appName with a slash":                 {spec: `appName: other/shop`, field: "spec.appName", phrase: "appName must be the name of a QueueApp"},
	"appName too long":                     {spec: `appName: ` + strings.Repeat("a", 51), field: "spec.appName", phrase: "Too long"},
	"processes below 0":                    {spec: `processes: -1`, field: "spec.processes", phrase: "greater than or equal to 0"},
	"processes above 1000":                 {spec: `processes: 1001`, field: "spec.processes", phrase: "less than or equal to 1000"},
	"processes a fraction":                 {spec: `processes: 1.5`, field: "spec.processes", phrase: "must be of type int"},
	"processes in words":                   {spec: `processes: two`, field: "spec.processes", phrase: "must be of type integer"},
	"mode in words":                        {spec: `mode: batch`, field: "spec.mode", phrase: "Batch"},
	"mode Batch with autoscaling":          {spec: "mode: Batch\nautoscaling: {maxProcesses: 4}", field: "spec.autoscaling", phrase: "autoscaling does not go with mode Batch"},
	"mode Batch with recycle Pod":          {spec: "mode: Batch\nrecycle: Pod\nmaxJobs: 5", field: "spec.recycle", phrase: "recycle Pod does not go with mode Batch"},
	"batch without its mode":               {spec: `batch: {schedule: "@daily"}`, field: "spec.batch", phrase: "batch needs mode: Batch"},
	"batch of mode Continuous":             {spec: "mode: Continuous\nbatch: {}", field: "spec.batch", phrase: "batch needs mode: Batch"},
	"schedule of four fields":              {spec: "mode: Batch\nbatch: {schedule: \"0 2 * *\"}", field: "spec.batch.schedule", phrase: "five fields such as 30 4 * * *"},
	"schedule with an empty list":          {spec: "mode: Batch\nbatch: {schedule: \",, * * * *\"}", field: "spec.batch.schedule", phrase: "five fields"},
	"schedule with half a list":            {spec: "mode: Batch\nbatch: {schedule: \"0 2, * * *\"}", field: "spec.batch.schedule", phrase: "five fields"},
	"schedule with seconds":                {spec: "mode: Batch\nbatch: {schedule: \"0 0 2 * * *\"}", field: "spec.batch.schedule", phrase: "five fields"},
	"schedule with a time zone":            {spec: "mode: Batch\nbatch: {schedule: \"TZ=UTC 0 2 * * *\"}", field: "spec.batch.schedule", phrase: "the time zone goes into timeZone"},
	"schedule every so often":              {spec: "mode: Batch\nbatch: {schedule: \"@every 5m\"}", field: "spec.batch.schedule", phrase: "five fields"},
	"schedule in words":                    {spec: "mode: Batch\nbatch: {schedule: nightly}", field: "spec.batch.schedule", phrase: "five fields"},
	"timeZone without a schedule":          {spec: "mode: Batch\nbatch: {timeZone: UTC}", field: "spec.batch.timeZone", phrase: "timeZone needs a schedule"},
	"timeZone as an offset":                {spec: "mode: Batch\nbatch: {schedule: \"@daily\", timeZone: \"+01:00\"}", field: "spec.batch.timeZone", phrase: "IANA name such as Europe/Berlin"},
	"timeZone of the operator":             {spec: "mode: Batch\nbatch: {schedule: \"@daily\", timeZone: Local}", field: "spec.batch.timeZone", phrase: "IANA name"},
	"history below 0":                      {spec: "mode: Batch\nbatch: {successfulRunsHistoryLimit: -1}", field: "spec.batch.successfulRunsHistoryLimit", phrase: "greater than or equal to 0"},
	"failed history above 100":             {spec: "mode: Batch\nbatch: {failedRunsHistoryLimit: 101}", field: "spec.batch.failedRunsHistoryLimit", phrase: "less than or equal to 100"},
	"autoscaling without a maximum":        {spec: `autoscaling: {minProcesses: 1}`, field: "spec.autoscaling.maxProcesses", phrase: "Required value"},
	"autoscaling to a maximum of 0":        {spec: `autoscaling: {maxProcesses: 0}`, field: "spec.autoscaling.maxProcesses", phrase: "greater than or equal to 1"},
	"autoscaling minimum above maximum":    {spec: `autoscaling: {minProcesses: 5, maxProcesses: 4}`, field: "spec.autoscaling.minProcesses", phrase: "must not be above maxProcesses"},
	"autoscaling minimum below 0":          {spec: `autoscaling: {minProcesses: -1, maxProcesses: 4}`, field: "spec.autoscaling.minProcesses", phrase: "greater than or equal to 0"},
	"targetWait of nothing":                {spec: `autoscaling: {maxProcesses: 4, targetWait: 0s}`, field: "spec.autoscaling.targetWait", phrase: "from 1s to 24h"},
	"targetWait as a number":               {spec: `autoscaling: {maxProcesses: 4, targetWait: 60}`, field: "spec.autoscaling.targetWait", phrase: "must be of type string"},
	"expectedJobTime of nothing":           {spec: `autoscaling: {maxProcesses: 4, expectedJobTime: 0s}`, field: "spec.autoscaling.expectedJobTime", phrase: "from 1ms to 24h"},
	"scale-down window in words":           {spec: `autoscaling: {maxProcesses: 4, scaleDown: {window: slow}}`, field: "spec.autoscaling.scaleDown.window", phrase: "from 0s to 24h"},
	"scale-down step below 0":              {spec: `autoscaling: {maxProcesses: 4, scaleDown: {step: -1}}`, field: "spec.autoscaling.scaleDown.step", phrase: "greater than or equal to 0"},
	"priority too high":                    {spec: `priority: 1001`, field: "spec.priority", phrase: "less than or equal to 1000"},
	"processesPerPod is 0":                 {spec: `processesPerPod: 0`, field: "spec.processesPerPod", phrase: "greater than or equal to 1"},
	"processesPerPod above 64":             {spec: `processesPerPod: 65`, field: "spec.processesPerPod", phrase: "less than or equal to 64"},
	"stopped in words":                     {spec: `stopped: "yes"`, field: "spec.stopped", phrase: "must be of type boolean"},
	"paused is 1":                          {spec: `paused: 1`, field: "spec.paused", phrase: "must be of type boolean"},
	"timeout without a unit":               {spec: `timeout: "90"`, field: "spec.timeout", phrase: "whole seconds such as 60s"},
	"timeout as a number":                  {spec: `timeout: 90`, field: "spec.timeout", phrase: "must be of type string"},
	"timeout empty":                        {spec: `timeout: ""`, field: "spec.timeout", phrase: "whole seconds such as 60s"},
	"timeout in fractions":                 {spec: `timeout: "1.5s"`, field: "spec.timeout", phrase: "whole seconds such as 60s"},
	"timeout in milliseconds":              {spec: `timeout: "500ms"`, field: "spec.timeout", phrase: "whole seconds such as 60s"},
	"timeout negative":                     {spec: `timeout: "-5s"`, field: "spec.timeout", phrase: "whole seconds such as 60s"},
	"timeout in days":                      {spec: `timeout: "1d"`, field: "spec.timeout", phrase: "whole seconds such as 60s"},
	"timeout above 24h":                    {spec: `timeout: 24h1s`, field: "spec.timeout", phrase: "from 0s (no limit) to 24h"},
	"timeout of many hours":                {spec: `timeout: 99999h99999m`, field: "spec.timeout", phrase: "from 0s (no limit) to 24h"},
	"timeout that overflows":               {spec: `timeout: 9999999999999h`, field: "spec.timeout", phrase: "whole seconds such as 60s"},
	"timeout too long a text":              {spec: `timeout: "00000h00000m00060s"`, field: "spec.timeout", phrase: "Too long"},
	"memory below 32Mi":                    {spec: `memory: 31Mi`, field: "spec.memory", phrase: "between 32Mi and 1Ti"},
	"memory as Laravel's number":           {spec: `memory: 128`, field: "spec.memory", phrase: "write 256Mi"},
	"memory as Laravel's number in quotes": {spec: `memory: "128"`, field: "spec.memory", phrase: "write 256Mi"},
	"memory above 1Ti":                     {spec: `memory: 1Pi`, field: "spec.memory", phrase: "between 32Mi and 1Ti"},
	"memory with a wrong unit":             {spec: `memory: 256MB`, field: "spec.memory", phrase: "write 256Mi"},
	"memory in words":                      {spec: `memory: much`, field: "spec.memory", phrase: "write 256Mi"},
	"memory empty":                         {spec: `memory: ""`, field: "spec.memory", phrase: "write 256Mi"},
	"memory negative":                      {spec: `memory: "-256Mi"`, field: "spec.memory", phrase: "between 32Mi and 1Ti"},
	"memory in millibytes":                 {spec: `memory: 256m`, field: "spec.memory", phrase: "between 32Mi and 1Ti"},
	"memory a fraction of a number":        {spec: `memory: 0.5`, field: "spec.memory", phrase: "must be of type"},
	"sleep as long as timeout":             {spec: "timeout: 30s\nsleep: 30s", field: "spec.sleep", phrase: "sleep must be shorter than timeout"},
	"sleep longer than the default":        {spec: `sleep: 60s`, field: "spec.sleep", phrase: "sleep must be shorter than timeout"},
	"timeout below the default sleep":      {spec: `timeout: 2s`, field: "spec.sleep", phrase: "sleep must be shorter than timeout"},
	"sleep above 1h":                       {spec: "timeout: 0s\nsleep: 1h1ms", field: "spec.sleep", phrase: "from 0s to 1h"},
	"sleep in microseconds":                {spec: `sleep: 100us`, field: "spec.sleep", phrase: "such as 3s or 500ms"},
	"rest without a unit":                  {spec: `rest: "1"`, field: "spec.rest", phrase: "such as 1s or 250ms"},
	"rest above 1h":                        {spec: `rest: 61m`, field: "spec.rest", phrase: "from 0s (no pause) to 1h"},
	"tries below 0":                        {spec: `tries: -1`, field: "spec.tries", phrase: "greater than or equal to 0"},
	"tries above 10000":                    {spec: `tries: 10001`, field: "spec.tries", phrase: "less than or equal to 10000"},
	"backoff a single value":               {spec: `backoff: 10s`, field: "spec.backoff", phrase: "must be of type array"},
	"backoff entry without a unit":         {spec: `backoff: ["10"]`, field: "spec.backoff", phrase: "whole seconds such as 10s"},
	"backoff entry in milliseconds":        {spec: `backoff: [10s, 500ms]`, field: "spec.backoff", phrase: "whole seconds such as 10s"},
	"backoff entry empty":                  {spec: `backoff: [""]`, field: "spec.backoff", phrase: "whole seconds such as 10s"},
	"backoff entry a number":               {spec: `backoff: [10]`, field: "spec.backoff[0]", phrase: "must be of type string"},
	"backoff entry above 24h":              {spec: `backoff: [25h]`, field: "spec.backoff", phrase: "from 0s to 24h"},
	"backoff with 21 entries":              {spec: `backoff: [` + strings.Repeat("1s,", 21) + `]`, field: "spec.backoff", phrase: "Too many"},
	"maxJobs below 0":                      {spec: `maxJobs: -1`, field: "spec.maxJobs", phrase: "greater than or equal to 0"},
	"maxJobs above 10000000":               {spec: `maxJobs: 10000001`, field: "spec.maxJobs", phrase: "less than or equal to 10000000"},
	"maxExceptions below 0":                {spec: `maxExceptions: -1`, field: "spec.maxExceptions", phrase: "greater than or equal to 0"},
	"maxExceptions above 10000":            {spec: `maxExceptions: 10001`, field: "spec.maxExceptions", phrase: "less than or equal to 10000"},
	"onFailing unknown":                    {spec: `onFailing: Stop`, field: "spec.onFailing", phrase: `supported values: "Continue", "Pause"`},
	"alerts a list":                        {spec: `alerts: [memory]`, field: "spec.alerts", phrase: "must be of type object"},
	"alert for memory above 200 %":         {spec: `alerts: {memoryPercent: 201}`, field: "spec.alerts.memoryPercent", phrase: "less than or equal to 200"},
	"alert for memory in per cent":         {spec: `alerts: {memoryPercent: 80%}`, field: "spec.alerts.memoryPercent", phrase: "must be of type integer"},
	"memoryFor in milliseconds":            {spec: `alerts: {memoryFor: 500ms}`, field: "spec.alerts.memoryFor", phrase: "whole seconds such as 2m"},
	"memoryFor above 1h":                   {spec: `alerts: {memoryFor: 61m}`, field: "spec.alerts.memoryFor", phrase: "from 0s to 1h"},
	"memoryFor as a number":                {spec: `alerts: {memoryFor: 120}`, field: "spec.alerts.memoryFor", phrase: "must be of type string"},
	"alert for slow jobs above 100 %":      {spec: `alerts: {slowJobPercent: 101}`, field: "spec.alerts.slowJobPercent", phrase: "less than or equal to 100"},
	"alert for failures below 0 %":         {spec: `alerts: {failedPercent: -1}`, field: "spec.alerts.failedPercent", phrase: "greater than or equal to 0"},
	"alert for failures above 100 %":       {spec: `alerts: {failedPercent: 101}`, field: "spec.alerts.failedPercent", phrase: "less than or equal to 100"},
	"alert for failures of too many jobs":  {spec: `alerts: {failedMinimum: 1000001}`, field: "spec.alerts.failedMinimum", phrase: "less than or equal to 1000000"},
	"alert for too many crashes":           {spec: `alerts: {crashes: 1001}`, field: "spec.alerts.crashes", phrase: "less than or equal to 1000"},
	"maxTime in fractions":                 {spec: `maxTime: 0.5h`, field: "spec.maxTime", phrase: "whole seconds such as 1h"},
	"recycle of another kind":              {spec: `{recycle: Node, maxJobs: 5}`, field: "spec.recycle", phrase: "Unsupported value"},
	"recycle Pod without a limit":          {spec: `recycle: Pod`, field: "spec.recycle", phrase: "recycle Pod needs maxJobs or maxTime"},
	"recycle Pod with a limit of nothing":  {spec: `{recycle: Pod, maxTime: 0s}`, field: "spec.recycle", phrase: "recycle Pod needs maxJobs or maxTime"},
	"maxUnavailable of processes":          {spec: `{maxUnavailable: 2, maxJobs: 5}`, field: "spec.maxUnavailable", phrase: "only for recycle Pod"},
	"maxUnavailable 0":                     {spec: `{recycle: Pod, maxJobs: 5, maxUnavailable: 0}`, field: "spec.maxUnavailable", phrase: "greater than or equal to 1"},
	"maxUnavailable above 100":             {spec: `{recycle: Pod, maxJobs: 5, maxUnavailable: 101}`, field: "spec.maxUnavailable", phrase: "less than or equal to 100"},
	"pausedUntil that is no time":          {spec: `pausedUntil: tomorrow`, field: "spec.pausedUntil", phrase: "must be a time such as"},
	"pausedUntil on no day":                {spec: `pausedUntil: "2026-02-30T08:00:00Z"`, field: "spec.pausedUntil", phrase: "must be a time such as"},
	"pausedUntil in no zone":               {spec: `pausedUntil: "2026-03-01T08:00:00+99:99"`, field: "spec.pausedUntil", phrase: "must be a time such as"},
	"maxTime above a week":                 {spec: `maxTime: 169h`, field: "spec.maxTime", phrase: "from 0s (no limit) to 168h"},
	"force in words":                       {spec: `force: always`, field: "spec.force", phrase: "must be of type boolean"},
	"verbose a number":                     {spec: `verbose: 3`, field: "spec.verbose", phrase: "must be of type boolean"},
	"priorityClassName in capitals":        {spec: `priorityClassName: High`, field: "spec.priorityClassName", phrase: "priorityClassName must be the name of a PriorityClass"},
	"cpu is 0":                             {spec: `cpu: 0`, field: "spec.cpu", phrase: "between 1m and 256"},
	"cpu above 256":                        {spec: `cpu: 257`, field: "spec.cpu", phrase: "between 1m and 256"},
	"cpu in words":                         {spec: `cpu: one`, field: "spec.cpu", phrase: "write 250m"},
	"env without a name":                   {spec: `env: [{value: x}]`, field: "spec.env[0].name", phrase: "Required value"},
	"env twice the same name":              {spec: `env: [{name: A, value: x}, {name: A, value: y}]`, field: "spec.env[1]", phrase: "Duplicate value"},
	"env value a number":                   {spec: `env: [{name: A, value: 1}]`, field: "spec.env[0].value", phrase: "must be of type string"},
	"env of the agent":                     {spec: `env: [{name: QUEUEWORKER_CONFIG, value: "{}"}]`, field: "spec.env", phrase: "QUEUEWORKER_"},
	"env from a Secret":                    {spec: `env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]`, field: "spec.env", phrase: "a value from a Secret, a ConfigMap or a file belongs into the QueueApp, into env of a container in its spec.template"},
	"env from an optional Secret":          {spec: `env: [{name: A, value: x}, {name: B, valueFrom: {secretKeyRef: {name: s, key: k, optional: true}}}]`, field: "spec.env", phrase: "belongs into the QueueApp"},
	"env from a ConfigMap":                 {spec: `env: [{name: A, valueFrom: {configMapKeyRef: {name: s, key: k}}}]`, field: "spec.env", phrase: "belongs into the QueueApp"},
	"env from a file":                      {spec: `env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: p, key: k}}}]`, field: "spec.env", phrase: "belongs into the QueueApp"},
	"env from a Secret and a field":        {spec: `env: [{name: A, valueFrom: {fieldRef: {fieldPath: metadata.name}, secretKeyRef: {name: s, key: k}}}]`, field: "spec.env", phrase: "belongs into the QueueApp"},
	"env from nothing":                     {spec: `env: [{name: A, valueFrom: {}}]`, field: "spec.env", phrase: "a plain value, a fieldRef or a resourceFieldRef"},
	"env with value and valueFrom":         {spec: `env: [{name: A, value: x, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]`, field: "spec.env", phrase: "not both"},
	"nodeSelector value a number":          {spec: `nodeSelector: {zone: 1}`, field: "spec.nodeSelector.zone", phrase: "must be of type string"},
	"nodeSelector key with a space":        {spec: `nodeSelector: {"a b": x}`, field: "spec.nodeSelector", phrase: "label names such as"},
	"nodeSelector with 21 labels":          {spec: manyLabels(21), field: "spec.nodeSelector", phrase: "must have at most 20"},
	"toleration of no known effect":        {spec: `tolerations: [{key: a, effect: Never}]`, field: "spec.tolerations", phrase: "NoSchedule, PreferNoSchedule or NoExecute"},
	"toleration of no known operator":      {spec: `tolerations: [{key: a, operator: In}]`, field: "spec.tolerations", phrase: "operator must be Exists or Equal"},
	"toleration that exists with a value":  {spec: `tolerations: [{key: a, operator: Exists, value: b}]`, field: "spec.tolerations", phrase: "no value when its operator is Exists"},
	"toleration without key or operator":   {spec: `tolerations: [{effect: NoSchedule}]`, field: "spec.tolerations", phrase: "operator must be Exists when its key is empty"},
	"tolerationSeconds without NoExecute":  {spec: `tolerations: [{key: a, operator: Exists, effect: NoSchedule, tolerationSeconds: 5}]`, field: "spec.tolerations", phrase: "tolerationSeconds"},
	"gracePeriod 0s":                       {spec: `gracePeriod: 0s`, field: "spec.gracePeriod", phrase: "from 1s to 48h"},
	"gracePeriod above 48h":                {spec: `gracePeriod: 49h`, field: "spec.gracePeriod", phrase: "from 1s to 48h"},
	"gracePeriod in milliseconds":          {spec: `gracePeriod: 1500ms`, field: "spec.gracePeriod", phrase: "whole seconds such as 90s"},
	"name of 51 characters":                {name: strings.Repeat("n", 51), field: "metadata", phrase: "metadata.name must be at most 50 characters"},
}

var refusedQueueApps = map[string]refusal{
	"poolsMay of no such field":        {spec: `poolsMay: [Image]`, field: "spec.poolsMay[0]", phrase: `supported values: "Env", "NodeSelector", "PriorityClassName", "Tolerations"`},
	"poolsMay twice the same":          {spec: `poolsMay: [Env, Env]`, field: "spec.poolsMay[1]", phrase: "Duplicate value"},
	"poolsMay a word":                  {spec: `poolsMay: Env`, field: "spec.poolsMay", phrase: "must be of type array"},
	"runtime unknown":                  {spec: `runtime: Symfony`, field: "spec.runtime", phrase: `supported values: "Laravel", "Custom"`},
	"runtime in lower case":            {spec: `runtime: laravel`, field: "spec.runtime", phrase: `supported values: "Laravel", "Custom"`},
	"template is missing":              {spec: `template: null`, field: "spec.template", phrase: "Required value"},
	"template without containers":      {spec: `template: {spec: {}}`, field: "spec.template.spec.containers", phrase: "Required value"},
	"template with no container":       {spec: `template: {spec: {containers: []}}`, field: "spec.template.spec.containers", phrase: "at least one container"},
	"container without a name":         {spec: `template: {spec: {containers: [{image: x}]}}`, field: "spec.template.spec.containers[0].name", phrase: "Required value"},
	"two containers of one name":       {spec: `template: {spec: {containers: [{name: a, image: x}, {name: a, image: x}]}}`, field: "spec.template.spec.containers[1]", phrase: "Duplicate value"},
	"container name in capitals":       {spec: `container: Worker`, field: "spec.container", phrase: "container must be the name of a container"},
	"container name too long":          {spec: `container: ` + strings.Repeat("c", 64), field: "spec.container", phrase: "Too long"},
	"connection name with a space":     {spec: `connection: {name: "my redis"}`, field: "spec.connection.name", phrase: "connection name must be"},
	"connection name like a flag":      {spec: `connection: {name: "--once"}`, field: "spec.connection.name", phrase: "connection name must be"},
	"connection name too long":         {spec: `connection: {name: ` + strings.Repeat("c", 64) + `}`, field: "spec.connection.name", phrase: "Too long"},
	"connection a text":                {spec: `connection: redis`, field: "spec.connection", phrase: "must be of type object"},
	"connection of a Custom app":       {spec: "runtime: Custom\nconnection: {name: redis}", field: "spec.connection.name", phrase: "only be set when runtime is Laravel"},
	"Redis for a Custom app":           {spec: "runtime: Custom\nconnection: {driver: Redis}", field: "spec.connection.driver", phrase: "must be HTTP or None when runtime is Custom"},
	"driver unknown":                   {spec: `connection: {driver: Kafka}`, field: "spec.connection.driver", phrase: `supported values: "None", "Redis", "Database", "HTTP"`},
	"HTTP without an address":          {spec: `connection: {driver: HTTP}`, field: "spec.connection.http", phrase: "must be set when driver is HTTP"},
	"address without HTTP":             {spec: `connection: {driver: Redis, http: {url: "http://x"}}`, field: "spec.connection.http", phrase: "and only then"},
	"HTTP address of another kind":     {spec: `connection: {driver: HTTP, http: {url: "ftp://x/y"}}`, field: "spec.connection.http.url", phrase: "must be an http or https address"},
	"redis settings for a database":    {spec: `connection: {driver: Database, redis: {host: x}}`, field: "spec.connection.redis", phrase: "may only be set when driver is Redis"},
	"database settings for nobody":     {spec: `connection: {driver: None, database: {name: x}}`, field: "spec.connection.database", phrase: "may not be set when driver is None"},
	"redis host with a space":          {spec: `connection: {driver: Redis, redis: {host: "a b"}}`, field: "spec.connection.redis.host", phrase: "must be a name or an address"},
	"redis port too high":              {spec: `connection: {driver: Redis, redis: {port: 70000}}`, field: "spec.connection.redis.port", phrase: "less than or equal to 65535"},
	"database kind unknown":            {spec: `connection: {driver: Database, database: {kind: Oracle}}`, field: "spec.connection.database.kind", phrase: `supported values: "PostgreSQL", "MySQL"`},
	"retryAfter of nothing":            {spec: `connection: {retryAfter: 0s}`, field: "spec.connection.retryAfter", phrase: "from 1s to 48h"},
	"variable in lower case":           {spec: `connection: {variables: {redis_host: X}}`, field: "spec.connection.variables", phrase: "must map names such as REDIS_PASSWORD"},
	"variable that is a value":         {spec: `connection: {variables: {REDIS_HOST: "redis.example.com"}}`, field: "spec.connection.variables", phrase: "names of environment variables"},
	"cap of nothing":                   {spec: `maxProcesses: 0`, field: "spec.maxProcesses", phrase: "greater than or equal to 1"},
	"patterns of a Laravel app":        {spec: `patterns: {done: "^done"}`, field: "spec.patterns", phrase: "only be set when runtime is Custom"},
	"patterns without done":            {spec: "runtime: Custom\npatterns: {started: x}", field: "spec.patterns.done", phrase: "Required value"},
	"pattern that is no expression":    {spec: "runtime: Custom\npatterns: {done: \"(\"}", field: "spec.patterns.done", phrase: "regular expression in RE2 syntax"},
	"patterns with an empty done":      {spec: "runtime: Custom\npatterns: {done: \"\"}", field: "spec.patterns.done", phrase: "at least 1 char"},
	"pattern too long":                 {spec: "runtime: Custom\npatterns: {done: " + strings.Repeat("x", 513) + "}", field: "spec.patterns.done", phrase: "Too long"},
	"agentUpgrade unknown":             {spec: `agentUpgrade: Never`, field: "spec.agentUpgrade", phrase: `supported values: "WithTemplate", "Now"`},
	"termination grace in words":       {spec: `template: {spec: {containers: [{name: a}], terminationGracePeriodSeconds: long}}`, field: "spec.template.spec.terminationGracePeriodSeconds", phrase: "must be of type integer"},
	"memory limit that is no number":   {spec: `template: {spec: {containers: [{name: a, resources: {limits: {memory: lots}}}]}}`, field: "spec.template.spec.containers[0].resources.limits.memory", phrase: "should match"},
	"name of a QueueApp of 51 letters": {name: strings.Repeat("n", 51), field: "metadata", phrase: "metadata.name must be at most 50 characters"},
}

func manyLabels(n int) string {
	lines := []string{"nodeSelector:"}
	for i := range n {
		lines = append(lines, "  label-"+string(rune('a'+i))+": x")
	}
	return strings.Join(lines, "\n")
}

func TestWrongQueueWorkersAreRefused(t *testing.T) {
	testRefusals(t, "QueueWorker", refusedQueueWorkers)
}

func TestWrongQueueAppsAreRefused(t *testing.T) {
	testRefusals(t, "QueueApp", refusedQueueApps)
}

func testRefusals(t *testing.T, kind string, cases map[string]refusal) {
	namespace := newNamespace(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if tc.name == "" {
				tc.name = "emails"
			}
			object := manifest(t, kind, namespace, tc.name, tc.spec)
			requireRefused(t, api.Create(t.Context(), object), tc.field, tc.phrase)
		})
	}
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("queueworker.dev/v1alpha1")
	list.SetKind(kind + "List")
	if err := api.List(t.Context(), list, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 0 {
		t.Errorf("%d objects exist though each was refused", len(list.Items))
	}
}

func TestAWrongChangeLeavesTheObjectAsItWas(t *testing.T) {
	namespace := newNamespace(t)
	good := manifest(t, "QueueWorker", namespace, "emails", `{processes: 2}`)
	if err := api.Create(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	for name, tc := range refusedQueueWorkers {
		if tc.name != "" {
			continue // A name cannot change.
		}
		t.Run(name, func(t *testing.T) {
			wrong := manifest(t, "QueueWorker", namespace, "emails", tc.spec)
			wrong.SetResourceVersion(good.GetResourceVersion())
			requireRefused(t, api.Update(t.Context(), wrong), tc.field, tc.phrase)
			now := good.DeepCopy()
			if err := api.Get(t.Context(), client.ObjectKeyFromObject(good), now); err != nil {
				t.Fatal(err)
			}
			if now.GetResourceVersion() != good.GetResourceVersion() {
				t.Errorf("the object changed: %v", now.Object["spec"])
			}
		})
	}
}
