// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package protocol

// ConfigEnv is the environment variable that holds the Config as JSON. The operator
// doubles every dollar sign in it, and the kubelet undoes this. So the kubelet expands no
// text in it as a variable.
const ConfigEnv = "QUEUEWORKER_CONFIG"

// PodNameEnv and PodUIDEnv are the environment variables that tell the agent its pod.
const (
	PodNameEnv = "QUEUEWORKER_POD_NAME"
	PodUIDEnv  = "QUEUEWORKER_POD_UID"
)

// Paths and ports of a worker pod. BinaryDir and StateDir are emptyDirs. The init
// container copies the agent to BinaryPath. The agent keeps the counts of its pod in
// StateDir, so that they survive a restart of its container.
const (
	BinaryDir  = "/queueworker/bin"
	BinaryPath = BinaryDir + "/agent"
	StateDir   = "/queueworker/state"
	// Port is where the agent and the backlog probe serve MetricsPath, HealthPath and
	// ReadyPath to anyone, by plain HTTP. The agent also serves Status.Public there.
	// PortName is the name of the port in the pod.
	Port     = 9797
	PortName = "queueworker"
	// HealthPort serves only HealthPath and ReadyPath, by plain HTTP, so that the kubelet
	// gets an answer however busy the other ports are. HealthPortName is its name in the
	// pod.
	HealthPort     = 9798
	HealthPortName = "queueworker-up"
	// OperatorPort serves the operator, by TLS; see package trust. A pod without a port
	// named OperatorPortName was created by an older operator and serves everything on Port.
	OperatorPort     = 9799
	OperatorPortName = "queueworker-tls"
	// PodUIDHeader is the header that names, in each request to OperatorPort, the UID of
	// the pod that the operator means. If it is absent or names another pod, the agent
	// and the backlog probe treat the request as a stranger's. Otherwise a pod that the
	// operator asks could relay the whole connection to another pod.
	PodUIDHeader = "Queueworker-Pod-Uid"
	// TerminationMessageFlag is the agent's flag for the path of the container's
	// termination message, if it is not the usual path.
	TerminationMessageFlag = "termination-message"
)

// CodeInterrupted is the exit code of an agent of a batch run that is ended before the
// run is over. It makes its pod count as failed, so that another pod replaces it.
const CodeInterrupted = 75

// RecyclePod is the value of Config.Recycle that replaces pods instead of processes.
const RecyclePod = "Pod"

// Config says what an agent runs. Every number is final, because the operator has applied
// defaults and derived limits.
type Config struct {
	// Version is the protocol version.
	Version int `json:"version"`

	// Namespace and Name identify the QueueWorker, and App is the name of its QueueApp.
	// They label metrics.
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	App       string `json:"app"`

	// Runtime is the name of a runtime of package runtimes.
	Runtime string `json:"runtime"`

	// Command is, for Laravel, a wrapper in front of `php ... artisan`, which is usually
	// empty. For Custom it is the whole command with its arguments. It is not part of the
	// document: it follows `run --` in the agent's arguments, where the kubelet expands
	// $(VARIABLES) as in any command.
	Command []string `json:"-"`

	// Processes is the number of processes in this pod.
	Processes int32 `json:"processes"`

	// Jitter shortens MaxTimeSeconds of each process by up to 10 %, so that the processes
	// of a pool do not all end together. It is set in pools of more than one process.
	Jitter bool `json:"jitter,omitempty"`

	// Connection is the connection argument of queue:work; empty means none.
	Connection string `json:"connection,omitempty"`
	// Queue is the comma-separated list of queues.
	Queue string `json:"queue"`

	// TimeoutSeconds is how long a job may run; 0 means no limit.
	TimeoutSeconds int64 `json:"timeoutSeconds"`
	// SleepMilliseconds is how long an idle worker waits before it asks for a job again.
	SleepMilliseconds int64 `json:"sleepMilliseconds"`
	// RestMilliseconds is the pause after every job.
	RestMilliseconds int64 `json:"restMilliseconds,omitempty"`
	// Tries is the number of attempts; 0 means no limit.
	Tries int32 `json:"tries"`
	// BackoffSeconds are the delays before retries.
	BackoffSeconds []int64 `json:"backoffSeconds,omitempty"`
	// MaxJobs is the number of jobs after which a process is replaced; 0 means never.
	MaxJobs int32 `json:"maxJobs,omitempty"`
	// MaxExceptions is the number of final failures in a row after which a process is
	// replaced; 0 means never.
	MaxExceptions int32 `json:"maxExceptions,omitempty"`
	// MaxTimeSeconds is the time after which a process is replaced; 0 means never.
	MaxTimeSeconds int64 `json:"maxTimeSeconds,omitempty"`
	// Recycle is RecyclePod if a process that reaches MaxJobs or MaxTimeSeconds has its
	// pod replaced. Then the worker does not know these limits, and the agent reports
	// Worker.RecycleDue. A process that reaches twice a limit is replaced within its pod.
	// Empty means that the process is replaced.
	Recycle string `json:"recycle,omitempty"`
	// Force lets workers run in maintenance mode.
	Force bool `json:"force,omitempty"`
	// Verbose adds -v.
	Verbose bool `json:"verbose,omitempty"`

	// MemoryBytes is the memory above which a process is replaced after its job.
	MemoryBytes int64 `json:"memoryBytes"`
	// HeapLimitBytes is PHP's memory_limit: 1.25 × MemoryBytes + 32Mi.
	HeapLimitBytes int64 `json:"heapLimitBytes"`
	// RetireBytes is the proportional set size above which the agent replaces a process
	// after its job: HeapLimitBytes + 64Mi.
	RetireBytes int64 `json:"retireBytes"`

	// GraceSeconds is the pod's termination grace period. The agent kills the remaining
	// processes 3 seconds before it ends.
	GraceSeconds int64 `json:"graceSeconds"`

	// Run is the name of the pod's batch run; empty for a pool without runs. A pod of a
	// run succeeds once Control.Finish names the run. It exits with CodeInterrupted if it
	// is ended earlier.
	Run string `json:"run,omitempty"`
	// StopWhenEmpty lets a process of a run end when its queues are empty. The process is
	// not started again, and the pod ends with its last process. It is set if the backlog
	// is not measured.
	StopWhenEmpty bool `json:"stopWhenEmpty,omitempty"`

	// Patterns recognize a Custom worker's job events.
	Patterns *Patterns `json:"patterns,omitempty"`
}

// Patterns are RE2 expressions with the named groups id, class and milliseconds.
type Patterns struct {
	Started  string `json:"started,omitempty"`
	Done     string `json:"done,omitempty"`
	Failed   string `json:"failed,omitempty"`
	Released string `json:"released,omitempty"`
}
