// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"encoding/json"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	appsv1ac "k8s.io/client-go/applyconfigurations/apps/v1"
	metav1ac "k8s.io/client-go/applyconfigurations/meta/v1"

	"queueworker.dev/queueworker/api/effective"
	"queueworker.dev/queueworker/api/protocol"
	"queueworker.dev/queueworker/api/runtimes"
	"queueworker.dev/queueworker/api/v1alpha1"
)

const (
	// probeComponent is the value of LabelComponent of a backlog probe.
	probeComponent = "backlog"
	// probeContainer is the name of the probe's container.
	probeContainer = "backlog"
	// probeKeyVolume holds the pins of the operator's keys.
	probeKeyVolume = "queueworker-key"
)

// ProbeName returns the name of the Deployment of a QueueApp's backlog probe.
func ProbeName(app string) string { return app + "-backlog" }

// ProbeSelector returns the label selector of a backlog probe's pods.
func ProbeSelector(app string) map[string]string {
	return map[string]string{v1alpha1.LabelApp: app, v1alpha1.LabelComponent: probeComponent}
}

// IsProbe reports whether an object belongs to a backlog probe.
func IsProbe(object metav1.Object) bool {
	return object.GetLabels()[v1alpha1.LabelComponent] == probeComponent
}

// Probe returns the Deployment of a QueueApp's backlog probe. It runs the probe's own
// program with the worker's environment, identity and configuration, so that it reaches
// the backend as the application does. It leaves out images, init containers and other
// containers of the template, and volumes with data.
func Probe(app *v1alpha1.QueueApp, image string) (*appsv1ac.DeploymentApplyConfiguration, *effective.Problem) {
	index, problem := workerContainer(app)
	if problem != nil {
		return nil, problem
	}
	labels := maps.Clone(app.Spec.Template.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	own := ProbeSelector(app.Name)
	own[v1alpha1.LabelManagedBy] = v1alpha1.ManagedBy
	maps.Copy(labels, own)
	delete(labels, v1alpha1.LabelName) // it is not a pod of a pool
	annotations := maps.Clone(app.Spec.Template.Annotations)
	for _, own := range []string{v1alpha1.AnnotationOperator, v1alpha1.AnnotationFailedKey} {
		delete(annotations, own) // only the operator writes these
	}
	template := &corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: annotations},
		Spec:       probePod(app, &app.Spec.Template.Spec.Containers[index], image),
	}
	out := appsv1ac.Deployment(ProbeName(app.Name), app.Namespace).
		WithLabels(own).
		WithOwnerReferences(appOwner(app)).
		WithSpec(appsv1ac.DeploymentSpec().
			WithReplicas(1).
			WithRevisionHistoryLimit(1).
			// If a new probe did not start, an old probe beside it would go on asking
			// the old backend.
			WithStrategy(appsv1ac.DeploymentStrategy().WithType(appsv1.RecreateDeploymentStrategyType)).
			WithSelector(metav1ac.LabelSelector().WithMatchLabels(ProbeSelector(app.Name))).
			WithTemplate(applyTemplate(template)))
	return out.WithAnnotations(map[string]string{v1alpha1.AnnotationAppliedHash: hashOf(out)}), nil
}

// probePod takes over the settings that decide whether and as which user the backend is
// reached.
func probePod(app *v1alpha1.QueueApp, worker *corev1.Container, image string) corev1.PodSpec {
	from := app.Spec.Template.Spec.DeepCopy()
	volumes := slices.DeleteFunc(from.Volumes, func(v corev1.Volume) bool { return !isConfiguration(&v) })
	volumes = append(volumes, keyVolume())
	pod := corev1.PodSpec{
		Containers:                   []corev1.Container{probe(app, worker.DeepCopy(), volumes, image)},
		Volumes:                      volumes,
		ServiceAccountName:           from.ServiceAccountName,
		AutomountServiceAccountToken: from.AutomountServiceAccountToken,
		EnableServiceLinks:           from.EnableServiceLinks,
		ImagePullSecrets:             from.ImagePullSecrets,
		NodeSelector:                 from.NodeSelector,
		Tolerations:                  from.Tolerations,
		Affinity:                     nodeAffinity(from.Affinity),
		RuntimeClassName:             from.RuntimeClassName,
		HostAliases:                  from.HostAliases,
		DNSPolicy:                    from.DNSPolicy,
		DNSConfig:                    from.DNSConfig,
		PriorityClassName:            from.PriorityClassName,
		SecurityContext:              probeSecurity(from.SecurityContext),
		// The probe holds nothing, so it has nothing to finish.
		TerminationGracePeriodSeconds: new(int64(5)),
	}
	if pod.AutomountServiceAccountToken == nil {
		pod.AutomountServiceAccountToken = new(false)
	}
	if pod.EnableServiceLinks == nil {
		pod.EnableServiceLinks = new(false)
	}
	restrict(&pod)
	return pod
}

// keyVolume shows the probe the keys by which it knows the operator.
func keyVolume() corev1.Volume {
	return corev1.Volume{Name: probeKeyVolume, VolumeSource: corev1.VolumeSource{
		DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{{
			Path:     path.Base(protocol.ProbeOperatorFile),
			FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.annotations['" + v1alpha1.AnnotationOperator + "']"},
		}}},
	}}
}

