package main

import (
	"context"
	"fmt"
	"os"

	"github.com/fluxcd/pkg/apis/kustomize"
	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
	"sigs.k8s.io/yaml"
)

type expressions struct {
	byKind map[string]*cel.StatusEvaluator
}

// readExpressions reads spec.healthCheckExprs of a Kustomization.
func readExpressions(path string) (*expressions, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var given struct {
		Spec struct {
			HealthCheckExprs []kustomize.CustomHealthCheck `json:"healthCheckExprs"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &given); err != nil {
		return nil, err
	}
	found := &expressions{byKind: map[string]*cel.StatusEvaluator{}}
	for _, item := range given.Spec.HealthCheckExprs {
		evaluator, err := cel.NewStatusEvaluator(&item.HealthCheckExpressions)
		if err != nil {
			return nil, err
		}
		found.byKind[item.APIVersion+" "+item.Kind] = evaluator
	}
	return found, nil
}

func (e *expressions) state(object *unstructured.Unstructured) (string, error) {
	key := object.GetAPIVersion() + " " + object.GetKind()
	evaluator, known := e.byKind[key]
	if !known {
		return "", fmt.Errorf("no expressions for %s", key)
	}
	result, err := evaluator.Evaluate(context.Background(), object)
	if err != nil && object.Object["status"] == nil {
		// No expression can name a field of the object that is not there; Flux looks again.
		return string(status.UnknownStatus), nil
	}
	if err != nil {
		return "", err
	}
	return string(result.Status), nil
}
