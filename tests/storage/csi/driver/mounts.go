package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// mount is a line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mount struct {
	device  string
	place   string
	options []string
}

func mounts() ([]mount, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	var found []mount
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		found = append(found, mount{fields[2], fields[4], strings.Split(fields[5], ",")})
	}
	return found, nil
}

// mountedAt is what is mounted at a place, the uppermost; nil if nothing is.
func mountedAt(place string) (*mount, error) {
	resolved, err := filepath.EvalSymlinks(place)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found, err := mounts()
	if err != nil {
		return nil, err
	}
	for _, one := range slices.Backward(found) {
		if one.place == resolved {
			return &one, nil
		}
	}
	return nil, nil
}

// mountOf is a mount of the file system on a device; nil if it is not mounted.
func mountOf(device string) (*mount, error) {
	var status unix.Stat_t
	if err := unix.Stat(device, &status); err != nil {
		return nil, err
	}
	number := fmt.Sprintf("%d:%d", unix.Major(status.Rdev), unix.Minor(status.Rdev))
	found, err := mounts()
	if err != nil {
		return nil, err
	}
	for _, one := range found {
		if one.device == number {
			return &one, nil
		}
	}
	return nil, nil
}

// bind shows a folder, or a device, at another place.
func bind(from, to string, readOnly bool) error {
	if _, err := command("mount", "--bind", from, to); err != nil {
		return err
	}
	if !readOnly {
		return nil
	}
	_, err := command("mount", "-o", "remount,bind,ro", to)
	return err
}

// unmount takes away what is mounted at a place; nothing is no error.
func unmount(place string) error {
	found, err := mountedAt(place)
	if err != nil || found == nil {
		return err
	}
	_, err = command("umount", place)
	return err
}
