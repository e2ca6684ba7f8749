package main

import (
	"testing"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestSizes(t *testing.T) {
	for name, one := range map[string]struct {
		required, limit, from int64
		size                  int64
		code                  codes.Code
	}{
		"nothing is asked for":       {size: 100},
		"less than the least":        {required: 1, size: 100},
		"rounded up":                 {required: 101, size: 110},
		"a multiple":                 {required: 110, size: 110},
		"just below the limit":       {required: 101, limit: 110, size: 110},
		"rounded beyond the limit":   {required: 101, limit: 109, code: codes.OutOfRange},
		"limit below the least":      {limit: 50, code: codes.OutOfRange},
		"as large as the source":     {required: 200, from: 200, size: 200},
		"larger than the source":     {required: 300, from: 200, size: 300},
		"smaller than the source":    {required: 199, from: 200, code: codes.OutOfRange},
		"only the source says":       {from: 200, size: 200},
		"a source of no such size":   {from: 205, size: 210},
		"limit below the source":     {limit: 150, from: 200, code: codes.OutOfRange},
		"negative":                   {required: -1, code: codes.InvalidArgument},
		"more than a number can say": {required: 1<<63 - 1, code: codes.OutOfRange},
	} {
		asked := &csi.CapacityRange{RequiredBytes: one.required, LimitBytes: one.limit}
		size, err := sizeOf(asked, 100, 10, one.from)
		if size != one.size || status.Code(err) != one.code {
			t.Errorf("%s: %d, %v", name, size, err)
		}
		if err == nil && !fits(size, asked) {
			t.Errorf("%s: %d does not fit", name, size)
		}
	}
}
