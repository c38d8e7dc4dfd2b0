// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"queueworker.dev/queueworker/api/v1alpha1"
	"queueworker.dev/queueworker/test/builders"
	"queueworker.dev/queueworker/test/controlplane"
)

// intruderUser is a user to whom the operator's policies apply and whom RBAC permits
// everything, so that a policy must be the cause of a refusal.
const intruderUser = "system:serviceaccount:queueworker-system:intruder"

// newIntruder returns a client that acts as this user.
func newIntruder(ctx context.Context) (client.Client, error) {
	config, err := cluster.User(intruderUser, controlplane.OperatorGroup)
	if err != nil {
		return nil, err
	}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: intruderUser},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: intruderUser}},
	}
	if err := api.Create(ctx, binding); client.IgnoreAlreadyExists(err) != nil {
		return nil, err
	}
	return client.New(config, client.Options{Scheme: scheme})
}

// An intrusion is a write that the operator never makes.
type intrusion struct {
	// want is a part of the refusal.
	want    string
	attempt func(ctx context.Context, c client.Client) error
}

// creates returns an intrusion that creates an object.
func creates(want string, object client.Object) intrusion {
	return intrusion{want, func(ctx context.Context, c client.Client) error {
		return c.Create(ctx, object.DeepCopyObject().(client.Object))
	}}
}

// patches returns an intrusion that merges a patch into an object.
func patches(want string, object client.Object, patch string) intrusion {
	return intrusion{want, func(ctx context.Context, c client.Client) error {
		return c.Patch(ctx, object.DeepCopyObject().(client.Object), client.RawPatch(types.MergePatchType, []byte(patch)))
	}}
}

// deletes returns an intrusion that deletes an object.
func deletes(want string, object client.Object) intrusion {
	return intrusion{want, func(ctx context.Context, c client.Client) error {
		return c.Delete(ctx, object.DeepCopyObject().(client.Object))
	}}
}

// These are parts of the policies' refusals.
const (
	clusterNamespace = "is a namespace of the cluster itself"
	notControlled    = "no object of queueworker.dev controls it"
	uncontrolled     = "without an object of queueworker.dev that controls it"
	otherController  = "another object would control it afterwards"
	otherName        = "not a name that it gives to an object of its owner"
	unlabelled       = "without the label app.kubernetes.io/managed-by: queueworker"
	finalized        = "with a finalizer"
	nodeAccess       = "the pod template asks for access to its node: "
	notOurPod        = "it is not a pod that QueueWorker manages"
	onlyAnnotations  = "it may set annotations and nothing else"
	onlyOurs         = "no annotations but those of queueworker.dev"
	onlyStatus       = "it may not change their spec"
	onlyOwnEvents    = "QueueWorker may write no events but its own"
	onlyOwnLease     = "QueueWorker may create no Lease but queueworker-operator"
)

// named returns the metadata of an object with the operator's label.
func named(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy}}
}

// claimed returns metadata that names a controller that does not exist.
func claimed(namespace, name, apiVersion, kind, owner string) metav1.ObjectMeta {
	meta := named(namespace, name)
	meta.OwnerReferences = []metav1.OwnerReference{{APIVersion: apiVersion, Kind: kind, Name: owner, UID: "b5a3f0a1-5d0b-4a5e-9f5b-6d1e2f3a4b5c", Controller: new(true)}}
	return meta
}

// deploymentWith returns a Deployment of one container.
func deploymentWith(meta metav1.ObjectMeta, change func(*corev1.PodSpec)) *appsv1.Deployment {
	selector := map[string]string{"app": meta.Name}
	pod := corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: builders.Image}}}
	if change != nil {
		change(&pod)
	}
	return &appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Replicas: new(int32(0)),
		Selector: &metav1.LabelSelector{MatchLabels: selector},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: selector}, Spec: pod},
	}}
}

