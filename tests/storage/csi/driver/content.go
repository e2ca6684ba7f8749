package main

import (
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// content is an image that a volume is made from, and its bytes; neither for an empty volume.
type content struct {
	image string
	size  int64
}

func sourceOf(asked *csi.VolumeContentSource) source {
	return source{
		Snapshot: asked.GetSnapshot().GetSnapshotId(), Volume: asked.GetVolume().GetVolumeId(),
	}
}

func (s source) asContent() *csi.VolumeContentSource {
	switch {
	case s.Snapshot != "":
		return &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Snapshot{
			Snapshot: &csi.VolumeContentSource_SnapshotSource{SnapshotId: s.Snapshot},
		}}
	case s.Volume != "":
		return &csi.VolumeContentSource{Type: &csi.VolumeContentSource_Volume{
			Volume: &csi.VolumeContentSource_VolumeSource{VolumeId: s.Volume},
		}}
	}
	return nil
}

// content finds what a volume is to be made from, with all that was written to it before.
func (d *driver) content(made *volume, class classParameters) (content, error) {
	var found content
	var block bool
	switch {
	case made.Source.Snapshot != "":
		snapshot, err := d.readySnapshot(made.Source.Snapshot)
		if err != nil {
			return content{}, err
		}
		block = snapshot.Block
		found = content{d.pool.snapshots().image(snapshot.ID), snapshot.Size}
	case made.Source.Volume != "":
		volume, err := d.clonedVolume(made.Source.Volume, class.refuseInUse)
		if err != nil {
			return content{}, err
		}
		block = volume.Block
		found = content{d.pool.volumes().image(volume.ID), volume.Size}
	default:
		return content{}, nil
	}
	if block != made.Block {
		return content{}, status.Error(codes.InvalidArgument,
			"a device is not made from a file system, nor the other way round")
	}
	return found, nil
}

func (d *driver) readySnapshot(id string) (*snapshot, error) {
	if err := d.mine(id); err != nil {
		return nil, err
	}
	found, err := d.pool.snapshots().find(id)
	if err != nil {
		return nil, err
	}
	if found == nil {
		return nil, status.Errorf(codes.NotFound, "there is no snapshot %s", id)
	}
	if !found.ready(time.Now()) {
		return nil, status.Errorf(codes.Unavailable, "snapshot %s is not ready", id)
	}
	return found, nil
}

func (d *driver) clonedVolume(id string, refuseInUse bool) (*volume, error) {
	if err := d.mine(id); err != nil {
		return nil, err
	}
	found, err := d.volume(id)
	if err != nil {
		return nil, err
	}
	image := d.pool.volumes().image(id)
	used, err := loopOver(image)
	if err != nil {
		return nil, err
	}
	if used != "" && refuseInUse {
		return nil, status.Errorf(codes.FailedPrecondition, "volume %s is in use", id)
	}
	return found, settle(image)
}

// volume is a volume of this node.
func (d *driver) volume(id string) (*volume, error) {
	if id == "" {
		return nil, status.Error(codes.InvalidArgument, "the volume id is missing")
	}
	found, err := d.pool.volumes().find(id)
	if err == nil && found == nil {
		err = status.Errorf(codes.NotFound, "there is no volume %s", id)
	}
	return found, err
}

// mine is an error for what is on another node: it is there, and cannot be reached.
func (d *driver) mine(id string) error {
	if node := nodeOf(id); node != "" && node != d.node {
		return status.Errorf(codes.ResourceExhausted, "%s is on %s, this is %s", id, node, d.node)
	}
	return nil
}
