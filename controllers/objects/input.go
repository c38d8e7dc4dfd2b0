// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	policyv1ac "k8s.io/client-go/applyconfigurations/policy/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/v1alpha1"
)

// Input holds everything that decides the objects of a pool.
type Input struct {
	Worker *v1alpha1.QueueWorker
	App    *v1alpha1.QueueApp
	// Most is the largest number of processes that the pool is expected to have.
	Most int32
	// Replicas is how many pods the Deployment, or the run, shall have.
	Replicas int32
	// Run is the run to start; empty if none.
	Run string
	// Control is the pool's control document.
	Control protocol.Control
	// OperatorPin is the pin by which the pool's agents know the operator.
	OperatorPin string
	// AgentImage is the agent image of this operator.
	AgentImage string
	// Live is the pool's present Deployment; nil if there is none.
	Live *appsv1.Deployment
	// Runs are the pool's present runs.
	Runs []*batchv1.Job
}

// Objects are the objects that a pool should have.
type Objects struct {
	ConfigMap  *corev1ac.ConfigMapApplyConfiguration
	Deployment *appsv1ac.DeploymentApplyConfiguration
	// Run is the Job to create; nil if none. A Deployment and runs exclude each other.
	Run *batchv1.Job
	// PodDisruptionBudget is nil if the pool should have none.
	PodDisruptionBudget *policyv1ac.PodDisruptionBudgetApplyConfiguration

	// Grace is the termination grace period of the pods.
	Grace time.Duration
	// Findings are the promises that the pool cannot keep with its configuration.
	Findings []effective.Problem
	// NotPermitted is a setting of the pool that the pool may not decide; nil if there
	// is none.
	NotPermitted *effective.Problem
}
