package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

const (
	defaultMinimum  = 16 << 20
	defaultMultiple = 4 << 20
)

// classParameters is what a StorageClass may ask for.
type classParameters struct {
	// minimum, multiple: a volume's bytes are at least the one, and a multiple of the other.
	minimum, multiple int64
	// refuseInUse: no clone of a volume that is in use, as some drivers have it.
	refuseInUse bool
	// fail: no volume can be made.
	fail bool
}

// snapshotParameters is what a VolumeSnapshotClass may ask for.
type snapshotParameters struct {
	// readyAfter: a snapshot can be used only so long after it was made.
	readyAfter time.Duration
	// never: it never can.
	never bool
	// fail: no snapshot can be made.
	fail bool
}

func readClass(given map[string]string) (classParameters, error) {
	found := classParameters{minimum: defaultMinimum, multiple: defaultMultiple}
	for name, value := range given {
		var err error
		switch name {
		case "minimumSize":
			found.minimum, err = readBytes(value)
		case "multipleOf":
			found.multiple, err = readBytes(value)
		case "cloneInUse":
			found.refuseInUse, err = readWord(value, "allow", "refuse")
		case "createVolume":
			found.fail, err = readWord(value, "work", "fail")
		default:
			err = fmt.Errorf("there is no such parameter")
		}
		if err != nil {
			return found, fmt.Errorf("parameter %s, %q: %w", name, value, err)
		}
	}
	return found, nil
}

func readSnapshotClass(given map[string]string) (snapshotParameters, error) {
	var found snapshotParameters
	for name, value := range given {
		var err error
		switch name {
		case "readyAfter":
			if found.never = value == "never"; !found.never {
				found.readyAfter, err = time.ParseDuration(value)
			}
		case "createSnapshot":
			found.fail, err = readWord(value, "work", "fail")
		default:
			err = fmt.Errorf("there is no such parameter")
		}
		if err != nil {
			return found, fmt.Errorf("parameter %s, %q: %w", name, value, err)
		}
	}
	return found, nil
}

// readWord is whether the value is the second of two words.
func readWord(value, first, second string) (bool, error) {
	if value != first && value != second {
		return false, fmt.Errorf("it may be %s or %s", first, second)
	}
	return value == second, nil
}

// readBytes reads a positive number, with Ki, Mi or Gi behind it or without.
func readBytes(value string) (int64, error) {
	factor := int64(1)
	for end, of := range map[string]int64{"Ki": 1 << 10, "Mi": 1 << 20, "Gi": 1 << 30} {
		if digits, has := strings.CutSuffix(value, end); has {
			value, factor = digits, of
		}
	}
	number, err := strconv.ParseInt(value, 10, 64)
	if err == nil && (number <= 0 || number > math.MaxInt64/factor) {
		err = fmt.Errorf("out of range")
	}
	return number * factor, err
}
