// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package cached

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"queueworker.dev/queueworker/api/v1alpha1"
)

// QueueApp is a v1alpha1.QueueApp whose pod template is not decoded.
type QueueApp struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitzero"`

	Spec   QueueAppSpec            `json:"spec"`
	Status v1alpha1.QueueAppStatus `json:"status,omitzero"`
}

// QueueAppSpec is a v1alpha1.QueueAppSpec whose own Template stays empty: of two fields
// with one JSON name, encoding/json takes the one that is not embedded.
type QueueAppSpec struct {
	v1alpha1.QueueAppSpec `json:",inline"`

	Template Template `json:"template,omitzero"`
}

// QueueAppList is a list of QueueApps.
type QueueAppList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitzero"`
	Items           []QueueApp `json:"items"`
}

// AddToScheme adds the kinds of v1alpha1 to the scheme of a manager: QueueApp with the
// type of this package, the other kinds with the types of the API.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(v1alpha1.SchemeGroupVersion,
		&QueueApp{}, &QueueAppList{},
		&v1alpha1.QueueWorker{}, &v1alpha1.QueueWorkerList{},
		&v1alpha1.QueueCommand{}, &v1alpha1.QueueCommandList{},
	)
	metav1.AddToGroupVersion(scheme, v1alpha1.SchemeGroupVersion)
	return nil
}

// Lean returns a copy of everything except the template.
func (a *QueueApp) Lean() *v1alpha1.QueueApp {
	out := &v1alpha1.QueueApp{}
	a.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	a.Spec.QueueAppSpec.DeepCopyInto(&out.Spec) //nolint:staticcheck // what is copied is the embedded part alone
	a.Status.DeepCopyInto(&out.Status)
	return out
}

// Whole returns a copy with the decoded template. If the template cannot be used, the
// copy has an empty one, and the sentence says why.
func (a *QueueApp) Whole() (*v1alpha1.QueueApp, string) {
	out := a.Lean()
	template, refusal := a.Spec.Template.decode()
	if template != nil {
		out.Spec.Template = *template
	}
	return out, refusal
}

// DeepCopyInto copies a QueueApp. The copies share the template, which never changes.
func (a *QueueApp) DeepCopyInto(out *QueueApp) {
	*out = *a
	a.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	a.Spec.QueueAppSpec.DeepCopyInto(&out.Spec.QueueAppSpec) //nolint:staticcheck // what is copied is the embedded part alone
	a.Status.DeepCopyInto(&out.Status)
}

// DeepCopy returns a copy.
func (a *QueueApp) DeepCopy() *QueueApp {
	out := &QueueApp{}
	a.DeepCopyInto(out)
	return out
}

// DeepCopyObject implements runtime.Object.
func (a *QueueApp) DeepCopyObject() runtime.Object { return a.DeepCopy() }

// DeepCopyObject implements runtime.Object.
func (l *QueueAppList) DeepCopyObject() runtime.Object {
	out := &QueueAppList{TypeMeta: l.TypeMeta}
	l.ListMeta.DeepCopyInto(&out.ListMeta) //nolint:staticcheck // TypeMeta is embedded beside it
	if l.Items != nil {
		out.Items = make([]QueueApp, len(l.Items))
		for i := range l.Items {
			l.Items[i].DeepCopyInto(&out.Items[i])
		}
	}
	return out
}
