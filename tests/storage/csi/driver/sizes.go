package main

import (
	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const largest = 1 << 50

// sizeOf is the bytes of a volume that was asked for.
//
// from is the size of what it is made from, 0 if of nothing: it may be larger than that, and never
// smaller.
func sizeOf(asked *csi.CapacityRange, minimum, multiple, from int64) (int64, error) {
	required, limit := asked.GetRequiredBytes(), asked.GetLimitBytes()
	if required < 0 || limit < 0 {
		return 0, status.Error(codes.InvalidArgument, "a size is negative")
	}
	if required > largest {
		return 0, status.Errorf(codes.OutOfRange, "%d bytes are too many", required)
	}
	if required > 0 && required < from {
		return 0, status.Errorf(codes.OutOfRange,
			"%d bytes are asked for, but the content has %d", required, from)
	}
	size := max(required, minimum, from)
	size = (size + multiple - 1) / multiple * multiple
	if limit > 0 && size > limit {
		return 0, status.Errorf(codes.OutOfRange, "%d bytes are the least, %d the limit", size, limit)
	}
	return size, nil
}

// fits is whether a volume that is there has a size that is asked for.
func fits(size int64, asked *csi.CapacityRange) bool {
	limit := asked.GetLimitBytes()
	return size >= asked.GetRequiredBytes() && (limit == 0 || size <= limit)
}
