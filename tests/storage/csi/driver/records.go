package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// volume is what is known of a volume beside its image.
type volume struct {
	ID       string `json:"id"`
	Block    bool   `json:"block"`
	Size     int64  `json:"size"`
	Multiple int64  `json:"multiple"`
	Source   source `json:"source"`
}

// source is where a volume's content came from: one of the two, or nothing.
type source struct {
	Snapshot string `json:"snapshot,omitempty"`
	Volume   string `json:"volume,omitempty"`
}

// snapshot is what is known of a snapshot beside its image. It is never ready without a time.
type snapshot struct {
	ID      string     `json:"id"`
	Volume  string     `json:"volume"`
	Block   bool       `json:"block"`
	Size    int64      `json:"size"`
	Made    time.Time  `json:"made"`
	ReadyAt *time.Time `json:"readyAt,omitempty"`
}

// shelf is a folder with a folder for each volume, or for each snapshot.
type shelf[Record volume | snapshot] struct {
	folder string
}

func (p *pool) volumes() shelf[volume] {
	return shelf[volume]{filepath.Join(p.folder, "volumes")}
}

func (p *pool) snapshots() shelf[snapshot] {
	return shelf[snapshot]{filepath.Join(p.folder, "snapshots")}
}

// identity is the id of what has a name: the same again for a request that is repeated.
func identity(node, name string) string {
	digest := sha256.Sum256([]byte(name))
	return node + "." + hex.EncodeToString(digest[:12])
}

// nodeOf is the node that an id names; none if no driver of ours made the id.
func nodeOf(id string) string {
	return id[:max(strings.LastIndex(id, "."), 0)]
}

func (s shelf[Record]) image(id string) string {
	return filepath.Join(s.folder, id, "image")
}

func (s shelf[Record]) record(id string) string {
	return filepath.Join(s.folder, id, "record.json")
}

// find is nil for what is not there, or was not finished when the driver ended.
func (s shelf[Record]) find(id string) (*Record, error) {
	if id != filepath.Base(id) {
		return nil, nil
	}
	text, err := os.ReadFile(s.record(id))
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	found := new(Record)
	return found, json.Unmarshal(text, found)
}

// all is sorted by id.
func (s shelf[Record]) all() ([]*Record, error) {
	entries, err := os.ReadDir(s.folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var found []*Record
	for _, entry := range entries {
		record, err := s.find(entry.Name())
		if err != nil {
			return nil, err
		}
		if record != nil {
			found = append(found, record)
		}
	}
	return found, nil
}

// add makes the image, and last the record: what has one is whole, also after a power failure.
func (s shelf[Record]) add(id string, record *Record, fill func(image string) error) error {
	folder := filepath.Join(s.folder, id)
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o755)); err != nil {
		return err
	}
	if err := fill(s.image(id)); err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	return s.write(id, record)
}

func (s shelf[Record]) write(id string, record *Record) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	begun, err := os.Create(s.record(id) + ".new")
	if err != nil {
		return err
	}
	_, err = begun.Write(text)
	if err := errors.Join(err, begun.Sync(), begun.Close()); err != nil {
		return err
	}
	if err := os.Rename(begun.Name(), s.record(id)); err != nil {
		return err
	}
	return flush(filepath.Dir(s.record(id)))
}

// remove takes the record first: what is left after a power failure is then not a volume any more.
func (s shelf[Record]) remove(id string) error {
	err := os.Remove(s.record(id))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(filepath.Join(s.folder, id))
}

// flush writes a file, a folder or a device to what is below it.
func flush(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