// creations are intrusions that need no existing object.
func creations(namespace string) map[string]intrusion {
	own := v1alpha1.GroupVersion.String()
	event := func(namespace, apiVersion, kind, controller string) *eventsv1.Event {
		return &eventsv1.Event{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "said"}, EventTime: metav1.NowMicro(), Type: "Normal",
			Reason: "Said", Action: "Say", ReportingController: controller, ReportingInstance: "1", Note: "…",
			Regarding: corev1.ObjectReference{APIVersion: apiVersion, Kind: kind, Namespace: namespace, Name: "it"},
		}
	}
	job := batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "main", Image: builders.Image}},
	}}}
	return map[string]intrusion{
		"a Deployment of its own":                  creates(uncontrolled, deploymentWith(named(namespace, "shell"), nil)),
		"a Deployment for an app of another group": creates(uncontrolled, deploymentWith(claimed(namespace, "shell-worker", "apps/v1", "QueueWorker", "shell"), nil)),
		"a Deployment for a group that ends alike": creates(uncontrolled, deploymentWith(claimed(namespace, "shell-worker", "notqueueworker.dev/v1", "QueueWorker", "shell"), nil)),
		"a Deployment of a name that no pool has":  creates(otherName, deploymentWith(claimed(namespace, "shell", own, "QueueWorker", "shell"), nil)),
		"a Deployment of a kind that has none":     creates(otherName, deploymentWith(claimed(namespace, "shell-worker", own, "QueueCommand", "shell"), nil)),
		"a pool's Deployment in kube-system":       creates(clusterNamespace, deploymentWith(claimed("kube-system", "shell-worker", own, "QueueWorker", "shell"), nil)),
		"a Job of its own":                         creates(uncontrolled, &batchv1.Job{ObjectMeta: named(namespace, "shell"), Spec: job}),
		"a Job that is no run":                     creates(otherName, &batchv1.Job{ObjectMeta: claimed(namespace, "shell-1", own, "QueueWorker", "shell"), Spec: job}),
		"a ConfigMap of its own":                   creates(uncontrolled, &corev1.ConfigMap{ObjectMeta: named(namespace, "settings-of-mine")}),
		"a ConfigMap in kube-public":               creates(clusterNamespace, &corev1.ConfigMap{ObjectMeta: claimed("kube-public", "shell-control", own, "QueueWorker", "shell")}),
		"a child without the label":                creates(unlabelled, &corev1.ConfigMap{ObjectMeta: bare(claimed(namespace, "shell-control", own, "QueueWorker", "shell"))}),
		"a NetworkPolicy that opens all pods": creates("it may restrict connections to the pods of its QueueApp", &networkingv1.NetworkPolicy{
			ObjectMeta: claimed(namespace, "shell-queueworker", own, "QueueApp", "shell"),
			Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}, Ingress: []networkingv1.NetworkPolicyIngressRule{{}}},
		}),
		"a PodDisruptionBudget of all pods": creates("it may select the pods of its QueueWorker", &policyv1.PodDisruptionBudget{
			ObjectMeta: claimed(namespace, "shell-worker", own, "QueueWorker", "shell"),
			Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: new(intstr.FromInt32(1)), Selector: &metav1.LabelSelector{}},
		}),
		"a QueueApp":                                    creates(onlyStatus, builders.QueueApp(namespace, "shell").Obj()),
		"a QueueWorker":                                 creates(onlyStatus, builders.QueueWorker(namespace, "shell").Obj()),
		"an event about a pod":                          creates(onlyOwnEvents, event(namespace, "v1", "Pod", v1alpha1.FieldManager)),
		"an event in another controller's name":         creates(onlyOwnEvents, event(namespace, own, "QueueWorker", "kubelet")),
		"a Lease that another controller is elected by": creates(onlyOwnLease, &coordinationv1.Lease{ObjectMeta: named(namespace, "queueworker-operator")}),
	}
}

// bare removes the labels.
func bare(meta metav1.ObjectMeta) metav1.ObjectMeta {
	meta.Labels = nil
	return meta
}

