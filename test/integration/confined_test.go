// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/controlplane"
)

// policies is the directory of the admission policies that are installed with the
// operator.
const policies = "../../config/admission"

// confineOperators applies the shipped policies to the operators of the tests, under
// other names. So the whole suite shows that the operator works with them. It returns
// when they are in force.
func confineOperators(ctx context.Context) error {
	paths, err := filepath.Glob(filepath.Join(policies, "*.yaml"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for document := range strings.SplitSeq(string(raw), "\n---\n") {
			if err := confine(ctx, document); err != nil {
				return fmt.Errorf("install %s: %w", path, err)
			}
		}
	}
	return confined(ctx)
}

// confine installs one policy or binding.
func confine(ctx context.Context, document string) error {
	var kind metav1.TypeMeta
	if err := yaml.Unmarshal([]byte(document), &kind); err != nil {
		return err
	}
	switch kind.Kind {
	case "ValidatingAdmissionPolicy":
		policy := &admissionregistrationv1.ValidatingAdmissionPolicy{}
		if err := yaml.UnmarshalStrict([]byte(document), policy); err != nil {
			return err
		}
		policy.Name = "test-" + policy.Name
		policy.Spec.MatchConditions[0].Expression = "'" + controlplane.OperatorGroup + "' in request.userInfo.groups"
		return api.Create(ctx, policy)
	case "ValidatingAdmissionPolicyBinding":
		binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{}
		if err := yaml.UnmarshalStrict([]byte(document), binding); err != nil {
			return err
		}
		binding.Name, binding.Spec.PolicyName = "test-"+binding.Name, "test-"+binding.Spec.PolicyName
		return api.Create(ctx, binding)
	}
	return nil
}

// trialPod is a pod that exists while the policies come into force.
const trialPod = "trial"

// confined waits until the API server enforces each policy.
func confined(ctx context.Context) error {
	intruder, err := newIntruder(ctx)
	if err != nil {
		return err
	}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: trialPod},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: builders.Image}}},
	}
	if err := api.Create(ctx, pod); err != nil {
		return err
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		last = policiesInForce(ctx, intruder)
		return last == nil, nil
	})
	return errors.Join(err, last, api.Delete(ctx, pod, client.GracePeriodSeconds(0)))
}
