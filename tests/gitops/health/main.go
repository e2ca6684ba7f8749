// Command health says what kstatus, Argo CD's Lua engine and Flux's CEL engine make of objects.
//
//	health HEALTH.LUA EXPRESSIONS.YAML < OBJECTS.JSON
//
// The input is a JSON list of objects; the output a JSON list of verdicts, in the same order.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/cli-utils/pkg/kstatus/status"
)

type verdict struct {
	Kstatus string `json:"kstatus"`
	ArgoCD  string `json:"argocd"`
	Message string `json:"message"`
	Flux    string `json:"flux"`
}

func main() {
	if err := run(os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(files []string, in io.Reader, out io.Writer) error {
	if len(files) != 2 {
		return fmt.Errorf("usage: health HEALTH.LUA EXPRESSIONS.YAML")
	}
	argocd, err := os.ReadFile(files[0])
	if err != nil {
		return err
	}
	flux, err := readExpressions(files[1])
	if err != nil {
		return err
	}
	text, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	objects, err := readObjects(text)
	if err != nil {
		return err
	}
	verdicts := make([]verdict, 0, len(objects))
	for _, object := range objects {
		found, err := judge(string(argocd), flux, object)
		if err != nil {
			return err
		}
		verdicts = append(verdicts, found)
	}
	return json.NewEncoder(out).Encode(verdicts)
}

// readObjects keeps whole numbers whole, as the tools' own clients do.
func readObjects(text []byte) ([]*unstructured.Unstructured, error) {
	var items []json.RawMessage
	if err := json.Unmarshal(text, &items); err != nil {
		return nil, err
	}
	objects := make([]*unstructured.Unstructured, 0, len(items))
	for _, item := range items {
		object := &unstructured.Unstructured{}
		if err := object.UnmarshalJSON(item); err != nil {
			return nil, err
		}
		objects = append(objects, object)
	}
	return objects, nil
}

func judge(lua string, flux *expressions, object *unstructured.Unstructured) (verdict, error) {
	generic, err := status.Compute(object)
	if err != nil {
		return verdict{}, fmt.Errorf("kstatus: %w", err)
	}
	health, err := argoHealth(lua, object)
	if err != nil {
		return verdict{}, fmt.Errorf("Argo CD's engine: %w", err)
	}
	state, err := flux.state(object)
	if err != nil {
		return verdict{}, fmt.Errorf("Flux's engine: %w", err)
	}
	return verdict{string(generic.Status), health.status, health.message, state}, nil
}
