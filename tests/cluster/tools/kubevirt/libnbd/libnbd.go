// Package libnbd has the names of libnbd's Go binding that KubeVirt's launcher is compiled with.
//
// The binding's module is not in the public module proxy. The launcher uses it to serve the data
// of an incremental backup only; here that is answered with an error.
package libnbd

import "errors"

// The names of the contexts and the flags of extents, as in the NBD protocol.
const (
	CONTEXT_BASE_ALLOCATION          = "base:allocation"
	CONTEXT_QEMU_DIRTY_BITMAP        = "qemu:dirty-bitmap:"
	STATE_HOLE                uint64 = 1
	STATE_ZERO                uint64 = 2
	STATE_DIRTY               uint64 = 1
)

var errNotBuilt = errors.New("this launcher was built without libnbd")

// LibnbdExtent is an extent of a context.
type LibnbdExtent struct {
	Length uint64
	Flags  uint64
}

// Libnbd is a connection, which is never made.
type Libnbd struct{}

// ExtentCallback is told the extents.
type ExtentCallback = func(metacontext string, offset uint64, entries []LibnbdExtent, err *int) int

// BlockStatus64Optargs has the options of BlockStatus64.
type BlockStatus64Optargs struct{}

// PreadOptargs has the options of Pread.
type PreadOptargs struct{}

// Create fails.
func Create() (*Libnbd, error) { return nil, errNotBuilt }

// Close does nothing.
func (*Libnbd) Close() error { return nil }

// AddMetaContext fails.
func (*Libnbd) AddMetaContext(string) error { return errNotBuilt }

// CanMetaContext fails.
func (*Libnbd) CanMetaContext(string) (bool, error) { return false, errNotBuilt }

// GetSize fails.
func (*Libnbd) GetSize() (uint64, error) { return 0, errNotBuilt }

// Pread fails.
func (*Libnbd) Pread([]byte, uint64, *PreadOptargs) error { return errNotBuilt }

// SetExportName fails.
func (*Libnbd) SetExportName(string) error { return errNotBuilt }

// ConnectUnix fails.
func (*Libnbd) ConnectUnix(string) error { return errNotBuilt }

// BlockStatus64 fails.
func (*Libnbd) BlockStatus64(uint64, uint64, ExtentCallback, *BlockStatus64Optargs) error {
	return errNotBuilt
}
