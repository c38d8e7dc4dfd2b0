// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Labels and annotations of the objects made for a QueueWorker.
const (
	// LabelName is the QueueWorker an object belongs to.
	LabelName = GroupName + "/name"
	// LabelApp is the QueueApp a pod runs.
	LabelApp = GroupName + "/app"
	// LabelComponent is what an object made for a QueueApp is part of: backlog, the
	// backlog probe, or command, a QueueCommand; of the operator's own Deployment it is
	// operator.
	LabelComponent = GroupName + "/component"
	// LabelCommand is the QueueCommand a Job or pod belongs to.
	LabelCommand = GroupName + "/command"
	// LabelManagedBy is the standard label whose value here is ManagedBy.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy.
	ManagedBy = "queueworker"

	// AnnotationRestartedAt on a QueueWorker restarts all its processes, on a pod
	// those of the pod: gracefully, once per new value. The value is opaque; a
	// timestamp is customary.
	AnnotationRestartedAt = GroupName + "/restartedAt"
	// AnnotationResumedAt on a QueueWorker ends a pause made by spec.onFailing, once per
	// new value. The value is opaque; a timestamp is customary.
	AnnotationResumedAt = GroupName + "/resumedAt"
	// AnnotationRecreatedAt on a QueueWorker replaces all its pods, as a rollout does,
	// once per new value. The value is opaque; a timestamp is customary.
	AnnotationRecreatedAt = GroupName + "/recreatedAt"
	// AnnotationPaused on a pod, with the value AnnotationTrue, pauses this pod alone.
	AnnotationPaused = GroupName + "/paused"
	// AnnotationRetire on a pod, with the value AnnotationTrue, makes it the first to
	// go when its pool becomes smaller; if it does not, the pod is replaced.
	AnnotationRetire = GroupName + "/retire"
	// AnnotationTrue is the value that switches AnnotationPaused and AnnotationRetire on.
	AnnotationTrue = "true"
	// AnnotationKillAt on a QueueWorker kills all its processes, on a pod those of the
	// pod: at once, in the middle of their jobs, once per new value. The value is
	// opaque; a timestamp is customary.
	AnnotationKillAt = GroupName + "/killAt"
	// AnnotationRunAt on a QueueWorker of mode Batch starts a run, once per new value.
	// The value is opaque; a timestamp is customary.
	AnnotationRunAt = GroupName + "/runAt"
	// AnnotationControl on a pod carries the control document for its agent.
	AnnotationControl = GroupName + "/control"
	// AnnotationCordonedAt on a pod is when it was cordoned, as RFC 3339: a pod that is
	// still silent long after that is removed all the same.
	AnnotationCordonedAt = GroupName + "/cordonedAt"
	// AnnotationBegun on a Job is set when the Job is let go: one that is suspended after
	// that is not let go again, since its command may have run.
	AnnotationBegun = GroupName + "/begun"
	// AnnotationOperator on the pod of a backlog probe holds the pin by which the probe
	// knows the operator: the SHA-256, as hexadecimal digits, of the operator's public key.
	AnnotationOperator = GroupName + "/operator"
	// AnnotationFailedKey on the pod of a backlog probe from before AnnotationOperator is
	// the SHA-256, as hexadecimal digits, of the key that the probe lists failed jobs to.
	AnnotationFailedKey = GroupName + "/failed-key"
	// AnnotationAppliedHash on a child is the hash of what the operator last
	// applied, so that an unchanged child is not written again.
	AnnotationAppliedHash = GroupName + "/applied-hash"
	// AnnotationTemplateHash on a Deployment is the hash of its pod template
	// without the agent's image.
	AnnotationTemplateHash = GroupName + "/template-hash"
)

// FieldManager is the field manager of the operator's writes.
const FieldManager = "queueworker-operator"

// CLIFieldManager is the field manager of what users write with kubectl queueworker.
const CLIFieldManager = "queueworker-cli"
