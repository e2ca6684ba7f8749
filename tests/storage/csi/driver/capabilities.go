package main

import (
	"context"
	"slices"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const fileSystem = "ext4"

var accessModes = []csi.VolumeCapability_AccessMode_Mode{
	csi.VolumeCapability_AccessMode_SINGLE_NODE_WRITER,
	csi.VolumeCapability_AccessMode_SINGLE_NODE_READER_ONLY,
}

// isBlock is whether a volume with these capabilities is a device: one volume is not both.
func isBlock(asked ...*csi.VolumeCapability) (bool, error) {
	if len(asked) == 0 || asked[0] == nil {
		return false, status.Error(codes.InvalidArgument, "volume capabilities are missing")
	}
	block := asked[0].GetBlock() != nil
	for _, one := range asked {
		mode := one.GetAccessMode().GetMode()
		kind := one.GetMount().GetFsType()
		switch {
		case one.GetBlock() == nil && one.GetMount() == nil:
			return false, status.Error(codes.InvalidArgument, "an access type is missing")
		case (one.GetBlock() != nil) != block:
			return false, status.Error(codes.InvalidArgument, "a volume has one access type")
		case !slices.Contains(accessModes, mode):
			return false, status.Errorf(codes.InvalidArgument, "access mode %v: %s", mode,
				"volumes are on one node")
		case kind != "" && kind != fileSystem:
			return false, status.Errorf(codes.InvalidArgument, "file system %s: only %s", kind,
				fileSystem)
		}
	}
	return block, nil
}

func (d *driver) ControllerGetCapabilities(
	context.Context, *csi.ControllerGetCapabilitiesRequest,
) (*csi.ControllerGetCapabilitiesResponse, error) {
	answer := &csi.ControllerGetCapabilitiesResponse{}
	for _, kind := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_LIST_VOLUMES,
		csi.ControllerServiceCapability_RPC_GET_CAPACITY,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_LIST_SNAPSHOTS,
		csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
	} {
		answer.Capabilities = append(answer.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{
				Rpc: &csi.ControllerServiceCapability_RPC{Type: kind},
			},
		})
	}
	return answer, nil
}

// Volumes are expanded by the node alone: csi-resizer is one for all nodes, and the pool is not.
func (d *driver) NodeGetCapabilities(
	context.Context, *csi.NodeGetCapabilitiesRequest,
) (*csi.NodeGetCapabilitiesResponse, error) {
	answer := &csi.NodeGetCapabilitiesResponse{}
	for _, kind := range []csi.NodeServiceCapability_RPC_Type{
		csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME,
		csi.NodeServiceCapability_RPC_EXPAND_VOLUME,
	} {
		answer.Capabilities = append(answer.Capabilities, &csi.NodeServiceCapability{
			Type: &csi.NodeServiceCapability_Rpc{
				Rpc: &csi.NodeServiceCapability_RPC{Type: kind},
			},
		})
	}
	return answer, nil
}
