package main

import (
	"context"
	"slices"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func (s *snapshot) ready(now time.Time) bool {
	return s.ReadyAt != nil && !now.Before(*s.ReadyAt)
}

func (s *snapshot) answer() *csi.Snapshot {
	return &csi.Snapshot{
		SnapshotId:     s.ID,
		SourceVolumeId: s.Volume,
		SizeBytes:      s.Size,
		CreationTime:   timestamppb.New(s.Made),
		ReadyToUse:     s.ready(time.Now()),
	}
}

func (d *driver) CreateSnapshot(
	_ context.Context, asked *csi.CreateSnapshotRequest,
) (*csi.CreateSnapshotResponse, error) {
	if asked.GetName() == "" {
		return nil, status.Error(codes.InvalidArgument, "the name is missing")
	}
	class, err := readSnapshotClass(asked.GetParameters())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	id := identity(d.node, asked.GetName())
	if found, err := d.pool.snapshots().find(id); err != nil || found != nil {
		return snapshotAgain(found, asked.GetSourceVolumeId(), err)
	}
	volume, err := d.volume(asked.GetSourceVolumeId())
	if err != nil {
		return nil, err
	}
	if class.fail {
		return nil, status.Error(codes.Internal, "the class has snapshots fail")
	}
	image := d.pool.volumes().image(volume.ID)
	if err := settle(image); err != nil {
		return nil, err
	}
	made := &snapshot{
		ID: id, Volume: volume.ID, Block: volume.Block, Size: volume.Size, Made: time.Now(),
	}
	if !class.never {
		ready := made.Made.Add(class.readyAfter)
		made.ReadyAt = &ready
	}
	err = d.pool.snapshots().add(id, made, func(copied string) error { return share(image, copied) })
	if err != nil {
		return nil, err
	}
	return &csi.CreateSnapshotResponse{Snapshot: made.answer()}, nil
}

// snapshotAgain is the answer to a request that was answered before; it may have become ready.
func snapshotAgain(found *snapshot, volume string, err error) (*csi.CreateSnapshotResponse, error) {
	if err != nil {
		return nil, err
	}
	if found.Volume != volume {
		return nil, status.Errorf(codes.AlreadyExists, "%s is of volume %s", found.ID, found.Volume)
	}
	return &csi.CreateSnapshotResponse{Snapshot: found.answer()}, nil
}

func (d *driver) DeleteSnapshot(
	_ context.Context, asked *csi.DeleteSnapshotRequest,
) (*csi.DeleteSnapshotResponse, error) {
	id := asked.GetSnapshotId()
	if id == "" {
		return nil, status.Error(codes.InvalidArgument, "the snapshot id is missing")
	}
	if err := d.mine(id); err != nil {
		return nil, err
	}
	found, err := d.pool.snapshots().find(id)
	if err != nil || found == nil {
		return &csi.DeleteSnapshotResponse{}, err
	}
	return &csi.DeleteSnapshotResponse{}, d.pool.snapshots().remove(id)
}

func (d *driver) ListSnapshots(
	_ context.Context, asked *csi.ListSnapshotsRequest,
) (*csi.ListSnapshotsResponse, error) {
	all, err := d.pool.snapshots().all()
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(one *snapshot) bool {
		id, volume := asked.GetSnapshotId(), asked.GetSourceVolumeId()
		return id != "" && id != one.ID || volume != "" && volume != one.Volume
	})
	some, next, err := page(all, asked.GetStartingToken(), asked.GetMaxEntries())
	answer := &csi.ListSnapshotsResponse{NextToken: next}
	for _, one := range some {
		answer.Entries = append(answer.Entries,
			&csi.ListSnapshotsResponse_Entry{Snapshot: one.answer()})
	}
	return answer, err
}
