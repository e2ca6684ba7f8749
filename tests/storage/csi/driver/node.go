package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (d *driver) NodeStageVolume(
	_ context.Context, asked *csi.NodeStageVolumeRequest,
) (*csi.NodeStageVolumeResponse, error) {
	place := asked.GetStagingTargetPath()
	found, err := d.used(asked.GetVolumeId(), place, asked.GetVolumeCapability())
	if err != nil {
		return nil, err
	}
	device, err := attach(d.pool.volumes().image(found.ID))
	if err != nil || found.Block {
		return &csi.NodeStageVolumeResponse{}, err
	}
	if there, err := mountedAt(place); err != nil || there != nil {
		return &csi.NodeStageVolumeResponse{}, err
	}
	words := []string{"mount", "-t", fileSystem}
	for _, option := range asked.GetVolumeCapability().GetMount().GetMountFlags() {
		words = append(words, "-o", option)
	}
	if _, err := command(append(words, device, place)...); err != nil {
		return nil, err
	}
	// As it is in use, it is only marked: it goes when the file system is unmounted.
	return &csi.NodeStageVolumeResponse{}, detach(device)
}

func (d *driver) NodeUnstageVolume(
	_ context.Context, asked *csi.NodeUnstageVolumeRequest,
) (*csi.NodeUnstageVolumeResponse, error) {
	if asked.GetStagingTargetPath() == "" {
		return nil, status.Error(codes.InvalidArgument, "the staging path is missing")
	}
	found, err := d.volume(asked.GetVolumeId())
	if err != nil {
		return nil, err
	}
	if err := unmount(asked.GetStagingTargetPath()); err != nil {
		return nil, err
	}
	image := d.pool.volumes().image(found.ID)
	return &csi.NodeUnstageVolumeResponse{}, release(image)
}

func (d *driver) NodePublishVolume(
	_ context.Context, asked *csi.NodePublishVolumeRequest,
) (*csi.NodePublishVolumeResponse, error) {
	target, from := asked.GetTargetPath(), asked.GetStagingTargetPath()
	found, err := d.used(asked.GetVolumeId(), target, asked.GetVolumeCapability())
	if err != nil {
		return nil, err
	}
	if from == "" {
		return nil, status.Error(codes.FailedPrecondition, "the staging path is missing")
	}
	if there, err := mountedAt(target); err != nil || there != nil {
		return &csi.NodePublishVolumeResponse{}, err
	}
	if found.Block {
		if from, err = loopOver(d.pool.volumes().image(found.ID)); err != nil {
			return nil, err
		}
		err = makeFile(target)
	} else {
		err = os.MkdirAll(target, 0o750)
	}
	if err != nil {
		return nil, err
	}
	// A device is the same device whatever it is mounted as: what may be done is in the pod's hands.
	return &csi.NodePublishVolumeResponse{}, bind(from, target, asked.GetReadonly() && !found.Block)
}

func (d *driver) NodeUnpublishVolume(
	_ context.Context, asked *csi.NodeUnpublishVolumeRequest,
) (*csi.NodeUnpublishVolumeResponse, error) {
	target := asked.GetTargetPath()
	if target == "" {
		return nil, status.Error(codes.InvalidArgument, "the target path is missing")
	}
	if _, err := d.volume(asked.GetVolumeId()); err != nil {
		return nil, err
	}
	if err := unmount(target); err != nil {
		return nil, err
	}
	err := os.Remove(target)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return &csi.NodeUnpublishVolumeResponse{}, err
}

func (d *driver) NodeExpandVolume(
	_ context.Context, asked *csi.NodeExpandVolumeRequest,
) (*csi.NodeExpandVolumeResponse, error) {
	if asked.GetVolumePath() == "" {
		return nil, status.Error(codes.InvalidArgument, "the volume path is missing")
	}
	found, err := d.volume(asked.GetVolumeId())
	if err != nil {
		return nil, err
	}
	if there, err := mountedAt(asked.GetVolumePath()); err != nil || there == nil {
		return nil, errors.Join(err, status.Errorf(codes.NotFound, "nothing is mounted at %s",
			asked.GetVolumePath()))
	}
	size, err := sizeOf(asked.GetCapacityRange(), found.Size, found.Multiple, 0)
	if err != nil {
		return nil, err
	}
	image := d.pool.volumes().image(found.ID)
	found.Size = size
	err = errors.Join(os.Truncate(image, size), d.pool.volumes().write(found.ID, found))
	if err != nil {
		return nil, err
	}
	device, err := loopOver(image)
	if err != nil {
		return nil, err
	}
	return &csi.NodeExpandVolumeResponse{CapacityBytes: size}, growInUse(device, found.Block)
}

// used is a volume that is to be used at a place, in the way it was made for.
func (d *driver) used(id, place string, asked *csi.VolumeCapability) (*volume, error) {
	if id == "" || place == "" {
		return nil, status.Error(codes.InvalidArgument, "the volume id or the path is missing")
	}
	block, err := isBlock(asked)
	if err != nil {
		return nil, err
	}
	found, err := d.volume(id)
	if err == nil && found.Block != block {
		err = status.Errorf(codes.InvalidArgument, "volume %s has the other access type", id)
	}
	return found, err
}

func makeFile(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	return file.Close()
}
