package main

import (
	"context"
	"errors"
	"io/fs"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
)

// driver is the three services of CSI.
type driver struct {
	csi.UnimplementedIdentityServer
	csi.UnimplementedControllerServer
	csi.UnimplementedNodeServer
	settings

	pool *pool
	// One request at a time: each is short, and none then sees half of what another does.
	busy sync.Mutex
}

// serve begins to serve; what ends it comes out of the channel.
func serve(driver *driver) (*grpc.Server, <-chan error, error) {
	server := grpc.NewServer(grpc.UnaryInterceptor(driver.intercept))
	csi.RegisterIdentityServer(server, driver)
	csi.RegisterControllerServer(server, driver)
	csi.RegisterNodeServer(server, driver)
	failed, err := listen(server, driver.socket)
	return server, failed, err
}

// listen serves on a socket, in place of one that an earlier process left behind.
func listen(server *grpc.Server, socket string) (<-chan error, error) {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return nil, err
	}
	if err := os.Remove(socket); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return nil, err
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	return failed, nil
}

func (d *driver) intercept(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler,
) (any, error) {
	if strings.HasPrefix(info.FullMethod, "/csi.v1.Identity/") {
		return handle(ctx, request)
	}
	d.busy.Lock()
	defer d.busy.Unlock()
	answer, err := handle(ctx, request)
	log.Printf("%s {%v}: {%v} %v", info.FullMethod, request, answer, err)
	return answer, err
}
