// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/console/survey"
	"queueworker.dev/queueworker/plugin/cli"
	"queueworker.dev/queueworker/test/fakecluster"
)

// TestALabelMakesNoOperator: another tenant creates Deployments with the operator's
// label. doctor, version and report must not take them for operators.
func TestALabelMakesNoOperator(t *testing.T) {
	const operator = "queueworker-system/queueworker"
	for name, tc := range map[string]struct {
		accounts []string
		claims   []client.Object
		want     []string
		// wrong are the failed checks of doctor.
		wrong   []string
		version string
	}{
		"a dead one beside the operator": {
			[]string{operator},
			[]client.Object{fakecluster.Claiming("queueworker-system", 1), fakecluster.Claiming("another-tenant", 0)},
			[]string{operator}, nil, "Operator: queueworker:queueworker-system in",
		},
		"a question that the cluster refuses": {
			[]string{operator},
			[]client.Object{fakecluster.Claiming("another-tenant", 1, "--watch-namespaces=a/b"), fakecluster.Claiming("queueworker-system", 1)},
			[]string{operator}, nil, "Operator: queueworker:queueworker-system in",
		},
		"one that runs, and no operator": {
			[]string{operator}, []client.Object{fakecluster.Claiming("another-tenant", 1)},
			nil, []string{"OperatorRuns"}, "no operator is installed",
		},
		"a caller who may not ask": {
			nil, []client.Object{fakecluster.Claiming("queueworker-system", 1), fakecluster.Claiming("another-tenant", 0)},
			nil, nil, "you may not create subjectaccessreviews",
		},
	} {
		t.Run(name, func(t *testing.T) {
			cluster, _ := fakecluster.Trusting(t, tc.accounts, tc.claims...)
			in := doctor.Input{Namespace: "shop", Kinds: []string{"queueapps", "queuecommands", "queueworkers"}}
			operators, unproven, err := survey.Operators(t.Context(), cluster.Client, in)
			in.Operators, in.Unproven, in.OperatorsError = operators, unproven, err
			var got, wrong []string
			for i := range operators {
				got = append(got, operators[i].Namespace+"/"+operators[i].Name)
			}
			if in.Theirs, err = survey.Powers(t.Context(), cluster.Client, in); err != nil {
				t.Fatal(err)
			}
			for _, finding := range doctor.Examine(in) {
				if finding.Level == doctor.Wrong || finding.Check == "OneOperator" {
					wrong = append(wrong, finding.Check)
				}
			}
			if !slices.Equal(got, tc.want) || !slices.Equal(wrong, tc.wrong) {
				t.Errorf("operators %v, want %v; wrong %v, want %v", got, tc.want, wrong, tc.wrong)
			}
			var out bytes.Buffer
			if err := printOperators(t.Context(), &cli.Deps{Streams: genericiooptions.IOStreams{Out: &out}}, cluster); err != nil {
				out.WriteString(err.Error())
			}
			if !strings.Contains(out.String(), tc.version) || strings.Contains(out.String(), "another-tenant") {
				t.Errorf("version says %q, want %q", out.String(), tc.version)
			}
		})
	}
}
