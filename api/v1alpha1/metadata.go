// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Labels and annotations of the objects that belong to a QueueWorker.
const (
	// LabelName is the QueueWorker that an object belongs to.
	LabelName = GroupName + "/name"
	// LabelApp is the QueueApp that a pod runs.
	LabelApp = GroupName + "/app"
	// LabelComponent is the role of a QueueApp's object: backlog (the backlog probe) or
	// command (a QueueCommand). On the operator's own Deployment it is operator.
	LabelComponent = GroupName + "/component"
	// LabelCommand is the QueueCommand that a Job or pod belongs to.
	LabelCommand = GroupName + "/command"
	// LabelManagedBy is a standard label. Its value here is ManagedBy.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "queueworker"

	// AnnotationRestartedAt on a QueueWorker restarts all its processes, and on a pod the
	// processes of the pod: gracefully, once per new value. The value is opaque; a timestamp
	// is customary.
	AnnotationRestartedAt = GroupName + "/restartedAt"
	// AnnotationResumedAt on a QueueWorker ends a pause by spec.onFailing, once per new
	// value. The value is opaque; a timestamp is customary.
	AnnotationResumedAt = GroupName + "/resumedAt"
	// AnnotationRecreatedAt on a QueueWorker replaces all its pods, like a rollout, once per
	// new value. The value is opaque; a timestamp is customary.
	AnnotationRecreatedAt = GroupName + "/recreatedAt"
	// AnnotationPaused on a pod, with the value AnnotationTrue, pauses only this pod.
	AnnotationPaused = GroupName + "/paused"
	// AnnotationRetire on a pod, with the value AnnotationTrue, makes it the first pod to
	// remove when its pool shrinks. If the pool does not shrink, the pod is replaced.
	AnnotationRetire = GroupName + "/retire"
	// AnnotationTrue is the value that switches AnnotationPaused and AnnotationRetire on.
	AnnotationTrue = "true"
	// AnnotationKillAt on a QueueWorker kills all its processes, and on a pod the processes
	// of the pod: at once, in the middle of their jobs, once per new value. The value is
	// opaque; a timestamp is customary.
	AnnotationKillAt = GroupName + "/killAt"
	// AnnotationRunAt on a QueueWorker of mode Batch starts a run, once per new value.
	// The value is opaque; a timestamp is customary.
	AnnotationRunAt = GroupName + "/runAt"
	// AnnotationControl on a pod carries the control document for its agent.
	AnnotationControl = GroupName + "/control"
	// AnnotationCordonedAt on a pod is when the operator cordoned it, as RFC 3339. A pod
	// whose agent is still silent long after that is removed nevertheless.
	AnnotationCordonedAt = GroupName + "/cordonedAt"
	// AnnotationBegun on a Job is set when the operator resumes the Job. A Job that is
	// suspended after that is not resumed again, because its command may have run.
	AnnotationBegun = GroupName + "/begun"
	// AnnotationOperator on the pod of a backlog probe holds the pin by which the probe
	// recognizes the operator: the SHA-256, as hexadecimal digits, of the operator's public
	// key.
	AnnotationOperator = GroupName + "/operator"
	// AnnotationFailedKey on the pod of a backlog probe older than AnnotationOperator is the
	// SHA-256, as hexadecimal digits, of the key that lets its owner list failed jobs.
	AnnotationFailedKey = GroupName + "/failed-key"
	// AnnotationAppliedHash on a child is the hash of the last state that the operator
	// applied, so that an unchanged child is not written again.
	AnnotationAppliedHash = GroupName + "/applied-hash"
	// AnnotationTemplateHash on a Deployment is the hash of its pod template
	// without the agent's image.
	AnnotationTemplateHash = GroupName + "/template-hash"
)

// FieldManager is the field manager of the operator's writes.
const FieldManager = "queueworker-operator"

// CLIFieldManager is the field manager of writes by kubectl queueworker.
const CLIFieldManager = "queueworker-cli"
