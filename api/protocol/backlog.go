// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// BacklogPath is where a backlog probe answers the operator, which POSTs a BacklogRequest
// and receives a Backlog. Asking changes nothing in the backend.
const BacklogPath = "/backlog"

// ProbeEnv is the environment variable of the probe's container that holds its
// ProbeConfig as JSON.
const ProbeEnv = "QUEUEWORKER_PROBE"

// MaxBacklogBytes bounds a Backlog document; the operator refuses a larger one.
const MaxBacklogBytes = 1 << 20

// MaxBacklogQueues is how many queues one request may ask for.
const MaxBacklogQueues = 1000

// Driver is the kind of backend that holds an application's queues.
type Driver string

// The drivers.
const (
	// DriverRedis: lists and sorted sets in Redis or a server that speaks its protocol.
	DriverRedis Driver = "Redis"
	// DriverDatabase: the jobs table in PostgreSQL, MySQL or MariaDB.
	DriverDatabase Driver = "Database"
	// DriverHTTP: an endpoint of the user's that answers for any other backend.
	DriverHTTP Driver = "HTTP"
)

// ProbeConfig is what a backlog probe is told when its pod is created. A change replaces
// the pod. For an empty field, the probe reads the environment variables of its
// container, as the application does. They are the variables of the worker container.
type ProbeConfig struct {
	// Version is the protocol version.
	Version int `json:"version"`
	// Namespace and App identify the QueueApp; they label metrics.
	Namespace string `json:"namespace"`
	App       string `json:"app"`
	// Driver is the kind of backend.
	Driver Driver `json:"driver"`
	// Runtime is the name of a runtime of package runtimes, which decides where in the
	// backend the jobs are; empty means the default runtime.
	Runtime string `json:"runtime,omitempty"`
	// RetryAfterSeconds is the time after which a job that was taken and not finished is
	// given out again. In Redis the backend itself knows this time.
	RetryAfterSeconds int64 `json:"retryAfterSeconds"`
	// Variables maps the name of a standard environment variable to the variable that
	// replaces it: {"REDIS_PASSWORD": "QUEUE_REDIS_PASSWORD"}.
	Variables map[string]string `json:"variables,omitempty"`
	// Redis, Database and HTTP are explicit settings. Only the settings of Driver count.
	Redis    *RedisBackend    `json:"redis,omitempty"`
	Database *DatabaseBackend `json:"database,omitempty"`
	HTTP     *HTTPBackend     `json:"http,omitempty"`
}

// RedisBackend describes where the queues are in Redis; empty fields come from the
// environment.
type RedisBackend struct {
	// Host is a name or address, with tls:// in front for TLS, or the path of a socket.
	Host string `json:"host,omitempty"`
	// Port is the TCP port.
	Port int32 `json:"port,omitempty"`
	// Database is the number of the Redis database.
	Database *int32 `json:"database,omitempty"`
	// Prefix is the text that the application's Redis client puts in front of every key.
	Prefix *string `json:"prefix,omitempty"`
	// InsecureSkipVerify accepts any certificate of a TLS server.
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}

// DatabaseKind is the kind of an SQL server.
type DatabaseKind string

// The kinds of SQL servers; MariaDB counts as MySQL.
const (
	DatabasePostgreSQL DatabaseKind = "PostgreSQL"
	DatabaseMySQL      DatabaseKind = "MySQL"
)

// DatabaseBackend describes where the jobs table is; empty fields come from the environment.
type DatabaseBackend struct {
	Kind DatabaseKind `json:"kind,omitempty"`
	Host string       `json:"host,omitempty"`
	Port int32        `json:"port,omitempty"`
	// Name is the name of the database.
	Name string `json:"name,omitempty"`
	// Schema is the PostgreSQL schema of the tables.
	Schema string `json:"schema,omitempty"`
	// Table and FailedTable are the full names of the tables, including any prefix.
	Table       string `json:"table,omitempty"`
	FailedTable string `json:"failedTable,omitempty"`
}

