// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package redact

import (
	"regexp"
	"strings"
)

// shapes match the beginnings of the texts that Kubernetes itself writes into events and
// statuses. The text after the match is removed, and so is a message that no shape
// matches. A probe's answer, a hook's output and an application's own events stand in the
// same fields. NAME, IMAGE, NUMBER and TIME are placeholders.
var shapes = shaping(
	// scheduler
	`Successfully assigned NAME to NAME$`,
	`NUMBER/NUMBER nodes are available:[A-Za-z0-9 ,.:;/(){}'_-]*$`,
	// kubelet
	`Pulling image "IMAGE"$`,
	`Successfully pulled image "IMAGE" in TIME( \(TIME including waiting\))?\.( Image size: NUMBER bytes\.)?$`,
	`Container image "IMAGE" already present on machine( and can be accessed by the pod)?$`,
	`Failed to pull image "IMAGE"`,
	`Back-off pulling image "IMAGE"`,
	`(Container created|Container started|Created container:? NAME|Started container NAME|Stopping container NAME)$`,
	`Back-off restarting failed container( NAME in pod NAME)?`,
	`back-off TIME restarting failed container=NAME pod=NAME`,
	`Error: (ImagePullBackOff|ErrImagePull|InvalidImageName|secret "NAME" not found|configmap "NAME" not found|couldn't find key NAME in (Secret|ConfigMap) NAME)$`,
	`(secret|configmap) "NAME" not found$`,
	`couldn't find key NAME in (Secret|ConfigMap) NAME$`,
	`(Error: )?container has runAsNonRoot and image will run as root`,
	`(Readiness|Liveness|Startup) probe (failed|errored)`,
	`(PostStartHook|PreStopHook) failed`,
	`The node was low on resource: NAME\.`,
	`Pod was active on the node longer than the specified deadline$`,
	`containers with (unready|incomplete) status: \[NAME( NAME)*\]$`,
	`Node is not ready$`,
	// controllers
	`Created pod: NAME$`, `Deleted pod: NAME$`,
	`Scaled (up|down) replica set NAME (from NUMBER )?to NUMBER( from NUMBER)?$`,
	`Deployment (has|does not have) minimum availability\.$`,
	`ReplicaSet "NAME" (has successfully progressed|is progressing|has timed out progressing)\.$`,
	`(Created|Found) new replica set "NAME"$`,
	`Job (completed|suspended|resumed)$`,
	`Job has reached the specified backoff limit$`, `Job was active longer than specified deadline$`,
	`Reached expected number of succeeded pods$`,
	`(currently unhealthy|sufficient pods)$`, `The disruption budget has sufficient pods$`,
	`(Error creating: )?(pods|Pod) "NAME" is (forbidden|invalid)(: exceeded quota: [a-z0-9.-]+, requested: [a-z0-9.=,/-]+, used: [a-z0-9.=,/-]+, limited: [a-z0-9.=,/-]+$|: violates PodSecurity "[a-z:0-9.]+")?`,
)

func shaping(all ...string) []*regexp.Regexp {
	fill := strings.NewReplacer(
		"NAME", `[A-Za-z0-9._:/()<>-]{1,400}`, "IMAGE", `[A-Za-z0-9._:/@-]{1,512}`, "NUMBER", `[0-9]{1,12}`, "TIME", `[0-9.a-zµ]{1,20}`,
	)
	out := make([]*regexp.Regexp, 0, len(all))
	for _, shape := range all {
		out = append(out, regexp.MustCompile("^(?:"+fill.Replace(shape)+")"))
	}
	return out
}

// shaped returns the longest beginning of a text that a shape matches.
func shaped(text string) string {
	longest := ""
	for _, shape := range shapes {
		if found := shape.FindString(text); len(found) > len(longest) {
			longest = found
		}
	}
	return longest
}
