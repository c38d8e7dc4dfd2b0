// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package view

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// Advice returns what to do about a condition; empty if nothing needs to be done. name is
// the name of the object that has the condition.
func Advice(c *metav1.Condition, name string) string {
	tone := ConditionTone(c)
	if tone == Good || tone == Faint {
		return ""
	}
	if tell, ok := byType[c.Type]; ok {
		return tell(name)
	}
	if tell, ok := advice[c.Reason]; ok {
		return tell(name)
	}
	return "Its events may tell more: kubectl describe queueworker " + name + "."
}

// say returns advice that does not depend on the object's name.
func say(text string) func(string) string { return func(string) string { return text } }

// with returns advice that ends in the object's name and a full stop.
func with(text string) func(string) string {
	return func(name string) string { return text + name + "." }
}

// byType holds the advice for a condition of a type, whatever its reason.
var byType = map[string]func(name string) string{
	v1alpha1.ConditionMemoryHigh:   say("Raise spec.memory if the jobs need it; else look for what they keep in memory, or set spec.maxJobs so that processes are replaced sooner."),
	v1alpha1.ConditionSlowJobs:     say("Raise spec.timeout (and the connection's retry_after above it), or split those jobs up; past the timeout they are killed."),
	v1alpha1.ConditionFailuresHigh: with("See which jobs fail and why: kubectl queueworker failed list, and kubectl queueworker logs "),
}

// advice holds the advice for a condition that reports a problem, by its reason.
var advice = map[string]func(name string) string{
	v1alpha1.ReasonPaused:                 with("To go on: kubectl queueworker resume "),
	v1alpha1.ReasonPausing:                say("Wait until the running jobs are done; kubectl queueworker workers shows them."),
	v1alpha1.ReasonProgressing:            say("Wait; if it takes long, the pods' events tell why: kubectl get events."),
	v1alpha1.ReasonAppNotFound:            say("Create the QueueApp, or name another in spec.appName."),
	v1alpha1.ReasonAppAmbiguous:           say("Name the QueueApp in spec.appName, or name one of them default."),
	v1alpha1.ReasonAppInvalid:             say("Correct the QueueApp as the message says."),
	v1alpha1.ReasonContainerNotFound:      say("Correct spec.container of the QueueApp, or name the container so in its template."),
	v1alpha1.ReasonImagePull:              say("Correct the image in the QueueApp's template, or give its pods an imagePullSecret for that registry."),
	v1alpha1.ReasonRunsAsRoot:             say("Have the image run as another user (USER in its Dockerfile), or set securityContext.runAsUser in the QueueApp's template."),
	v1alpha1.ReasonConfigError:            with("Correct what the worker complains of, mostly its connection settings; see: kubectl queueworker logs "),
	v1alpha1.ReasonPodFailed:              say("Create what the message names, mostly a Secret or ConfigMap of the QueueApp's template."),
	v1alpha1.ReasonUnschedulable:          say("Add a node, or lower what the pods ask for: cpu, memory, nodeSelector, tolerations."),
	v1alpha1.ReasonWorkersCrashing:        with("See what they print before they end: kubectl queueworker logs "),
	v1alpha1.ReasonCommandNotFound:        say("Correct the command of the QueueApp's template, or use an image that has it."),
	v1alpha1.ReasonRejected:               say("Correct what the message names in the QueueWorker or QueueApp; a quota or an admission policy may also forbid it."),
	v1alpha1.ReasonNotPermitted:           say("Remove the field from the QueueWorker, or have it permitted by spec.poolsMay of the QueueApp."),
	v1alpha1.ReasonFromBefore:             say("Move it to the QueueApp as the message says; until then the pool runs as before."),
	v1alpha1.ReasonTooLarge:               say("Make the field that the message names smaller; docs/bounds.md lists the bounds."),
	v1alpha1.ReasonForeignObject:          say("Rename the QueueWorker, or remove the object the message names."),
	v1alpha1.ReasonForeignScaler:          say("Remove the autoscaler that the message names: the operator alone sets the number of pods."),
	v1alpha1.ReasonNoDriver:               say("Set spec.connection.driver of the QueueApp to Redis, Database or HTTP to have the backlog measured."),
	v1alpha1.ReasonRetryAfterBelowTimeout: say("Raise retry_after of the connection above the timeout, or lower spec.timeout; until then a job may run twice."),
	v1alpha1.ReasonMaximum:                say("Raise spec.autoscaling.maxProcesses if jobs may not wait so long."),
	v1alpha1.ReasonSharedCap:              say("Raise spec.maxProcesses of the QueueApp, or this pool's spec.priority."),
	v1alpha1.ReasonIdleWithWork:           with("The operator restarts it; if it happens again, see where it hangs: kubectl queueworker logs "),
	v1alpha1.ReasonUnreachable:            say("See whether the pod runs, and whether a NetworkPolicy keeps the operator from port 9799 of the worker pods (9797 of pods with an older agent)."),
	v1alpha1.ReasonNoPcntl:                say("Add PHP's extension pcntl to the image; without it no timeout works and a stop may wait long."),
	v1alpha1.ReasonShellWrapper:           say("Let the wrapper in the template's command end with exec \"$@\", so that signals reach PHP."),
	v1alpha1.ReasonGraceBelowTimeout:      say("Raise spec.gracePeriod, or terminationGracePeriodSeconds of the template, above the timeout."),
	v1alpha1.ReasonNoTimeout:              say("Set spec.timeout, or a spec.gracePeriod in which every job ends."),
	v1alpha1.ReasonMemoryLimitLow:         say("Raise the template's memory limit, or leave it out and let the operator set it from spec.memory."),
	"Misconfigured":                       say("Correct the connection's settings in the QueueApp or in its environment, as the message says."),
	"Denied":                              say("Correct the user name or password in the environment of the QueueApp's template."),
	"NotFound":                            say("Create what the message names, or correct its name in the QueueApp."),
	"Unreadable":                          say("See whether the connection's driver and prefix fit what the application writes."),
	"BacklogUnknown":                      say("The size stays until the backlog is known again; see the condition BacklogKnown."),
	"AgentsUnreadable":                    say("The pool gets no smaller until every agent answers; see the condition AgentsReporting."),
	"Stopped":                             with("To start it: kubectl queueworker start "),
	v1alpha1.ReasonPausedUntil:            with("It goes on by itself at that time; at once with: kubectl queueworker resume "),
	v1alpha1.ReasonPausedByFailing:        with("Mend what makes the jobs fail, then: kubectl queueworker resume "),
	v1alpha1.ReasonCrashes:                with("See what the processes print before they end: kubectl queueworker logs "),
	v1alpha1.ReasonMaxExceptions:          with("See which exception the jobs throw: kubectl queueworker failed list, and kubectl queueworker logs "),
	v1alpha1.ReasonRunFailed:              with("See why its pods failed: kubectl queueworker logs "),
	v1alpha1.ReasonNotPassed:              say(""), // its message says what to do
	v1alpha1.ReasonScheduleInvalid:        say("Correct spec.batch.schedule or spec.batch.timeZone as the message says."),
}