// HTTPBackend describes the endpoint to ask.
type HTTPBackend struct {
	// URL is an http or https address.
	URL string `json:"url"`
	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}

// BacklogRequest names the queues to measure.
type BacklogRequest struct {
	// Queues are the names as a worker is given them, without duplicates.
	Queues []string `json:"queues"`
	// SoonSeconds is the time span that QueueDepth.DueSoon counts.
	SoonSeconds float64 `json:"soonSeconds,omitempty"`
}

// BacklogError is the reason why a backend could not be read.
type BacklogError string

// The reasons why a backend, or one queue of it, cannot be read.
const (
	// BacklogMisconfigured: a setting is missing or makes no sense.
	BacklogMisconfigured BacklogError = "Misconfigured"
	// BacklogUnreachable: there is no connection, it broke, or no answer came in time.
	BacklogUnreachable BacklogError = "Unreachable"
	// BacklogDenied: the server refused the credentials or the command.
	BacklogDenied BacklogError = "Denied"
	// BacklogNotFound: the database or table does not exist.
	BacklogNotFound BacklogError = "NotFound"
	// BacklogUnreadable: the probe does not understand the server's answer.
	BacklogUnreadable BacklogError = "Unreadable"
)

// Backlog is the result of a probe's measurement.
type Backlog struct {
	// Version is the protocol version the probe speaks.
	Version int `json:"version"`
	// Probe is the probe's own version.
	Probe string `json:"probe,omitempty"`
	// PodUID is the UID of the probe's pod.
	PodUID string `json:"podUID"`
	// Backend says in words what the probe asks, without any secret, such as "Redis
	// 7.0.15 at redis:6379, database 0, key prefix laravel_database_".
	Backend string `json:"backend,omitempty"`
	// Reason is why nothing could be measured; empty if something was measured. Message
	// is a sentence with the cause and what to do, without any secret.
	Reason  BacklogError `json:"reason,omitempty"`
	Message string       `json:"message,omitempty"`
	// AgeSeconds is how long ago the measurement was taken.
	AgeSeconds float64 `json:"ageSeconds"`
	// Queues are the requested queues, in the order of the request; empty if Reason is set.
	Queues []QueueDepth `json:"queues,omitempty"`
}

// QueueDepth says what one queue holds. The Database driver must read each job to count
// it. It stops at 100,000 jobs of a queue, or fewer if many queues are requested, and
// counts only the jobs it has read.
type QueueDepth struct {
	// Queue is the name of the queue.
	Queue string `json:"queue"`
	// Reason and Message say why only this queue could not be measured.
	Reason  BacklogError `json:"reason,omitempty"`
	Message string       `json:"message,omitempty"`
	// Ready is the number of jobs that a worker could take now. It includes delayed jobs
	// that are due and jobs that were abandoned by a worker that died.
	Ready int64 `json:"ready"`
	// Delayed is the number of jobs that are not due yet.
	Delayed int64 `json:"delayed"`
	// Reserved is the number of jobs that workers are working on.
	Reserved int64 `json:"reserved"`
	// DueSoon is the number of delayed jobs that are due within SoonSeconds.
	DueSoon int64 `json:"dueSoon,omitempty"`
	// OldestSeconds is how long the oldest ready job has been ready, or a lower bound of
	// it; absent if there is no ready job or the backend does not know.
	OldestSeconds *float64 `json:"oldestSeconds,omitempty"`
	// NextDueSeconds is the time until a delayed job is due or a reserved job counts as
	// abandoned, whichever is first; absent if there is no such job.
	NextDueSeconds *float64 `json:"nextDueSeconds,omitempty"`
	// Failed is the number of the queue's jobs that failed for good and are kept, among
	// the latest 10,000 of all queues; absent if the backend does not know.
	Failed *int64 `json:"failed,omitempty"`
	// MaxTimeoutSeconds is the longest timeout that a sampled waiting job sets for itself.
	// The probe samples once a minute. It is absent if no sampled job sets a timeout.
	MaxTimeoutSeconds *int64 `json:"maxTimeoutSeconds,omitempty"`
}
