// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// ConfigEnv is the environment variable that holds the Config as JSON. The
// operator doubles every dollar sign in it, which the kubelet undoes, so that
// nothing in it is taken for a variable.
const ConfigEnv = "QUEUEWORKER_CONFIG"

// PodNameEnv and PodUIDEnv are the environment variables that tell the agent
// which pod it is in.
const (
	PodNameEnv = "QUEUEWORKER_POD_NAME"
	PodUIDEnv  = "QUEUEWORKER_POD_UID"
)

// Paths and the port of a worker pod. BinaryDir and StateDir are emptyDirs: the
// init container copies the agent to BinaryPath, and the agent keeps the counts
// of its pod in StateDir so that they survive a restart of its container.
const (
	BinaryDir  = "/queueworker/bin"
	BinaryPath = BinaryDir + "/agent"
	StateDir   = "/queueworker/state"
	// Port is the port that agent and backlog probe serve MetricsPath, HealthPath and
	// ReadyPath on to anyone, by plain HTTP; the agent also serves Status.Public there.
	// PortName is its name in the pod.
	Port     = 9797
	PortName = "queueworker"
	// HealthPort serves HealthPath and ReadyPath alone, by plain HTTP, so that the kubelet
	// is answered however busy the other ports are. HealthPortName is its name in the pod.
	HealthPort     = 9798
	HealthPortName = "queueworker-up"
	// OperatorPort serves the operator, by TLS; see package trust. A pod that does not
	// name OperatorPortName among its ports is of an older operator and serves everything
	// on Port.
	OperatorPort     = 9799
	OperatorPortName = "queueworker-tls"
	// PodUIDHeader is the header of each request to OperatorPort that names the pod which
	// the operator means, by its UID. Agent and backlog probe take the operator for a
	// stranger if the header is absent or names another pod, because a pod that the
	// operator asks can pass the whole connection on to another.
	PodUIDHeader = "Queueworker-Pod-Uid"
	// TerminationMessageFlag is the flag of the agent that says where the container's
	// termination message is, if not at the usual place.
	TerminationMessageFlag = "termination-message"
)

// CodeInterrupted is the exit code of an agent of a batch run that is ended before
// the run is, so that its pod counts as failed and another takes its place.
const CodeInterrupted = 75

// Runtimes that a Config may name.
const (
	RuntimeLaravel = "Laravel"
	RuntimeCustom  = "Custom"
)

// RecyclePod is the value of Config.Recycle with which pods are replaced, not processes.
const RecyclePod = "Pod"

// Config is what an agent runs. Every number is final: the operator has applied
// defaults and derived limits.
type Config struct {
	// Version is the protocol version.
	Version int `json:"version"`

	// Namespace and Name are the QueueWorker's, App is its QueueApp's name; they
	// label metrics.
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	App       string `json:"app"`

	// Runtime is RuntimeLaravel or RuntimeCustom.
	Runtime string `json:"runtime"`

	// Command is, for Laravel, a wrapper to put in front of `php ... artisan`
	// (usually empty), for Custom the whole command with its arguments. It is not
	// part of the document: it stands behind `run --` in the agent's arguments,
	// where the kubelet expands $(VARIABLES) as it does in any command.
	Command []string `json:"-"`

	// Processes is how many processes this pod runs.
	Processes int32 `json:"processes"`

	// Jitter lets each process take up to 10 % off MaxTimeSeconds, so that those of a
	// pool do not all end together; set in pools of more than one process.
	Jitter bool `json:"jitter,omitempty"`

	// Connection is the connection argument of queue:work; empty means none.
	Connection string `json:"connection,omitempty"`
	// Queue is the comma list of queues.
	Queue string `json:"queue"`

	// TimeoutSeconds is how long a job may run; 0 means without limit.
	TimeoutSeconds int64 `json:"timeoutSeconds"`
	// SleepMilliseconds is the pause of an idle worker before it asks again.
	SleepMilliseconds int64 `json:"sleepMilliseconds"`
	// RestMilliseconds is the pause after every job.
	RestMilliseconds int64 `json:"restMilliseconds,omitempty"`
	// Tries is the number of attempts; 0 means without limit.
	Tries int32 `json:"tries"`
	// BackoffSeconds are the waits before retries.
	BackoffSeconds []int64 `json:"backoffSeconds,omitempty"`
	// MaxJobs is after how many jobs a process is replaced; 0 means never.
	MaxJobs int32 `json:"maxJobs,omitempty"`
	// MaxExceptions is after how many final failures in a row a process is replaced; 0
	// means never.
	MaxExceptions int32 `json:"maxExceptions,omitempty"`
	// MaxTimeSeconds is after how long a process is replaced; 0 means never.
	MaxTimeSeconds int64 `json:"maxTimeSeconds,omitempty"`
	// Recycle is RecyclePod where the pod is replaced when a process has reached
	// MaxJobs or MaxTimeSeconds: the worker is not told of them, and the agent reports
	// Worker.RecycleDue. A process that reaches twice as much is replaced in its pod.
	// Empty means that the process is replaced.
	Recycle string `json:"recycle,omitempty"`
	// Force lets workers run in maintenance mode.
	Force bool `json:"force,omitempty"`
	// Verbose adds -v.
	Verbose bool `json:"verbose,omitempty"`

	// MemoryBytes is the memory a process may use before it is replaced after its job.
	MemoryBytes int64 `json:"memoryBytes"`
	// HeapLimitBytes is PHP's memory_limit: 1.25 × MemoryBytes + 32Mi.
	HeapLimitBytes int64 `json:"heapLimitBytes"`
	// RetireBytes is the proportional set size above which the agent replaces a
	// process after its job: HeapLimitBytes + 64Mi.
	RetireBytes int64 `json:"retireBytes"`

	// GraceSeconds is the pod's termination grace period. The agent kills what is
	// left 3 seconds before it ends.
	GraceSeconds int64 `json:"graceSeconds"`

	// Run is the name of the batch run the pod belongs to; empty for a pool that works
	// on. A pod of a run ends well once Control.Finish names it, and with
	// CodeInterrupted if it is ended before.
	Run string `json:"run,omitempty"`
	// StopWhenEmpty lets a process of a run end when it finds its queues empty; it is
	// not started again, and the pod ends when all have. Set where nobody measures
	// what waits.
	StopWhenEmpty bool `json:"stopWhenEmpty,omitempty"`

	// Patterns are a Custom worker's job events.
	Patterns *Patterns `json:"patterns,omitempty"`
}

// Patterns are RE2 expressions with the named groups id, class and milliseconds.
type Patterns struct {
	Started  string `json:"started,omitempty"`
	Done     string `json:"done,omitempty"`
	Failed   string `json:"failed,omitempty"`
	Released string `json:"released,omitempty"`
}
