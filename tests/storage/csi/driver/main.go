// Command csi-driver is a CSI driver for tests: volumes and snapshots of one node, in one pool.
//
// A volume is a file on a loop-mounted XFS that can share extents (reflink), so that snapshots and
// clones take a moment whatever their size, also of a volume in use. It does what real drivers do,
// their refusals and delays with it; `parameters.go` lists what a class may ask for.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
)

type settings struct {
	name         string
	node         string
	socket       string
	registration string
	pool         string
	poolSize     int64
}

func main() {
	log.SetFlags(log.Ltime | log.Lmicroseconds)
	var given settings
	flag.StringVar(&given.name, "name", "csi.detour.dev", "name of the driver")
	flag.StringVar(&given.node, "node", "", "name of the node")
	flag.StringVar(&given.socket, "socket", "", "path of the socket to serve on")
	flag.StringVar(&given.registration, "registration", "",
		"folder that kubelet watches for drivers; none: the driver is not registered")
	flag.StringVar(&given.pool, "pool", "", "folder of the pool")
	flag.Int64Var(&given.poolSize, "pool-size", 32<<30, "bytes of a pool that has yet to be made")
	flag.Parse()
	if given.node == "" || given.socket == "" || given.pool == "" {
		fmt.Fprintln(os.Stderr, "-node, -socket and -pool are needed")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, given); err != nil {
		log.Fatal(err)
	}
}

// run serves until it is told to end. The pool stays mounted: volumes of pods may be in use.
func run(ctx context.Context, given settings) error {
	pool, err := openPool(given.pool, given.node, given.poolSize)
	if err != nil {
		return err
	}
	driver := &driver{settings: given, pool: pool}
	server, failed, err := serve(driver)
	if err != nil {
		return err
	}
	defer server.GracefulStop()
	if given.registration != "" {
		registration, refused, err := register(given)
		if err != nil {
			return err
		}
		defer registration.GracefulStop()
		select {
		case err := <-refused:
			return err
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		}
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}
