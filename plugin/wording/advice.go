// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package wording

import (
	"fmt"

	"queueworker.dev/queueworker/console/doctor"
	"queueworker.dev/queueworker/console/view"
)

// Advice returns what to do; empty if nothing needs to be done.
func Advice(a view.Advice) string {
	if a.Code == "" {
		return ""
	}
	if text, ok := conditionAdvice[a.Code]; ok {
		return text(a)
	}
	return doctorAdvice[a.Code](a)
}

type adviceText = func(view.Advice) string

// with returns advice that ends in the object's name and a full stop.
func with(text string) adviceText { return func(a view.Advice) string { return text + a.Name + "." } }

// conditionAdvice says what to do about a condition.
var conditionAdvice = map[view.AdviceCode]adviceText{
	view.RaiseMemory:        always[view.Advice]("Raise spec.memory if the jobs need that much. Otherwise find out what they keep in memory, or set spec.maxJobs so that processes are replaced sooner."),
	view.RaiseTimeout:       always[view.Advice]("Raise spec.timeout (and the connection's retry_after above it), or split those jobs up. A job is killed when it exceeds the timeout."),
	view.SeeFailedJobs:      with("See which jobs fail and why: kubectl queueworker failed list, and kubectl queueworker logs "),
	view.Resume:             with("To resume it: kubectl queueworker resume "),
	view.AwaitJobs:          always[view.Advice]("Wait until the running jobs are done; kubectl queueworker workers shows them."),
	view.AwaitPods:          always[view.Advice]("Wait. If it takes long, the pods' events say why: kubectl get events."),
	view.CreateApp:          always[view.Advice]("Create the QueueApp, or name another in spec.appName."),
	view.NameApp:            always[view.Advice]("Name the QueueApp in spec.appName, or name one of them default."),
	view.CorrectApp:         always[view.Advice]("Correct the QueueApp as the message says."),
	view.CorrectContainer:   always[view.Advice]("Correct spec.container of the QueueApp, or give the container that name in its template."),
	view.CorrectImage:       always[view.Advice]("Correct the image in the QueueApp's template, or give its pods an imagePullSecret for that registry."),
	view.RunAsOtherUser:     always[view.Advice]("Make the image run as another user (USER in its Dockerfile), or set securityContext.runAsUser in the QueueApp's template."),
	view.CorrectConnection:  with("Correct the settings that the worker reports as wrong, often the settings of its connection. To see the report: kubectl queueworker logs "),
	view.CreateReference:    always[view.Advice]("Create the object that the message names, mostly a Secret or ConfigMap of the QueueApp's template."),
	view.AddNode:            always[view.Advice]("Add a node, or relax what the pods require: cpu, memory, nodeSelector, tolerations."),
	view.SeeLogsOfCrashes:   with("See what the workers print before they end: kubectl queueworker logs "),
	view.CorrectCommand:     always[view.Advice]("Correct the command of the QueueApp's template, or use an image that has it."),
	view.CorrectField:       always[view.Advice]("Correct the field that the message names in the QueueWorker or QueueApp. A quota or an admission policy may also forbid it."),
	view.RemoveField:        always[view.Advice]("Remove the field from the QueueWorker, or permit it in spec.poolsMay of the QueueApp."),
	view.MoveToApp:          always[view.Advice]("Move it to the QueueApp as the message says; until then the pool runs as before."),
	view.MakeSmaller:        always[view.Advice]("Make the field that the message names smaller; docs/bounds.md lists the bounds."),
	view.RemoveObject:       always[view.Advice]("Rename the QueueWorker, or delete the object that the message names."),
	view.RemoveScaler:       always[view.Advice]("Delete the autoscaler that the message names: only the operator may set the number of pods."),
	view.SetDriver:          always[view.Advice]("Set spec.connection.driver of the QueueApp to the kind of backend that holds the queues, so that the backlog is measured."),
	view.RaiseRetryAfter:    always[view.Advice]("Raise retry_after of the connection above the timeout, or lower spec.timeout. Until then a job may run twice."),
	view.RaiseMaximum:       always[view.Advice]("Raise spec.autoscaling.maxProcesses if jobs must not wait this long."),
	view.RaiseCap:           always[view.Advice]("Raise spec.maxProcesses of the QueueApp, or this pool's spec.priority."),
	view.AwaitRestart:       with("The operator restarts it. If it happens again, see where it hangs: kubectl queueworker logs "),
	view.AllowOperator:      always[view.Advice]("See whether the pod runs, and whether a NetworkPolicy blocks the operator at port 9799 of the worker pods (9797 of pods with an older agent)."),
	view.AddPcntl:           always[view.Advice]("Add PHP's extension pcntl to the image. Without it no timeout works, and a stop may take long."),
	view.ExecInWrapper:      always[view.Advice]("Let the wrapper in the template's command end with exec \"$@\", so that signals reach PHP."),
	view.RaiseGracePeriod:   always[view.Advice]("Raise spec.gracePeriod, or terminationGracePeriodSeconds of the template, above the timeout."),
	view.SetTimeout:         always[view.Advice]("Set spec.timeout, or a spec.gracePeriod that is longer than every job."),
	view.RaiseMemoryLimit:   always[view.Advice]("Raise the template's memory limit, or leave it out: the operator then sets it from spec.memory."),
	view.CorrectSettings:    always[view.Advice]("Correct the connection's settings in the QueueApp or in its environment, as the message says."),
	view.CorrectCredentials: always[view.Advice]("Correct the user name or password in the environment of the QueueApp's template."),
	view.CreateMissing:      always[view.Advice]("Create the object that the message names, or correct its name in the QueueApp."),
	view.MatchDriver:        always[view.Advice]("Check that the connection's driver and prefix match the application's."),
	view.AwaitBacklog:       always[view.Advice]("The size stays as it is until the backlog is known again; see the condition BacklogKnown."),
	view.AwaitAgents:        always[view.Advice]("The pool gets no smaller until every agent answers; see the condition AgentsReporting."),
	view.Start:              with("To start it: kubectl queueworker start "),
	view.AwaitResume:        with("It resumes by itself at that time. To resume it now: kubectl queueworker resume "),
	view.MendAndResume:      with("Fix the cause of the failures, then: kubectl queueworker resume "),
	view.SeeLogsOfProcesses: with("See what the processes print before they end: kubectl queueworker logs "),
	view.SeeExceptions:      with("See which exception the jobs throw: kubectl queueworker failed list, and kubectl queueworker logs "),
	view.SeeLogsOfRun:       with("See why its pods failed: kubectl queueworker logs "),
	view.CorrectSchedule:    always[view.Advice]("Correct spec.batch.schedule or spec.batch.timeZone as the message says."),
	view.SeeEvents:          with("Its events may say more: kubectl describe queueworker "),
}

