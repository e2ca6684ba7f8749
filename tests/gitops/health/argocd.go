package main

import (
	"encoding/json"
	"fmt"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	luajson "layeh.com/gopher-json"
)

type argo struct{ status, message string }

// argoHealth runs a health.lua as Argo CD does: the object is the global obj, nothing of the
// system can be reached, and a table with status and message is returned.
func argoHealth(script string, object *unstructured.Unstructured) (argo, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName:   lua.OpenPackage,
		lua.BaseLibName:   lua.OpenBase,
		lua.TabLibName:    lua.OpenTable,
		lua.StringLibName: lua.OpenString,
	} {
		call := lua.P{Fn: state.NewFunction(open), NRet: 0, Protect: true}
		if err := state.CallByParam(call, lua.LString(name)); err != nil {
			return argo{}, err
		}
	}
	plain, err := object.MarshalJSON()
	if err != nil {
		return argo{}, err
	}
	value, err := luajson.Decode(state, plain)
	if err != nil {
		return argo{}, err
	}
	state.SetGlobal("obj", value)
	if err := state.DoString(script); err != nil {
		return argo{}, err
	}
	if _, is := state.Get(-1).(*lua.LTable); !is {
		return argo{}, fmt.Errorf("it returned %s, not a table", state.Get(-1).Type())
	}
	text, err := luajson.Encode(state.Get(-1))
	if err != nil {
		return argo{}, err
	}
	var told struct{ Status, Message string }
	if err := json.Unmarshal(text, &told); err != nil {
		return argo{}, err
	}
	return argo{told.Status, told.Message}, nil
}