// accesses are pod templates that ask for access to their node, by the name in the
// refusal.
var accesses = map[string]func(*corev1.PodSpec){
	"hostNetwork": func(p *corev1.PodSpec) { p.HostNetwork = true },
	"hostPID":     func(p *corev1.PodSpec) { p.HostPID = true },
	"hostIPC":     func(p *corev1.PodSpec) { p.HostIPC = true },
	"sysctls": func(p *corev1.PodSpec) {
		p.SecurityContext = &corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "net.core.somaxconn", Value: "1024"}}}
	},
	"seLinuxOptions": func(p *corev1.PodSpec) {
		p.Containers[0].SecurityContext = &corev1.SecurityContext{SELinuxOptions: &corev1.SELinuxOptions{Type: "spc_t"}}
	},
	"an Unconfined profile": func(p *corev1.PodSpec) {
		p.SecurityContext = &corev1.PodSecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeUnconfined}}
	},
	"a hostPath volume": hostPath,
	"privileged": func(p *corev1.PodSpec) {
		p.Containers[0].SecurityContext = &corev1.SecurityContext{Privileged: new(true)}
	},
	"a hostPort": func(p *corev1.PodSpec) {
		p.Containers[0].Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80}}
	},
	"added capabilities": func(p *corev1.PodSpec) {
		p.InitContainers = []corev1.Container{{Name: "first", Image: builders.Image, SecurityContext: &corev1.SecurityContext{
			Capabilities: &corev1.Capabilities{Add: []corev1.Capability{"CHOWN", "SYS_ADMIN"}},
		}}}
	},
	"a host in a probe": func(p *corev1.PodSpec) {
		p.Containers[0].ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Host: "127.0.0.1", Port: intstr.FromInt32(10250)}}}
	},
	"a host in a lifecycle hook": func(p *corev1.PodSpec) {
		p.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{HTTPGet: &corev1.HTTPGetAction{Host: "169.254.169.254", Port: intstr.FromInt32(80)}}}
	},
	"procMount": func(p *corev1.PodSpec) {
		p.HostUsers = new(false)
		p.Containers[0].SecurityContext = &corev1.SecurityContext{ProcMount: new(corev1.UnmaskedProcMount)}
	},
}

func hostPath(p *corev1.PodSpec) {
	p.Volumes = []corev1.Volume{{Name: "node", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
}

// requireRefusedByPolicy fails the test unless an intrusion is refused for its reason.
func requireRefusedByPolicy(t *testing.T, c client.Client, in intrusion) {
	t.Helper()
	err := in.attempt(t.Context(), c)
	switch {
	case err == nil:
		t.Fatal("the apiserver did it")
	case !apierrors.IsForbidden(err) || !strings.Contains(err.Error(), in.want):
		t.Errorf("want Forbidden with %q, got: %v", in.want, err)
	}
}

func TestTheOperatorsTokenMakesNothingOfItsOwn(t *testing.T) {
	namespace := newNamespace(t)
	intruder, err := newIntruder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	trials := creations(namespace)
	for what, change := range accesses {
		trials["a pod with "+what] = creates(nodeAccess+what,
			deploymentWith(claimed(namespace, "shell-worker", v1alpha1.GroupVersion.String(), "QueueWorker", "shell"), change))
	}
	unconfined := deploymentWith(claimed(namespace, "shell-worker", v1alpha1.GroupVersion.String(), "QueueWorker", "shell"), nil)
	unconfined.Spec.Template.Annotations = map[string]string{"container.apparmor.security.beta.kubernetes.io/" + unconfined.Spec.Template.Spec.Containers[0].Name: "unconfined"}
	trials["a pod with AppArmor's old annotation"] = creates(nodeAccess+"an Unconfined profile", unconfined)
	for name, trial := range trials {
		t.Run(name, func(t *testing.T) { requireRefusedByPolicy(t, intruder, trial) })
	}
}

func TestTheOperatorsTokenChangesNothingOfOthers(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	create(t, builders.QueueApp(namespace, "shop").Obj(), builders.QueueWorker(namespace, "emails").Processes(2).Obj(),
		command(namespace, "waits", func(s *v1alpha1.QueueCommandSpec) { s.AppName, s.Action = "missing", v1alpha1.ActionListFailed }))
	waitReady(t, namespace, "emails")
	dns := &corev1.ConfigMap{ObjectMeta: named("kube-system", "coredns")}
	settings, web := &corev1.ConfigMap{ObjectMeta: named(namespace, "settings")}, deploymentWith(named(namespace, "web"), nil)
	lone := podsOf(t, namespace, "emails")[0].DeepCopy()
	lone.ObjectMeta = named(namespace, "lone")
	event := &eventsv1.Event{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "theirs"}, EventTime: metav1.NowMicro(), Type: "Normal",
		Reason: "Said", Action: "Say", ReportingController: "other", ReportingInstance: "1",
		Regarding: corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: namespace, Name: "lone"},
	}
	create(t, dns, settings, web, lone, event)
	t.Cleanup(func() { _ = api.Delete(context.Background(), dns) })
	intruder, err := newIntruder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, trial := range changes(t, namespace, dns, settings, web, lone, event) {
		t.Run(name, func(t *testing.T) { requireRefusedByPolicy(t, intruder, trial) })
	}
	// And the pool still follows its spec.
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Processes = new(int32(3)) })
	waitReady(t, namespace, "emails")
}

