package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

const (
	diskGroup = 6
	patience  = 30 * time.Second
)

// command runs a program; the error of one that fails has its words.
func command(words ...string) (string, error) {
	var said, complaint bytes.Buffer
	program := exec.Command(words[0], words[1:]...)
	program.Stdout, program.Stderr = &said, &complaint
	if err := program.Run(); err != nil {
		return "", fmt.Errorf("%s: %w: %s", strings.Join(words, " "), err,
			strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSpace(said.String()), nil
}

// loopOver is the loop device over a file, or "".
func loopOver(file string) (string, error) {
	listed, err := command("losetup", "--associated", file, "--output", "NAME", "--noheadings")
	device, _, _ := strings.Cut(listed, "\n")
	return strings.TrimSpace(device), err
}

// attach is the loop device over a file, made if there is none.
func attach(file string) (string, error) {
	if device, err := loopOver(file); err != nil || device != "" {
		return device, err
	}
	device, err := command("losetup", "--find", "--show", file)
	if err != nil {
		return "", err
	}
	// As udev does on a node that has one.
	return device, errors.Join(os.Chown(device, 0, diskGroup), os.Chmod(device, 0o660))
}

// detach takes a loop device away; one in use goes with its last user.
func detach(device string) error {
	_, err := command("losetup", "--detach", device)
	return err
}

// release takes away the loop device over a file, and waits until it has gone.
func release(file string) error {
	device, err := loopOver(file)
	if err != nil || device == "" {
		return err
	}
	found, err := mountOf(device)
	if err != nil {
		return err
	}
	if found != nil {
		return fmt.Errorf("%s is still mounted at %s", device, found.place)
	}
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		device, err := loopOver(file)
		if err != nil || device == "" {
			return err
		}
		// One that was marked may go by itself meanwhile: then there is nothing left to detach.
		err = detach(device)
		if time.Now().After(end) {
			return errors.Join(err, fmt.Errorf("%s is still over %s", device, file))
		}
	}
}

// settle brings into an image what was written to the volume before: by a file system's users
// into its journal or its files, by those of a device into the page cache.
func settle(image string) error {
	device, err := loopOver(image)
	if err != nil || device == "" {
		return err
	}
	found, err := mountOf(device)
	if err != nil || found == nil {
		return errors.Join(err, flush(device))
	}
	folder, err := os.Open(found.place)
	if err != nil {
		return err
	}
	return errors.Join(unix.Syncfs(int(folder.Fd())), folder.Close())
}

// format makes a file system. The image holds nothing yet: it is all zeroes.
//
// Of a small one the defaults would take a seventh (measured); KubeVirt counts on less than 5.5 %,
// its "filesystemOverhead". So there are few inodes and a small journal; it may grow to 8 times its
// size while it is in use.
func format(image string, size int64) error {
	const block = 1024
	extended := fmt.Sprintf("resize=%d,nodiscard,assume_storage_prezeroed=1", 8*size/block)
	_, err := command("mkfs.ext4", "-q", "-F", "-m", "0", "-b", strconv.Itoa(block), "-i", "262144",
		"-J", "size=1", "-E", extended, image)
	return err
}

// grow makes a file system that is not in use as large as its image. One that was in use when it was
// copied has its journal applied first.
func grow(image string) error {
	_, err := command("e2fsck", "-f", "-p", image)
	var ended *exec.ExitError
	// 1: it was put in order (e2fsck(8)).
	if err != nil && (!errors.As(err, &ended) || ended.ExitCode() != 1) {
		return err
	}
	_, err = command("resize2fs", image)
	return err
}

// growInUse makes a loop device, and what file system is on it, as large as the image. For the
// latter the kernel wants CAP_SYS_RESOURCE, which root lacks on some machines (measured).
func growInUse(device string, block bool) error {
	if _, err := command("losetup", "--set-capacity", device); err != nil || block {
		return err
	}
	_, err := command("resize2fs", device)
	return err
}
