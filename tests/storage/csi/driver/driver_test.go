package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// These tests mount file systems: they run as root, in a mount namespace of their own.

const mebibyte = 1 << 20

type bench struct {
	*testing.T
	*driver
	folder string
}

func newBench(t *testing.T) bench {
	t.Helper()
	folder := t.TempDir()
	pool, err := openPool(folder, "here", 1<<30)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := errors.Join(unmount(pool.folder), release(poolFile(folder, "here")))
		if err != nil {
			t.Error(err)
		}
	})
	given := settings{name: "csi.detour.dev", node: "here"}
	return bench{t, &driver{settings: given, pool: pool}, folder}
}

func capability(block bool) *csi.VolumeCapability {
	mode := &csi.VolumeCapability_AccessMode{
		Mode: csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER,
	}
	if block {
		kind := &csi.VolumeCapability_Block{Block: &csi.VolumeCapability_BlockVolume{}}
		return &csi.VolumeCapability{AccessMode: mode, AccessType: kind}
	}
	kind := &csi.VolumeCapability_Mount{Mount: &csi.VolumeCapability_MountVolume{}}
	return &csi.VolumeCapability{AccessMode: mode, AccessType: kind}
}

func request(name string, size int64, block bool, from source) *csi.CreateVolumeRequest {
	return &csi.CreateVolumeRequest{
		Name:                name,
		CapacityRange:       &csi.CapacityRange{RequiredBytes: size},
		VolumeCapabilities:  []*csi.VolumeCapability{capability(block)},
		VolumeContentSource: from.asContent(),
	}
}

func (b bench) volume(name string, size int64, block bool, from source) string {
	b.Helper()
	made, err := b.CreateVolume(b.Context(), request(name, size, block, from))
	if err != nil {
		b.Fatal(err)
	}
	return made.Volume.VolumeId
}

func (b bench) snapshot(name, volume string, parameters map[string]string) *csi.Snapshot {
	b.Helper()
	asked := &csi.CreateSnapshotRequest{
		Name: name, SourceVolumeId: volume, Parameters: parameters,
	}
	made, err := b.CreateSnapshot(b.Context(), asked)
	if err != nil {
		b.Fatal(err)
	}
	return made.Snapshot
}

// publish makes a volume usable, as kubelet would, and is where.
func (b bench) publish(id string, block bool) string {
	b.Helper()
	staging, target := filepath.Join(b.folder, "staging-"+id), filepath.Join(b.folder, "target-"+id)
	if err := os.MkdirAll(staging, 0o755); err != nil {
		b.Fatal(err)
	}
	_, err := b.NodeStageVolume(b.Context(), &csi.NodeStageVolumeRequest{
		VolumeId: id, StagingTargetPath: staging, VolumeCapability: capability(block),
	})
	if err != nil {
		b.Fatal(err)
	}
	_, err = b.NodePublishVolume(b.Context(), &csi.NodePublishVolumeRequest{
		VolumeId: id, StagingTargetPath: staging, TargetPath: target,
		VolumeCapability: capability(block),
	})
	b.Cleanup(func() {
		_, unpublished := b.NodeUnpublishVolume(b.Context(), &csi.NodeUnpublishVolumeRequest{
			VolumeId: id, TargetPath: target,
		})
		_, unstaged := b.NodeUnstageVolume(b.Context(), &csi.NodeUnstageVolumeRequest{
			VolumeId: id, StagingTargetPath: staging,
		})
		if err := errors.Join(unpublished, unstaged); err != nil {
			b.Error(err)
		}
	})
	if err != nil {
		b.Fatal(err)
	}
	return target
}

// write puts a block past the page cache of whatever is written to, as QEMU does with cache=none,
// and without fsync.
func (b bench) write(path string, value byte) {
	b.Helper()
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_DIRECT, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	_, err = file.WriteAt(aligned(value), mebibyte)
	if err := errors.Join(err, file.Close()); err != nil {
		b.Fatal(err)
	}
}

func (b bench) expect(path string, value byte) {
	b.Helper()
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	found := make([]byte, 4096)
	if _, err := file.ReadAt(found, mebibyte); err != nil {
		b.Fatal(err)
	}
	if !bytes.Equal(found, aligned(value)) {
		b.Errorf("%s: wanted %d, found %d", path, value, found[0])
	}
}

// aligned is a block of one value at an address that O_DIRECT takes.
func aligned(value byte) []byte {
	block, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		panic(err)
	}
	for i := range block {
		block[i] = value
	}
	return block
}

func disk(target string, block bool) string {
	if block {
		return target
	}
	return filepath.Join(target, "disk.img")
}

func wantCode(t *testing.T, err error, wanted codes.Code) {
	t.Helper()
	if status.Code(err) != wanted {
		t.Errorf("wanted %v: %v", wanted, err)
	}
}