// doctorAdvice says what to do about a finding of doctor.
var doctorAdvice = map[view.AdviceCode]adviceText{
	doctor.UpgradeKinds:      always[view.Advice]("Install or upgrade QueueWorker's chart; helm upgrade does not change CRDs unless the chart's values allow it."),
	doctor.InstallChart:      always[view.Advice]("Install QueueWorker's chart."),
	doctor.InstallOrBindRole: always[view.Advice]("Install QueueWorker's chart. If it is installed, upgrade it, because its role or the binding of its role is missing."),
	doctor.KeepOneOperator:   always[view.Advice]("Remove all operators but one, or give each its own namespaces: watchNamespaces in the chart's values."),
	doctor.WatchNamespace:    always[view.Advice]("Add the namespace to watchNamespaces in the chart's values."),
	doctor.DescribeOperator: func(a view.Advice) string {
		return fmt.Sprintf("kubectl -n %s describe deployment %s, and the logs of its pods, say why.", a.Namespace, a.Name)
	},
	doctor.CheckOperator:        always[view.Advice]("Check that the operator runs and watches this namespace: watchNamespaces in the chart's values."),
	doctor.AskWhoSeesOperators:  always[view.Advice]("Ask a user who may list Deployments in all namespaces and create subjectaccessreviews to run this command."),
	doctor.AskWhoSeesRights:     always[view.Advice]("Ask a user who may create subjectaccessreviews to run this command."),
	doctor.AskForEdit:           always[view.Advice]("If you need these rights, ask for the role edit of the namespace: the chart adds QueueWorker's rights to it."),
	doctor.AskForApps:           always[view.Advice]("Ask for the right `list` on `queueapps` of queueworker.dev."),
	doctor.UpgradeRole:          always[view.Advice]("Upgrade QueueWorker's chart, which brings the role of its version. A role that you wrote yourself needs these rights too."),
	doctor.RunOneProcess:        always[view.Advice]("Run a QueueWorker with at least one process: its agent checks the image when it starts."),
	doctor.CreatePool:           always[view.Advice]("Name another namespace, or create a QueueWorker: kubectl queueworker create NAME --queue QUEUE."),
	doctor.SeeLabels:            always[view.Advice]("See which labels the QueueWorkers have: kubectl get queueworkers --show-labels."),
	doctor.CompareQueue:         always[view.Advice]("If you expected jobs, compare the name with the queue that they are dispatched to, and the QueueApp's connection with the application's."),
	doctor.InstallPcntl:         always[view.Advice]("Add PHP's extension pcntl to the image: docker-php-ext-install pcntl."),
	doctor.UseExec:              always[view.Advice]("Write command in its exec form, or put exec before the last command of the wrapper."),
	doctor.RunAbout:             always[view.Advice]("Run php artisan about in the container: it says why the application does not boot."),
	doctor.CorrectName:          always[view.Advice]("Correct spec.connection.name of the QueueApp, or QUEUE_CONNECTION in the env."),
	doctor.RemoveMemoryLimit:    always[view.Advice]("Remove the application's own ini_set of memory_limit; the operator sets it from spec.memory."),
	doctor.RaiseRetryAfterOfApp: always[view.Advice]("Raise retry_after in config/queue.php and the QueueApp's retryAfter above timeout, or lower timeout."),
	doctor.LowerBlockFor:        always[view.Advice]("Set block_for of the connection to a few seconds, or to null."),
	doctor.LogToStderr:          always[view.Advice]("Set LOG_CHANNEL=stderr in the env, so that kubectl logs shows the application's log."),
	doctor.ShareCache:           always[view.Advice]("Use a cache that all pods share, such as redis: CACHE_DRIVER or CACHE_STORE in the env."),
	doctor.ChangeImage:          always[view.Advice]("Change the image or the QueueApp as the cause says."),
}
