package main

import (
	"testing"
	"time"
)

func TestWhatAClassMayAskFor(t *testing.T) {
	found, err := readClass(map[string]string{
		"minimumSize": "1Gi", "multipleOf": "512", "cloneInUse": "refuse", "createVolume": "fail",
	})
	wanted := classParameters{minimum: 1 << 30, multiple: 512, refuseInUse: true, fail: true}
	if err != nil || found != wanted {
		t.Errorf("%+v, %v", found, err)
	}
	later, err := readSnapshotClass(map[string]string{"readyAfter": "90s"})
	if err != nil || later != (snapshotParameters{readyAfter: 90 * time.Second}) {
		t.Errorf("%+v, %v", later, err)
	}
	never, err := readSnapshotClass(map[string]string{"readyAfter": "never"})
	if err != nil || !never.never {
		t.Errorf("%+v, %v", never, err)
	}
}

func TestWhatIsNotUnderstoodIsRefused(t *testing.T) {
	for name, value := range map[string]string{
		"minimumSize": "0", "multipleOf": "1Ti", "cloneInUse": "no", "colour": "red",
	} {
		if found, err := readClass(map[string]string{name: value}); err == nil {
			t.Errorf("%s %s gave %+v", name, value, found)
		}
	}
	for name, value := range map[string]string{"readyAfter": "soon", "minimumSize": "1Gi"} {
		if found, err := readSnapshotClass(map[string]string{name: value}); err == nil {
			t.Errorf("%s %s gave %+v", name, value, found)
		}
	}
}
