package main

import (
	"context"

	"github.com/container-storage-interface/spec/lib/go/csi"
)

func (d *driver) topologyKey() string {
	return d.name + "/node"
}

func (d *driver) topology() *csi.Topology {
	return &csi.Topology{Segments: map[string]string{d.topologyKey(): d.node}}
}

// isHere is whether one of the places is this node; if none is named, any will do.
func (d *driver) isHere(places []*csi.Topology) bool {
	for _, place := range places {
		if place.GetSegments()[d.topologyKey()] == d.node {
			return true
		}
	}
	return len(places) == 0
}

func (d *driver) NodeGetInfo(
	context.Context, *csi.NodeGetInfoRequest,
) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: d.node, AccessibleTopology: d.topology()}, nil
}