// changes are intrusions into existing objects.
func changes(t *testing.T, namespace string, dns, settings *corev1.ConfigMap, web *appsv1.Deployment, lone *corev1.Pod, event *eventsv1.Event) map[string]intrusion {
	t.Helper()
	pool, pod := deploymentOf(t, namespace, "emails"), &podsOf(t, namespace, "emails")[0]
	worker := getWorker(t, namespace, "emails")
	waits := &v1alpha1.QueueCommand{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "waits"}}
	owned := fmt.Sprintf(`{"metadata":{"ownerReferences":[{"apiVersion":%q,"kind":"QueueWorker","name":"emails","uid":%q,"controller":true}]}}`,
		v1alpha1.GroupVersion.String(), worker.UID)
	image := fmt.Sprintf(`{"spec":{"containers":[{"name":%q,"image":"registry.example.com/evil:1"}]}}`, pod.Spec.Containers[0].Name)
	out := map[string]intrusion{
		"the cluster's DNS":                          patches(clusterNamespace, dns, `{"data":{"Corefile":"x"}}`),
		"another's ConfigMap":                        patches(notControlled, settings, `{"data":{"a":"b"}}`),
		"another's ConfigMap made its own":           patches(notControlled, settings, owned),
		"another's Deployment":                       patches(notControlled, web, `{"spec":{"replicas":1}}`),
		"another's Deployment, deleted":              deletes(notControlled, web),
		"a pool's Deployment for another owner":      patches(otherController, pool, strings.Replace(owned, string(worker.UID), "b5a3f0a1-5d0b-4a5e-9f5b-6d1e2f3a4b5c", 1)),
		"a pool's Deployment without its owner":      patches(uncontrolled, pool, `{"metadata":{"ownerReferences":null}}`),
		"a pool's Deployment without its label":      patches(unlabelled, pool, `{"metadata":{"labels":{"app.kubernetes.io/managed-by":null}}}`),
		"a pool's Deployment that never goes":        patches(finalized, pool, `{"metadata":{"finalizers":["example.com/stays"]}}`),
		"a pod's image":                              strategic(onlyAnnotations, pod, image),
		"a pod's labels":                             patches(onlyAnnotations, pod, `{"metadata":{"labels":{"queueworker.dev/name":"other"}}}`),
		"a pod's finalizers":                         patches(onlyAnnotations, pod, `{"metadata":{"finalizers":["example.com/stays"]}}`),
		"a pod's owner":                              patches(onlyAnnotations, pod, `{"metadata":{"ownerReferences":null}}`),
		"another's annotation of a pod":              patches(onlyOurs, pod, `{"metadata":{"annotations":{"example.com/mesh":"off"}}}`),
		"the annotations of another's pod":           patches(notOurPod, lone, `{"metadata":{"annotations":{"queueworker.dev/control":"{}"}}}`),
		"the spec of a QueueWorker":                  patches(onlyStatus, worker, `{"spec":{"processes":50}}`),
		"the annotations of a QueueWorker":           patches(onlyStatus, worker, `{"metadata":{"annotations":{"queueworker.dev/killAt":"now"}}}`),
		"a QueueWorker, deleted":                     deletes(onlyStatus, worker),
		"a QueueCommand that has not ended, deleted": deletes(onlyStatus, waits),
		"another's event":                            patches(onlyOwnEvents, event, `{"series":{"count":7,"lastObservedTime":"2026-01-01T00:00:00.000000Z"}}`),
		"the labels of another's event":              patches(onlyOwnEvents, event, `{"metadata":{"labels":{"a":"b"}}}`),
		"the size of a QueueWorker": {onlyStatus, func(ctx context.Context, c client.Client) error {
			return c.SubResource("scale").Patch(ctx, worker.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"spec":{"replicas":9}}`)))
		}},
	}
	maps.Copy(out, map[string]intrusion{
		"a pool's pods with the node's files": strategic(nodeAccess+"a hostPath volume", pool,
			`{"spec":{"template":{"spec":{"volumes":[{"name":"node","hostPath":{"path":"/"}}]}}}}`),
	})
	return out
}

// strategic returns an intrusion that applies a strategic merge patch, which merges lists
// by the names of their elements.
func strategic(want string, object client.Object, patch string) intrusion {
	return intrusion{want, func(ctx context.Context, c client.Client) error {
		return c.Patch(ctx, object.DeepCopyObject().(client.Object), client.RawPatch(types.StrategicMergePatchType, []byte(patch)))
	}}
}

// TestNodeAccessIsTheNamespacesDecision: the operator still runs a pool whose template
// had access to its node before the policy, or whose namespace permits it.
func TestNodeAccessIsTheNamespacesDecision(t *testing.T) {
	namespace := newNamespace(t)
	startOperator(t, operatorOptions{namespaces: []string{namespace}})
	app := builders.QueueApp(namespace, "shop").Template(func(p *corev1.PodTemplateSpec) { hostPath(&p.Spec) }).Obj()
	create(t, app, builders.QueueWorker(namespace, "emails").Processes(1).Obj())
	waitFor(t, namespace, "emails", "is refused", func(w *v1alpha1.QueueWorker) error {
		if text := message(w, v1alpha1.ConditionReady); !strings.Contains(text, nodeAccess+"a hostPath volume") {
			return fmt.Errorf("condition Ready says %q", text)
		}
		return nil
	})
	enforce := func(level string) {
		t.Helper()
		patch := fmt.Sprintf(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":%s}}}`, level)
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		if err := api.Patch(t.Context(), ns, client.RawPatch(types.MergePatchType, []byte(patch))); err != nil {
			t.Fatal(err)
		}
	}
	enforce(`"privileged"`)
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Annotations = map[string]string{"example.com/again": "1"} })
	waitReady(t, namespace, "emails")

	enforce("null")
	changeWorker(t, namespace, "emails", func(w *v1alpha1.QueueWorker) { w.Spec.Processes = new(int32(2)) })
	waitReady(t, namespace, "emails")
}

// policiesInForce waits until the API server enforces the policies, which happens a
// moment after their creation.
func policiesInForce(ctx context.Context, c client.Client) error {
	own := v1alpha1.GroupVersion.String()
	for name, trial := range map[string]intrusion{
		"children":  creates(uncontrolled, &corev1.ConfigMap{ObjectMeta: named("default", "trial")}),
		"templates": creates(nodeAccess, deploymentWith(claimed("default", "trial-worker", own, "QueueWorker", "trial"), hostPath)),
		"others":    creates(onlyStatus, builders.QueueApp("default", "trial").Obj()),
		"pods":      patches(notOurPod, &corev1.Pod{ObjectMeta: named("default", trialPod)}, `{"metadata":{"labels":{"a":"b"}}}`),
	} {
		if err := trial.attempt(ctx, client.NewDryRunClient(c)); err == nil || !strings.Contains(err.Error(), trial.want) {
			return errors.Join(fmt.Errorf("the policy %s is not in force", name), err)
		}
	}
	return nil
}
