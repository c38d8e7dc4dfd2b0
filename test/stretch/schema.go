// Copyright The QueueWorker Authors.
// SPDX-License-Identifier: Apache-2.0

package stretch

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// Apps makes QueueApps from their CRD.
type Apps struct {
	root      apiextensionsv1.JSONSchemaProps
	structure *structuralschema.Structural
	schema    validation.SchemaValidator
	rules     *cel.Validator
}

// Load reads the CRD of QueueApps from a directory of CRDs.
func Load(dir string) (*Apps, error) {
	raw, err := os.ReadFile(filepath.Join(dir, "queueworker.dev_queueapps.yaml"))
	if err != nil {
		return nil, err
	}
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(raw, &crd); err != nil {
		return nil, fmt.Errorf("read the CRD of QueueApps: %w", err)
	}
	apps := &Apps{root: *crd.Spec.Versions[0].Schema.OpenAPIV3Schema}
	var internal apiextensions.JSONSchemaProps
	if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(&apps.root, &internal, nil); err != nil {
		return nil, err
	}
	if apps.structure, err = structuralschema.NewStructural(&internal); err != nil {
		return nil, err
	}
	if apps.schema, _, err = validation.NewSchemaValidator(&internal); err != nil {
		return nil, err
	}
	apps.rules = cel.NewValidator(apps.structure, true, celconfig.PerCallLimit)
	return apps, nil
}

// Refusals returns an API server's errors about an object, from the API server's own
// code.
func (a *Apps) Refusals(app *App) field.ErrorList {
	object := app.Object.DeepCopy().Object
	defaulting.Default(object, a.structure)
	refusals := validation.ValidateCustomResource(nil, object, a.schema)
	refusals = append(refusals, listtype.ValidateListSetsAndMaps(nil, a.structure, object)...)
	if len(refusals) > 0 {
		return refusals
	}
	refusals, _ = a.rules.Validate(context.Background(), nil, a.structure, object, nil, celconfig.RuntimeCELCostBudget)
	return refusals
}
