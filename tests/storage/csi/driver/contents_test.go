package main

import (
	"os"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc/codes"
)

func eachMode(t *testing.T, test func(b bench, block bool)) {
	for name, block := range map[string]bool{"file": false, "device": true} {
		t.Run(name, func(t *testing.T) { test(newBench(t), block) })
	}
}

func TestASnapshotOfAVolumeInUseHoldsWhatWasWrittenBefore(t *testing.T) {
	eachMode(t, func(b bench, block bool) {
		volume := b.volume("source", 64*mebibyte, block, source{})
		there := disk(b.publish(volume, block), block)
		b.write(there, 1)
		snapshot := b.snapshot("snapshot", volume, nil)
		b.write(there, 2)
		restored := b.volume("restored", 0, block, source{Snapshot: snapshot.SnapshotId})
		b.expect(disk(b.publish(restored, block), block), 1)
		b.expect(there, 2)
	})
}

func TestACloneOfAVolumeInUseHoldsWhatWasWrittenBefore(t *testing.T) {
	eachMode(t, func(b bench, block bool) {
		volume := b.volume("source", 64*mebibyte, block, source{})
		there := disk(b.publish(volume, block), block)
		b.write(there, 1)
		cloned := b.volume("cloned", 0, block, source{Volume: volume})
		copied := disk(b.publish(cloned, block), block)
		b.write(there, 2)
		b.expect(copied, 1)
		b.write(copied, 3)
		b.expect(there, 2)
	})
}

func TestASnapshotOutlivesItsVolume(t *testing.T) {
	b := newBench(t)
	volume := b.volume("source", 64*mebibyte, true, source{})
	snapshot := b.snapshot("snapshot", volume, nil)
	_, err := b.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: volume})
	wantCode(t, err, codes.OK)
	b.volume("restored", 0, true, source{Snapshot: snapshot.SnapshotId})
}

func TestAVolumeInUseIsNotDeleted(t *testing.T) {
	b := newBench(t)
	volume := b.volume("source", 64*mebibyte, false, source{})
	b.publish(volume, false)
	_, err := b.DeleteVolume(t.Context(), &csi.DeleteVolumeRequest{VolumeId: volume})
	wantCode(t, err, codes.FailedPrecondition)
}

func TestARestoreMayBeLarger(t *testing.T) {
	eachMode(t, func(b bench, block bool) {
		volume := b.volume("source", 64*mebibyte, block, source{})
		b.write(disk(b.publish(volume, block), block), 1)
		snapshot := b.snapshot("snapshot", volume, nil)
		from := source{Snapshot: snapshot.SnapshotId}
		target := b.publish(b.volume("larger", 256*mebibyte, block, from), block)
		b.room(target, block, 200*mebibyte)
		b.expect(disk(target, block), 1)
		_, err := b.CreateVolume(b.Context(), request("smaller", 32*mebibyte, block, from))
		wantCode(b.T, err, codes.OutOfRange)
	})
}

func TestAVolumeGrowsWhileItIsInUse(t *testing.T) {
	eachMode(t, func(b bench, block bool) {
		if !block && !mayGrowInUse(b.T) {
			b.Skip("the kernel wants CAP_SYS_RESOURCE")
		}
		volume := b.volume("source", 64*mebibyte, block, source{})
		target := b.publish(volume, block)
		grown, err := b.NodeExpandVolume(b.Context(), &csi.NodeExpandVolumeRequest{
			VolumeId: volume, VolumePath: target,
			CapacityRange: &csi.CapacityRange{RequiredBytes: 255 * mebibyte},
		})
		wantCode(b.T, err, codes.OK)
		if grown.GetCapacityBytes() != 256*mebibyte {
			b.Errorf("%d bytes", grown.GetCapacityBytes())
		}
		b.room(target, block, 200*mebibyte)
	})
}

func TestAFileSystemTakesNoMoreThanKubeVirtCountsOn(t *testing.T) {
	b := newBench(t)
	target := b.publish(b.volume("volume", 64*mebibyte, false, source{}), false)
	b.room(target, false, 64*mebibyte*945/1000)
}

func mayGrowInUse(t *testing.T) bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var found [2]unix.CapUserData
	if err := unix.Capget(&header, &found[0]); err != nil {
		t.Fatal(err)
	}
	return found[0].Effective&(1<<unix.CAP_SYS_RESOURCE) != 0
}

// room has a volume hold at least so many bytes.
func (b bench) room(target string, block bool, least int64) {
	b.Helper()
	var found int64
	if block {
		device, err := os.Open(target)
		if err != nil {
			b.Fatal(err)
		}
		defer device.Close()
		if found, err = device.Seek(0, 2); err != nil {
			b.Fatal(err)
		}
	} else {
		var there unix.Statfs_t
		if err := unix.Statfs(target, &there); err != nil {
			b.Fatal(err)
		}
		found = int64(there.Bavail) * there.Bsize
	}
	if found < least {
		b.Errorf("%s has %d bytes", target, found)
	}
}
