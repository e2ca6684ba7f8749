package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// pool is the file system that holds the images of volumes and snapshots.
type pool struct {
	folder string
}

// poolFile names the node: what takes it down finds the loop device by this name, which is all that
// can be seen of the file when the container that attached it has ended.
func poolFile(folder, node string) string {
	return filepath.Join(folder, "detour-csi-"+node+".img")
}

// openPool mounts the pool that is a file in a folder, and makes it first if there is none.
//
// One that is mounted is taken as it is: it outlives the driver, as the volumes in it do.
func openPool(folder, node string, size int64) (*pool, error) {
	file, mounted := poolFile(folder, node), filepath.Join(folder, "pool")
	if err := os.MkdirAll(mounted, 0o755); err != nil {
		return nil, err
	}
	if found, err := mountedAt(mounted); err != nil || found != nil {
		return &pool{mounted}, err
	}
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		if err := makePool(file, size); err != nil {
			return nil, err
		}
	}
	used, err := loopOver(file)
	if err != nil {
		return nil, err
	}
	if used != "" {
		return nil, fmt.Errorf("%s is mounted elsewhere, over %s", file, used)
	}
	device, err := attach(file)
	if err != nil {
		return nil, err
	}
	if _, err := command("mount", "-t", "xfs", "-o", "discard", device, mounted); err != nil {
		return nil, errors.Join(err, detach(device))
	}
	// As it is in use, it is only marked: it goes when the file system is unmounted.
	return &pool{mounted}, detach(device)
}

func makePool(file string, size int64) error {
	begun := file + ".new"
	if err := makeSparse(begun, size); err != nil {
		return err
	}
	if _, err := command("mkfs.xfs", "-q", "-f", "-m", "reflink=1", begun); err != nil {
		return err
	}
	return os.Rename(begun, file)
}

// free is how many bytes can still be written.
func (p *pool) free() (int64, error) {
	var found unix.Statfs_t
	if err := unix.Statfs(p.folder, &found); err != nil {
		return 0, err
	}
	return int64(found.Bavail) * found.Bsize, nil
}

func makeSparse(path string, size int64) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Truncate(size), file.Sync(), file.Close())
}

// share makes a file with the extents of another: the other as it is at one moment, because XFS
// lets no write to it happen meanwhile (ioctl_ficlone(2)). Writes in the page cache are in it.
func share(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	file, err := os.Create(to)
	if err != nil {
		return err
	}
	cloned := unix.IoctlFileClone(int(file.Fd()), int(source.Fd()))
	return errors.Join(cloned, file.Sync(), file.Close())
}
