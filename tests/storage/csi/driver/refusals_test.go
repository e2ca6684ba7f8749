package main

import (
	"testing"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
)

func TestACloneOfAVolumeInUseIsRefusedOnDemand(t *testing.T) {
	b := newBench(t)
	volume := b.volume("source", 64*mebibyte, true, source{})
	asked := request("cloned", 0, true, source{Volume: volume})
	asked.Parameters = map[string]string{"cloneInUse": "refuse"}
	t.Run("in use", func(t *testing.T) {
		inUse := b
		inUse.T = t
		inUse.publish(volume, true)
		_, err := b.CreateVolume(t.Context(), asked)
		wantCode(t, err, codes.FailedPrecondition)
	})
	_, err := b.CreateVolume(t.Context(), asked)
	wantCode(t, err, codes.OK)
}

func TestWhatIsOnAnotherNodeIsOutOfReach(t *testing.T) {
	b := newBench(t)
	volume := b.volume("source", 64*mebibyte, true, source{})
	snapshot := b.snapshot("snapshot", volume, nil).SnapshotId
	b.driver.node = "elsewhere"
	for _, from := range []source{{Volume: volume}, {Snapshot: snapshot}} {
		_, err := b.CreateVolume(t.Context(), request("other", 0, true, from))
		wantCode(t, err, codes.ResourceExhausted)
	}
	_, err := b.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: volume})
	wantCode(t, err, codes.ResourceExhausted)
	_, err = b.DeleteSnapshot(t.Context(), &csi.DeleteSnapshotRequest{SnapshotId: snapshot})
	wantCode(t, err, codes.ResourceExhausted)
}

func TestAVolumeIsMadeWhereItIsAskedFor(t *testing.T) {
	b := newBench(t)
	for node, code := range map[string]codes.Code{
		"here": codes.OK, "elsewhere": codes.ResourceExhausted,
	} {
		asked := request("volume", 64*mebibyte, true, source{})
		place := &csi.Topology{Segments: map[string]string{"csi.detour.dev/node": node}}
		asked.AccessibilityRequirements = &csi.TopologyRequirement{
			Requisite: []*csi.Topology{place},
		}
		_, err := b.CreateVolume(t.Context(), asked)
		wantCode(t, err, code)
	}
}

func TestASnapshotIsReadyWhenTheClassSays(t *testing.T) {
	b := newBench(t)
	volume := b.volume("source", 64*mebibyte, true, source{})
	for after, ready := range map[string]bool{"1h": false, "never": false, "0s": true} {
		parameters := map[string]string{"readyAfter": after}
		made := b.snapshot("snapshot-"+after, volume, parameters)
		if made.ReadyToUse != ready {
			t.Errorf("%s: ready is %v", after, made.ReadyToUse)
		}
		code := codes.Unavailable
		if ready {
			code = codes.OK
		}
		from := source{Snapshot: made.SnapshotId}
		_, err := b.CreateVolume(t.Context(), request("restored-"+after, 0, true, from))
		wantCode(t, err, code)
	}
}

func TestReadiness(t *testing.T) {
	at := time.Unix(1000, 0)
	late := &snapshot{ReadyAt: &at}
	if late.ready(at.Add(-time.Second)) || !late.ready(at) || (&snapshot{}).ready(at) {
		t.Error("it is ready from a time on, if there is one")
	}
}

func TestFaultsOnDemand(t *testing.T) {
	b := newBench(t)
	volume := b.volume("source", 64*mebibyte, true, source{})
	asked := &csi.CreateSnapshotRequest{
		Name: "snapshot", SourceVolumeId: volume,
		Parameters: map[string]string{"createSnapshot": "fail"},
	}
	_, err := b.CreateSnapshot(t.Context(), asked)
	wantCode(t, err, codes.Internal)
	asked.Parameters = nil
	_, err = b.CreateSnapshot(t.Context(), asked)
	wantCode(t, err, codes.OK)
	broken := request("volume", 0, true, source{})
	broken.Parameters = map[string]string{"createVolume": "fail"}
	_, err = b.CreateVolume(t.Context(), broken)
	wantCode(t, err, codes.Internal)
}

func TestAFileSystemIsNoDevice(t *testing.T) {
	b := newBench(t)
	volume := b.volume("source", 64*mebibyte, false, source{})
	_, err := b.CreateVolume(t.Context(), request("other", 0, true, source{Volume: volume}))
	wantCode(t, err, codes.InvalidArgument)
	_, err = b.NodeStageVolume(t.Context(), &csi.NodeStageVolumeRequest{
		VolumeId: volume, StagingTargetPath: b.folder, VolumeCapability: capability(true),
	})
	wantCode(t, err, codes.InvalidArgument)
}
