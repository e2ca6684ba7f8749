package main

import (
	"context"
	"fmt"
	"path/filepath"

	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// registrar answers kubelet, which asks who is behind a socket in the folder that it watches
// (https://kubernetes.io/docs/concepts/extend-kubernetes/compute-storage-net/device-plugins/).
type registrar struct {
	registration.UnimplementedRegistrationServer
	settings
	refused chan error
}

// register has kubelet know the driver; if it refuses, why comes out of the channel.
func register(given settings) (*grpc.Server, <-chan error, error) {
	answering := &registrar{settings: given, refused: make(chan error, 1)}
	server := grpc.NewServer()
	registration.RegisterRegistrationServer(server, answering)
	socket := filepath.Join(given.registration, given.name+"-reg.sock")
	if _, err := listen(server, socket); err != nil {
		return nil, nil, err
	}
	return server, answering.refused, nil
}

func (r *registrar) GetInfo(
	context.Context, *registration.InfoRequest,
) (*registration.PluginInfo, error) {
	return &registration.PluginInfo{
		Type:              registration.CSIPlugin,
		Name:              r.name,
		Endpoint:          r.socket,
		SupportedVersions: []string{"1.0.0"},
	}, nil
}

func (r *registrar) NotifyRegistrationStatus(
	_ context.Context, status *registration.RegistrationStatus,
) (*registration.RegistrationStatusResponse, error) {
	if !status.GetPluginRegistered() {
		select {
		case r.refused <- fmt.Errorf("kubelet refused the driver: %s", status.GetError()):
		default:
		}
	}
	return &registration.RegistrationStatusResponse{}, nil
}
