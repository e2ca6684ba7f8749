package main

import (
	"context"
	"os"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func (d *driver) CreateVolume(
	_ context.Context, asked *csi.CreateVolumeRequest,
) (*csi.CreateVolumeResponse, error) {
	if asked.GetName() == "" {
		return nil, status.Error(codes.InvalidArgument, "the name is missing")
	}
	block, err := isBlock(asked.GetVolumeCapabilities()...)
	if err != nil {
		return nil, err
	}
	class, err := readClass(asked.GetParameters())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	if !d.isHere(asked.GetAccessibilityRequirements().GetRequisite()) {
		return nil, status.Errorf(codes.ResourceExhausted, "volumes are made on %s only", d.node)
	}
	made := &volume{
		ID: identity(d.node, asked.GetName()), Block: block, Multiple: class.multiple,
		Source: sourceOf(asked.GetVolumeContentSource()),
	}
	if found, err := d.pool.volumes().find(made.ID); err != nil || found != nil {
		return d.again(found, made, asked.GetCapacityRange(), err)
	}
	if class.fail {
		return nil, status.Error(codes.Internal, "the class has volumes fail")
	}
	content, err := d.content(made, class)
	if err != nil {
		return nil, err
	}
	made.Size, err = sizeOf(asked.GetCapacityRange(), class.minimum, class.multiple, content.size)
	if err != nil {
		return nil, err
	}
	return d.answer(made, d.make(made, content))
}

// again is the answer to a request that was answered before.
func (d *driver) again(
	found, wanted *volume, asked *csi.CapacityRange, err error,
) (*csi.CreateVolumeResponse, error) {
	if err != nil {
		return nil, err
	}
	if found.Block != wanted.Block || found.Source != wanted.Source || !fits(found.Size, asked) {
		return nil, status.Errorf(codes.AlreadyExists, "%s is another volume: %+v", found.ID, *found)
	}
	return d.answer(found, nil)
}

func (d *driver) make(made *volume, content content) error {
	free, err := d.pool.free()
	if err != nil {
		return err
	}
	if made.Size > free {
		return status.Errorf(codes.ResourceExhausted, "%d bytes are free, not %d", free, made.Size)
	}
	return d.pool.volumes().add(made.ID, made, func(image string) error {
		if err := fill(image, made, content); err != nil {
			return err
		}
		return flush(image)
	})
}

// fill makes a volume's image: what it is made from, with a hole at its end if it is larger.
func fill(image string, made *volume, content content) error {
	if content.image == "" {
		if err := makeSparse(image, made.Size); err != nil || made.Block {
			return err
		}
		return format(image, made.Size)
	}
	if err := share(content.image, image); err != nil || made.Size == content.size {
		return err
	}
	if err := os.Truncate(image, made.Size); err != nil || made.Block {
		return err
	}
	return grow(image)
}

func (d *driver) answer(made *volume, err error) (*csi.CreateVolumeResponse, error) {
	if err != nil {
		return nil, err
	}
	volume := &csi.Volume{
		VolumeId:           made.ID,
		CapacityBytes:      made.Size,
		ContentSource:      made.Source.asContent(),
		AccessibleTopology: []*csi.Topology{d.topology()},
	}
	return &csi.CreateVolumeResponse{Volume: volume}, nil
}

func (d *driver) DeleteVolume(
	_ context.Context, asked *csi.DeleteVolumeRequest,
) (*csi.DeleteVolumeResponse, error) {
	id := asked.GetVolumeId()
	if id == "" {
		return nil, status.Error(codes.InvalidArgument, "the volume id is missing")
	}
	if err := d.mine(id); err != nil {
		return nil, err
	}
	found, err := d.pool.volumes().find(id)
	if err != nil || found == nil {
		return &csi.DeleteVolumeResponse{}, err
	}
	used, err := loopOver(d.pool.volumes().image(id))
	if err != nil {
		return nil, err
	}
	if used != "" {
		return nil, status.Errorf(codes.FailedPrecondition, "%s is in use", id)
	}
	return &csi.DeleteVolumeResponse{}, d.pool.volumes().remove(id)
}

func (d *driver) ListVolumes(
	_ context.Context, asked *csi.ListVolumesRequest,
) (*csi.ListVolumesResponse, error) {
	all, err := d.pool.volumes().all()
	if err != nil {
		return nil, err
	}
	some, next, err := page(all, asked.GetStartingToken(), asked.GetMaxEntries())
	answer := &csi.ListVolumesResponse{NextToken: next}
	for _, one := range some {
		answer.Entries = append(answer.Entries, &csi.ListVolumesResponse_Entry{
			Volume: &csi.Volume{VolumeId: one.ID, CapacityBytes: one.Size},
		})
	}
	return answer, err
}

func (d *driver) ValidateVolumeCapabilities(
	_ context.Context, asked *csi.ValidateVolumeCapabilitiesRequest,
) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	found, err := d.volume(asked.GetVolumeId())
	if err != nil {
		return nil, err
	}
	if len(asked.GetVolumeCapabilities()) == 0 {
		return nil, status.Error(codes.InvalidArgument, "volume capabilities are missing")
	}
	block, err := isBlock(asked.GetVolumeCapabilities()...)
	if err != nil || block != found.Block {
		return &csi.ValidateVolumeCapabilitiesResponse{Message: "it has no such capability"}, nil
	}
	return &csi.ValidateVolumeCapabilitiesResponse{
		Confirmed: &csi.ValidateVolumeCapabilitiesResponse_Confirmed{
			VolumeCapabilities: asked.GetVolumeCapabilities(),
		},
	}, nil
}

func (d *driver) GetCapacity(
	_ context.Context, asked *csi.GetCapacityRequest,
) (*csi.GetCapacityResponse, error) {
	if where := asked.GetAccessibleTopology(); where != nil && !d.isHere([]*csi.Topology{where}) {
		return &csi.GetCapacityResponse{}, nil
	}
	free, err := d.pool.free()
	return &csi.GetCapacityResponse{AvailableCapacity: free}, err
}