// nodeAffinity leaves out the affinity among workers, which does not concern the probe.
func nodeAffinity(from *corev1.Affinity) *corev1.Affinity {
	if from == nil || from.NodeAffinity == nil {
		return nil
	}
	return &corev1.Affinity{NodeAffinity: from.NodeAffinity}
}

// isConfiguration reports whether a volume holds settings or credentials, not data.
func isConfiguration(volume *corev1.Volume) bool {
	return volume.ConfigMap != nil || volume.Secret != nil || volume.Projected != nil || volume.CSI != nil || volume.DownwardAPI != nil
}

// probeSecurity keeps the groups that may read the volumes. It keeps the application's
// user unless that is root, which the probe never needs.
func probeSecurity(from *corev1.PodSecurityContext) *corev1.PodSecurityContext {
	out := &corev1.PodSecurityContext{RunAsNonRoot: new(true)}
	if from == nil {
		return out
	}
	out.FSGroup, out.FSGroupChangePolicy = from.FSGroup, from.FSGroupChangePolicy
	out.SupplementalGroups, out.SeccompProfile = from.SupplementalGroups, from.SeccompProfile
	if from.RunAsUser != nil && *from.RunAsUser != 0 {
		out.RunAsUser, out.RunAsGroup = from.RunAsUser, from.RunAsGroup
	}
	return out
}

func probe(app *v1alpha1.QueueApp, worker *corev1.Container, volumes []corev1.Volume, image string) corev1.Container {
	kept := make(map[string]bool, len(volumes))
	for i := range volumes {
		kept[volumes[i].Name] = true
	}
	mounts := slices.DeleteFunc(worker.VolumeMounts, func(mount corev1.VolumeMount) bool { return !kept[mount.Name] })
	mounts = append(mounts, corev1.VolumeMount{Name: probeKeyVolume, MountPath: protocol.ProbeOperatorDir})
	for i := range mounts {
		mounts[i].ReadOnly = true
	}
	env := slices.DeleteFunc(worker.Env, func(e corev1.EnvVar) bool { return e.Name == protocol.ProbeEnv || e.Name == protocol.PodUIDEnv })
	for i := range env {
		if from := env[i].ValueFrom; from != nil && from.ResourceFieldRef != nil {
			from.ResourceFieldRef.ContainerName = "" // the probe's own container, which has another name
		}
	}
	env = append(env,
		corev1.EnvVar{Name: protocol.ProbeEnv, Value: encodeProbe(app)},
		corev1.EnvVar{Name: protocol.PodUIDEnv, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.uid"}}},
	)
	return corev1.Container{
		Name: probeContainer, Image: image,
		Env: env, EnvFrom: worker.EnvFrom, VolumeMounts: mounts,
		Ports: ports(),
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: *milliCPU(10), corev1.ResourceMemory: bytesQuantity(24 * mebibyte)},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: bytesQuantity(96 * mebibyte)},
		},
		ReadinessProbe: &corev1.Probe{
			ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{
				Path: protocol.ReadyPath, Port: intstr.FromString(protocol.HealthPortName),
			}},
			PeriodSeconds: 10, TimeoutSeconds: 2, FailureThreshold: 3,
		},
		SecurityContext: &corev1.SecurityContext{ReadOnlyRootFilesystem: new(true)},
	}
}

// encodeProbe encodes the probe's configuration as encodeConfig encodes the agent's.
func encodeProbe(app *v1alpha1.QueueApp) string {
	document, err := json.Marshal(probeConfig(app))
	if err != nil {
		panic(err) // a struct of strings and numbers always encodes
	}
	return strings.ReplaceAll(string(document), "$", "$$")
}

func probeConfig(app *v1alpha1.QueueApp) protocol.ProbeConfig {
	from := app.Spec.Connection
	config := protocol.ProbeConfig{
		Version:           protocol.Version,
		Namespace:         app.Namespace,
		App:               app.Name,
		Driver:            protocol.Driver(from.Driver),
		RetryAfterSeconds: int64(effective.RetryAfter(app.Spec.Connection) / time.Second),
	}
	// The default stays unnamed, so that a newer operator restarts no probe. An endpoint
	// knows itself where the jobs are.
	if runtime := runtimes.Of(app.Spec.Runtime).Name; runtime != runtimes.Default && from.Driver != v1alpha1.DriverHTTP {
		config.Runtime = string(runtime)
	}
	for name, variable := range from.Variables {
		if config.Variables == nil {
			config.Variables = map[string]string{}
		}
		config.Variables[name] = string(variable)
	}
	if r := from.Redis; r != nil {
		config.Redis = &protocol.RedisBackend{
			Host: r.Host, Port: r.Port, Database: r.Database, Prefix: r.Prefix, InsecureSkipVerify: r.InsecureSkipVerify,
		}
	}
	if d := from.Database; d != nil {
		config.Database = &protocol.DatabaseBackend{
			Kind: protocol.DatabaseKind(d.Kind), Host: d.Host, Port: d.Port, Name: d.Name, Schema: d.Schema,
			Table: d.Table, FailedTable: d.FailedTable,
		}
	}
	if h := from.HTTP; h != nil {
		config.HTTP = &protocol.HTTPBackend{URL: h.URL, InsecureSkipVerify: h.InsecureSkipVerify}
	}
	return config
}
