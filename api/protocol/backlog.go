// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// BacklogPath is where a backlog probe answers the operator: POST a BacklogRequest, get a
// Backlog. Asking changes nothing in the backend.
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

// ProbeConfig is what a backlog probe is told when its pod is made. A change
// replaces the pod. What a field does not say the probe finds as the application
// does: in the environment variables of its container, which are the worker's.
type ProbeConfig struct {
	// Version is the protocol version.
	Version int `json:"version"`
	// Namespace and App are the QueueApp's; they label metrics.
	Namespace string `json:"namespace"`
	App       string `json:"app"`
	// Driver is the kind of backend.
	Driver Driver `json:"driver"`
	// RetryAfterSeconds is after how long a job that was taken and not finished is
	// given out again; for Redis the backend itself knows it.
	RetryAfterSeconds int64 `json:"retryAfterSeconds"`
	// Variables say which of the container's environment variables stands for a
	// standard one: {"REDIS_PASSWORD": "QUEUE_REDIS_PASSWORD"}.
	Variables map[string]string `json:"variables,omitempty"`
	// Redis, Database and HTTP are the settings given explicitly, of which the
	// driver's own counts.
	Redis    *RedisBackend    `json:"redis,omitempty"`
	Database *DatabaseBackend `json:"database,omitempty"`
	HTTP     *HTTPBackend     `json:"http,omitempty"`
}

// RedisBackend is where the queues are in Redis; empty fields come from the environment.
type RedisBackend struct {
	// Host is a name or address, with tls:// in front for TLS, or the path of a socket.
	Host string `json:"host,omitempty"`
	// Port is the TCP port.
	Port int32 `json:"port,omitempty"`
	// Database is the number of the Redis database.
	Database *int32 `json:"database,omitempty"`
	// Prefix is put in front of every key by the application's Redis client.
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

// DatabaseBackend is where the jobs table is; empty fields come from the environment.
type DatabaseBackend struct {
	Kind DatabaseKind `json:"kind,omitempty"`
	Host string       `json:"host,omitempty"`
	Port int32        `json:"port,omitempty"`
	// Name is the name of the database.
	Name string `json:"name,omitempty"`
	// Schema is the PostgreSQL schema of the tables.
	Schema string `json:"schema,omitempty"`
	// Table and FailedTable are the full names of the tables, prefix included.
	Table       string `json:"table,omitempty"`
	FailedTable string `json:"failedTable,omitempty"`
}

// HTTPBackend is the endpoint to ask.
type HTTPBackend struct {
	// URL is an http or https address.
	URL string `json:"url"`
	// InsecureSkipVerify accepts any certificate.
	InsecureSkipVerify bool `json:"insecureSkipVerify,omitempty"`
}

// BacklogRequest names the queues to be measured.
type BacklogRequest struct {
	// Queues are the names as a worker is given them, without repetition.
	Queues []string `json:"queues"`
	// SoonSeconds is the span of time QueueDepth.DueSoon speaks of.
	SoonSeconds float64 `json:"soonSeconds,omitempty"`
}

// BacklogError is why a backend could not be read.
type BacklogError string

// The reasons for which a backend, or one queue of it, cannot be read.
const (
	// BacklogMisconfigured: a setting is missing or makes no sense.
	BacklogMisconfigured BacklogError = "Misconfigured"
	// BacklogUnreachable: no connection, or it broke, or no answer in time.
	BacklogUnreachable BacklogError = "Unreachable"
	// BacklogDenied: the server refused the credentials or the command.
	BacklogDenied BacklogError = "Denied"
	// BacklogNotFound: the database or table does not exist.
	BacklogNotFound BacklogError = "NotFound"
	// BacklogUnreadable: the server answered something that is not understood.
	BacklogUnreadable BacklogError = "Unreadable"
)

// Backlog is what a probe measured.
type Backlog struct {
	// Version is the protocol version the probe speaks.
	Version int `json:"version"`
	// Probe is the probe's own version.
	Probe string `json:"probe,omitempty"`
	// PodUID is the UID of the probe's pod.
	PodUID string `json:"podUID"`
	// Backend says in words what is asked, without any secret, such as
	// "Redis 7.0.15 at redis:6379, database 0, key prefix laravel_database_".
	Backend string `json:"backend,omitempty"`
	// Reason is why nothing could be measured; empty if something was. Message is the
	// cause in a sentence and what to do, without any secret.
	Reason  BacklogError `json:"reason,omitempty"`
	Message string       `json:"message,omitempty"`
	// AgeSeconds is how long ago the measurement was taken.
	AgeSeconds float64 `json:"ageSeconds"`
	// Queues are the queues asked for, in that order; empty if Reason is set.
	Queues []QueueDepth `json:"queues,omitempty"`
}

// QueueDepth is what one queue holds. A driver that has to look at each job to count
// them (Database) stops at 100,000 of a queue, or fewer where many queues are asked
// for, and counts no more than it looked at.
type QueueDepth struct {
	// Queue is its name.
	Queue string `json:"queue"`
	// Reason and Message say why this queue alone could not be measured.
	Reason  BacklogError `json:"reason,omitempty"`
	Message string       `json:"message,omitempty"`
	// Ready is the number of jobs a worker could take now, with delayed ones that are
	// due and those that were abandoned by a worker that died.
	Ready int64 `json:"ready"`
	// Delayed is the number of jobs that are not due yet.
	Delayed int64 `json:"delayed"`
	// Reserved is the number of jobs being worked on.
	Reserved int64 `json:"reserved"`
	// DueSoon is the number of delayed jobs that are due within SoonSeconds.
	DueSoon int64 `json:"dueSoon,omitempty"`
	// OldestSeconds is how long the oldest ready job has been ready, or at least that;
	// absent if there is none or the backend does not tell.
	OldestSeconds *float64 `json:"oldestSeconds,omitempty"`
	// NextDueSeconds is in how long the next job becomes ready by itself: a delayed one
	// that is due, or a reserved one that counts as abandoned; absent if there is none.
	NextDueSeconds *float64 `json:"nextDueSeconds,omitempty"`
	// Failed is the number of jobs that failed for good and are kept, among the latest
	// 10,000 of all queues; absent where the backend does not know.
	Failed *int64 `json:"failed,omitempty"`
	// MaxTimeoutSeconds is the longest timeout of their own among the waiting jobs that
	// were sampled, which happens once a minute; absent if none has one.
	MaxTimeoutSeconds *int64 `json:"maxTimeoutSeconds,omitempty"`
}
